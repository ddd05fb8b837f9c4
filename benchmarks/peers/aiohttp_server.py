"""aiohttp with the pages of `pages`. Arguments: loop, kind of application, port."""

import asyncio
import sys

from aiohttp import web

from .pages import application

kind_of_loop, kind, port = sys.argv[1:]
loop = asyncio.new_event_loop()
if kind_of_loop == "uvloop":
    import uvloop

    loop = uvloop.new_event_loop()
web.run_app(application(web, kind), host="127.0.0.1", port=int(port), loop=loop, print=None, access_log=None)
