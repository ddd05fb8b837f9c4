"""drywire: hello. Arguments: loop, port."""

import sys

from drywire import web


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="Hello, world!")


loop, port = sys.argv[1:]
factory = None
if loop == "uvloop":
    import uvloop

    factory = uvloop.new_event_loop
app = web.Application()
app.router.add_get("/", hello)
backend = "trio" if loop == "trio" else "asyncio"
web.run_app(app, host="127.0.0.1", port=int(port), backend=backend, loop_factory=factory, print=None)
