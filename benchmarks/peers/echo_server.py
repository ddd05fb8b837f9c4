"""A WebSocket echo server. Arguments: library (drywire, aiohttp, websockets), loop, port."""

import asyncio
import sys

library, loop, port = sys.argv[1:]
LARGEST = 1 << 24


def loop_factory():
    if loop != "uvloop":
        return None
    import uvloop

    return uvloop.new_event_loop


def application(web):
    """Return the same program for drywire and for aiohttp."""

    async def echo(request):
        ws = web.WebSocketResponse(max_msg_size=LARGEST)
        await ws.prepare(request)
        async for message in ws:
            if message.type is web.WSMsgType.TEXT:
                await ws.send_str(message.data)
            elif message.type is web.WSMsgType.BINARY:
                await ws.send_bytes(message.data)
        return ws

    app = web.Application()
    app.router.add_get("/", echo)
    return app


def serve_drywire():
    from drywire import web

    backend = "trio" if loop == "trio" else "asyncio"
    web.run_app(
        application(web), host="127.0.0.1", port=int(port), backend=backend, loop_factory=loop_factory(), print=None
    )


def serve_aiohttp():
    from aiohttp import web

    factory = loop_factory()
    event_loop = factory() if factory else asyncio.new_event_loop()
    web.run_app(application(web), host="127.0.0.1", port=int(port), loop=event_loop, print=None, access_log=None)


def serve_websockets():
    from websockets.asyncio.server import serve

    async def echo(ws):
        async for message in ws:
            await ws.send(message)

    async def main():
        async with serve(echo, "127.0.0.1", int(port), max_size=LARGEST, ping_interval=None) as server:
            await server.serve_forever()

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main())


{"drywire": serve_drywire, "aiohttp": serve_aiohttp, "websockets": serve_websockets}[library]()
