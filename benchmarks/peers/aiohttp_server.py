"""aiohttp: hello. Arguments: loop, port."""

import asyncio
import sys

from aiohttp import web


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="Hello, world!")


kind, port = sys.argv[1:]
loop = asyncio.new_event_loop()
if kind == "uvloop":
    import uvloop

    loop = uvloop.new_event_loop()
app = web.Application()
app.router.add_get("/", hello)
web.run_app(app, host="127.0.0.1", port=int(port), loop=loop, print=None, access_log=None)
