"""uvicorn with httptools on uvloop: hello, bare ASGI. Arguments: port."""

import sys

import uvicorn

from benchmarks.peers.asgi import app

uvicorn.run(
    app,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    loop="uvloop",
    http="httptools",
    access_log=False,
    lifespan="off",
    log_level="error",
)
