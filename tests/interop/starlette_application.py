"""A Starlette application that our server runs. What it lives through is appended to a list."""

import contextlib

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute

from drywire_transports import current_runtime


@contextlib.asynccontextmanager
async def lifespan(app):
    app.state.told.append("started")
    yield {"pool": "a pool"}
    app.state.told.append("ended")


async def about(request):
    return JSONResponse(
        {
            "path": request.url.path,
            "root": request.scope["root_path"],
            "name": request.path_params["name"],
            "url": str(request.url),
            "link": str(request.url_for("about", name="ada")),
            "query": request.query_params["q"],
            "client": request.client.host,
            "state": request.state.pool,
            "twice": request.headers.getlist("x-twice"),
        },
        headers={"X-Here": "1"},
    )


async def echo(request):
    return StreamingResponse(request.stream(), 201)


async def endless(request):
    async def pieces():
        yield b"." * 1000
        while not await request.is_disconnected():
            await current_runtime().sleep_until(current_runtime().now() + 0.005)
        request.app.state.told.append("gone")

    return StreamingResponse(pieces())


async def broken(request):
    async def pieces():
        yield b"a part"
        raise ValueError("half-way")

    return StreamingResponse(pieces())


async def later(request):
    state = request.app.state

    async def work():
        await current_runtime().park(state.gate)
        state.told.append("worked")
        state.worked.set()

    return PlainTextResponse("soon", background=BackgroundTask(work))


async def file(request):
    return FileResponse(__file__, media_type="text/x-python")


async def raising(request):
    raise ValueError("at once")


async def talk(ws):
    await ws.accept("chat", [(b"x-talk", b"1")])
    while (message := await ws.receive())["type"] == "websocket.receive":
        if message["text"] == "bye":
            await ws.close(4002, "as you like")
        elif message["text"] is not None:
            await ws.send_text(message["text"].upper())
        else:
            await ws.send_bytes(message["bytes"][::-1])
    ws.app.state.told.append((message["code"], message["reason"]))


async def refuse(ws):
    await ws.send_denial_response(PlainTextResponse("not you", 401, {"X-Why": "no"}))


async def close(ws):
    await ws.close()


def application(told, runtime):
    """The application, with two wakes: it works on in the background once `gate` is set, and then sets `worked`."""
    app = Starlette(
        lifespan=lifespan,
        routes=[
            Mount("/sub", routes=[Route("/about/{name}", about, name="deeper")]),
            Route("/about/{name}", about, name="about"),
            Route("/echo", echo, methods=["POST"]),
            Route("/endless", endless),
            Route("/broken", broken),
            Route("/later", later),
            Route("/file", file),
            Route("/raising", raising),
            WebSocketRoute("/talk", talk),
            WebSocketRoute("/refuse", refuse),
            WebSocketRoute("/close", close),
        ],
    )
    app.state.told = told
    app.state.gate, app.state.worked = runtime.wake(), runtime.wake()
    return app
