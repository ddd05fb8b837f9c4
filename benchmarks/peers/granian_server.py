"""granian (Rust) with one worker: hello, bare ASGI. Arguments: port."""

import sys

from granian import Granian

if __name__ == "__main__":
    Granian(
        "benchmarks.peers.asgi:app",
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface="asginl",
        workers=1,
        log_enabled=False,
    ).serve()
