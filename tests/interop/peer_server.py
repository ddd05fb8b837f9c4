"""The server that other people's clients talk to in `test_server_peers`; prints its two ports, ends by SIGTERM."""

import signal
import ssl
import sys

from drywire import web
from drywire_transports import current_runtime, run

BIG = bytes(range(256)) * 4096  # 1 MiB
PAGE = "<!doctype html><title>peers</title><p>ready</p>"


async def hello(request):
    return web.Response(text="hello")


async def page(request):
    return web.Response(text=PAGE, content_type="text/html")


async def echo(request):
    return web.Response(body=await request.read(), content_type="application/octet-stream")


async def form(request):
    data = await request.post()
    said = {}
    for name, value in data.items():
        said[name] = value if isinstance(value, str) else [value.filename, value.content_type, len(value.file.read())]
    return web.json_response(said)


async def stream(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for start in range(0, len(BIG), 50_000):
        await response.write(BIG[start : start + 50_000])
    await response.write_eof()
    return response


async def text(request):
    response = web.Response(text="hällo " * 5000)
    response.enable_compression()
    return response


async def endless(request):
    """Stream until the client has enough, and count that."""
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        while True:
            await response.write(b"tick\n" * 100)
            await current_runtime().sleep_until(current_runtime().now() + 0.01)
    finally:
        request.app[LEFT].append(1)


async def left(request):
    return web.json_response(len(request.app[LEFT]))


async def cookie(request):
    response = web.json_response(dict(request.cookies))
    response.set_cookie("seen", "yes", httponly=True)
    return response


async def redirect(request):
    raise web.HTTPFound("/hello")


async def socket(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        await ws.send_str(message.data)
    return ws


LEFT = web.AppKey("left", list)


async def main(certificate):
    runtime = current_runtime()
    app = web.Application(client_max_size=0)
    app[LEFT] = []
    app.router.add_get("/", page)
    app.router.add_get("/socket", socket)
    for handler in (hello, stream, text, endless, left, cookie, redirect):
        app.router.add_get(f"/{handler.__name__}", handler)
    app.router.add_route("*", "/echo", echo)
    app.router.add_post("/form", form)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    runner = web.AppRunner(app, shutdown_timeout=2, access_log=None)
    await runner.setup()
    stop = runtime.wake()
    unwatch = runtime.watch_signals((signal.SIGTERM,), lambda _: stop.set())
    sites = [web.TCPSite(runner, "127.0.0.1", 0), web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)]
    for site in sites:
        await site.start()
    print(*(site.port for site in sites), flush=True)
    await runtime.park(stop)
    await runner.cleanup()
    unwatch()


if __name__ == "__main__":
    options = {}
    if sys.argv[1] == "uvloop":
        import uvloop

        options["loop_factory"] = uvloop.new_event_loop
    run(main, sys.argv[2], backend="trio" if sys.argv[1] == "trio" else "asyncio", **options)
