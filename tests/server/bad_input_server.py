"""The server that `test_bad_input` throws bytes at; prints its address, ends by SIGTERM."""

import sys

from drywire import web


async def read(request):
    return web.json_response({"path": request.path, "size": len(await request.read())})


def main(loop):
    factory = None
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    app = web.Application()
    app.router.add_route("*", "/", read)
    app.router.add_route("*", "/a/{rest}", read)
    web.run_app(
        app,
        host="127.0.0.1",
        port=0,
        backend="trio" if loop == "trio" else "asyncio",
        loop_factory=factory,
        head_timeout=1,
        body_timeout=1,
        lingering_time=1,
        keepalive_timeout=2,
        print=lambda text: print(text, flush=True),
    )


if __name__ == "__main__":
    main(sys.argv[1])
