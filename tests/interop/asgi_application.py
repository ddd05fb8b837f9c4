"""An application of ours as other servers load it: ``asgi_application:app``. What it lives through goes to a file."""

import os

from drywire import web
from drywire_transports import current_runtime


def note(text):
    with open(os.environ["NOTES"], "a") as file:
        file.write(text + "\n")


async def about(request):
    return web.json_response(
        {
            "loop": current_runtime().name,
            "method": request.method,
            "path": request.path,
            "query": request.query_string,
            "version": list(request.version),
            "scheme": request.scheme,
            "remote": request.remote,
            "host": request.host,
            "url": str(request.url),
            "accept": request.headers.getall("X-Twice", []),
        },
        headers={"X-Here": "1"},
    )


async def echo(request):
    response = web.StreamResponse(status=201)
    await response.prepare(request)
    async for piece in request.content.iter_any():
        await response.write(piece)
    return response


async def endless(request):
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        while True:
            await response.write(b"." * 1000)
            await current_runtime().sleep_until(current_runtime().now() + 0.02)
    except ConnectionResetError:
        note("gone")
        raise


async def broken(request):
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"a part")
    raise ValueError("half-way")


async def raising(request):
    raise ValueError("at once")


async def talk(request):
    ws = web.WebSocketResponse(protocols=["chat"], heartbeat=30)
    ws.headers["X-Talk"] = "1"
    await ws.prepare(request)
    async for message in ws:
        if message.type is web.WSMsgType.BINARY:
            await ws.send_bytes(message.data[::-1])
        elif message.data == "bye":
            await ws.close(code=4002, message=b"as you like")
        else:
            await ws.send_str(message.data.upper())
    note(f"closed {ws.close_code}")
    return ws


async def refuse(request):
    raise web.HTTPForbidden(text="not you", headers={"X-Why": "no"})


async def lifetime(app):
    note("started")
    yield
    note("ended")


app = web.Application(client_max_size=0)
app.cleanup_ctx.append(lifetime)
app.add_routes(
    [
        web.get("/about/{name}", about),
        web.post("/echo", echo),
        web.get("/endless", endless),
        web.get("/broken", broken),
        web.get("/raising", raising),
        web.get("/talk", talk),
        web.get("/refuse", refuse),
    ]
)
