"""The server that `test_shutdown_under_load` stops; prints its address, and in the end what it has done."""

import json
import sys

from drywire import web
from drywire_transports import current_runtime

counts = {"begun": 0, "ended": 0}
PIECE = bytes(range(256)) * 4


async def pause(seconds):
    runtime = current_runtime()
    await runtime.sleep_until(runtime.now() + seconds)


@web.middleware
async def counted(request, handler):
    counts["begun"] += 1
    response = await handler(request)
    counts["ended"] += 1
    return response


async def quick(request):
    return web.Response(body=PIECE)


async def work(request):
    await pause(0.3)
    return web.Response(body=PIECE * 100)


async def stream(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(20):
        await response.write(PIECE)
        await pause(0.02)
    await response.write_eof()
    return response


async def upload(request):
    return web.Response(text=str(len(await request.read())))


async def for_ever(request):
    await pause(1000)


async def socket(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        await ws.send_str(message.data)
    return ws


async def tell(app):
    print(json.dumps(counts), flush=True)


def main(loop, shutdown_timeout):
    factory = None
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    app = web.Application(middlewares=[counted])
    app.router.add_get("/quick", quick)
    app.router.add_get("/work", work)
    app.router.add_get("/stream", stream)
    app.router.add_post("/upload", upload)
    app.router.add_get("/for-ever", for_ever)
    app.router.add_get("/socket", socket)
    app.on_cleanup.append(tell)
    web.run_app(
        app,
        host="127.0.0.1",
        port=0,
        backlog=1024,
        backend="trio" if loop == "trio" else "asyncio",
        loop_factory=factory,
        shutdown_timeout=float(shutdown_timeout),
        access_log=None,
        print=lambda text: print(text, flush=True),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
