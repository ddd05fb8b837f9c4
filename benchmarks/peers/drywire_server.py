"""drywire with the pages of `pages`. Arguments: loop, kind of application, port."""

import sys

from drywire import web

from .pages import application

loop, kind, port = sys.argv[1:]
factory = None
if loop == "uvloop":
    import uvloop

    factory = uvloop.new_event_loop
backend = "trio" if loop == "trio" else "asyncio"
web.run_app(
    application(web, kind),
    host="127.0.0.1",
    port=int(port),
    backend=backend,
    loop_factory=factory,
    print=None,
    access_log=None,
)
