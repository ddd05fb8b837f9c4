"""The server of the demo: a JSON echo, an upload that counts, a download of any size. Run it by itself, too:

python examples/demo_app.py --backend trio --port 8080
"""

from __future__ import annotations

import argparse

from drywire import web

PIECE = bytes(range(256)) * 1024  # 256 KiB


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="Hello, world!")


async def echo(request: web.Request) -> web.Response:
    return web.json_response({"you sent": await request.json()})


async def upload(request: web.Request) -> web.Response:
    size = 0
    async for piece in request.content.iter_chunked(len(PIECE)):
        size += len(piece)
    return web.json_response({"received": size})


async def download(request: web.Request) -> web.StreamResponse:
    left = int(request.match_info["size"])
    response = web.StreamResponse()
    response.content_length = left
    await response.prepare(request)
    while left:
        piece = PIECE[: min(left, len(PIECE))]
        await response.write(piece)
        left -= len(piece)
    await response.write_eof()
    return response


def make_app() -> web.Application:
    app = web.Application()
    app.add_routes(
        [
            web.get("/", hello),
            web.post("/echo", echo),
            web.post("/upload", upload),
            web.get(r"/download/{size:\d+}", download),
        ]
    )
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="the server of the demo")
    parser.add_argument("--backend", choices=["asyncio", "uvloop", "trio"], default="asyncio")
    parser.add_argument("--port", type=int, default=8080, help="0 for a free one")
    options = parser.parse_args()
    loop_factory = None
    if options.backend == "uvloop":
        import uvloop

        loop_factory = uvloop.new_event_loop
    web.run_app(
        make_app(),
        host="127.0.0.1",
        port=options.port,
        backend="trio" if options.backend == "trio" else "asyncio",
        loop_factory=loop_factory,
        print=lambda text: print(text, flush=True),
    )


if __name__ == "__main__":
    main()
