"""python -m benchmarks [head] [body] [server] [client] [websocket] [--rounds N] [--seconds S]"""

from __future__ import annotations

import argparse
import platform

from . import bodies, clients, echoes, heads, servers

parser = argparse.ArgumentParser(prog="python -m benchmarks", description="drywire beside its peers")
parser.add_argument(
    "what", nargs="*", choices=["head", "body", "server", "client", "websocket", []], help="all unless named"
)
parser.add_argument("--rounds", type=int, default=5, help="times that each contender runs")
parser.add_argument("--seconds", type=int, default=3, help="length of a server run")
parser.add_argument("--quick", action="store_true", help="two rounds of one second: to see that all of it works")
options = parser.parse_args()
rounds, seconds = (2, 1) if options.quick else (options.rounds, options.seconds)
what = options.what or ["head", "body", "server", "client", "websocket"]
print(f"Python {platform.python_version()}, {rounds} rounds in turn; medians (lowest to highest)")
if "head" in what:
    heads.main(rounds)
if "body" in what:
    bodies.main(rounds)
if "server" in what:
    servers.main(rounds, seconds)
if "client" in what:
    clients.main(rounds)
if "websocket" in what:
    echoes.main(rounds, seconds)
