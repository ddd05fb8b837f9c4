"""A program of a user, which type checkers read and nobody runs."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any, Literal, assert_type

import drywire
from drywire import hdrs, typedefs, web

NAMES = web.AppKey("names", dict[str, int])
USER = web.RequestKey("user", str)
routes = web.RouteTableDef()


@routes.get("/{name}")
async def show(request: web.Request) -> web.Response:
    assert_type(request.app.logger, logging.Logger)
    assert_type(request.app[NAMES], dict[str, int])
    assert_type(request.app.get(NAMES), dict[str, int] | None)
    assert_type(request.config_dict[NAMES], dict[str, int])
    name: str = request.match_info["name"]
    if name not in request.app[NAMES]:
        raise web.HTTPNotFound(text="no such name")
    if request.headers.get(hdrs.IF_NONE_MATCH) == "x":
        raise web.HTTPNotModified
    count: int = request.app[NAMES][name]
    response = web.json_response({"count": count}, headers={hdrs.CACHE_CONTROL: "no-store"})
    response.etag = drywire.ETag("1")
    response.headers["X-Count"] = str(count_of(request.app, name))
    response.set_cookie("seen", "1", httponly=True)
    return response


@web.middleware
async def known(request: web.Request, handler: typedefs.Handler) -> web.StreamResponse:
    try:
        request[USER] = "ann"
        return await handler(request)
    except web.HTTPException as error:
        if error.status == 404:
            return web.Response(status=error.status, text=error.reason)
        raise


def count_of(app: web.Application, name: str) -> int:
    return app[NAMES].get(name, 0)


async def chat(request: web.Request) -> web.WebSocketResponse:
    ws = web.WebSocketResponse(heartbeat=20)
    await ws.prepare(request)
    words: str = await ws.receive_str()
    assert_type(request[USER], str)
    request.app.logger.info("%s says %s", request[USER], words)
    async for message in ws:
        if message.type is web.WSMsgType.TEXT:
            await ws.send_str(message.data)
    await ws.close(code=drywire.WSCloseCode.GOING_AWAY)
    return ws


async def as_bytes(request: web.Request) -> web.WebSocketResponse[Literal[False]]:
    ws = web.WebSocketResponse[Literal[False]](decode_text=False)
    await ws.prepare(request)
    assert_type(await ws.receive_str(), bytes)
    return ws


async def database(app: web.Application) -> AsyncIterator[None]:
    app[NAMES] = {"ann": 1}
    yield


def make_app() -> web.Application:
    app = web.Application(middlewares=[known, web.normalize_path_middleware()])
    app.cleanup_ctx.append(database)
    app.add_routes(routes)
    app.router.add_get("/chat", chat)
    app.add_routes([web.get("/bytes", as_bytes), web.post("/upload", upload)])
    return app


async def upload(request: web.Request) -> web.StreamResponse:
    data = await request.post()
    field = data["file"]
    if not isinstance(field, web.FileField):
        raise web.HTTPBadRequest(reason="a file is missing")
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(field.file.read())
    await response.write_eof()
    return response


async def visit(url: str) -> Any:
    timeout = drywire.ClientTimeout(total=5)
    try:
        async with drywire.ClientSession(url, timeout=timeout) as session, session.get("/ann") as response:
            assert_type(response.status, int)
            response.raise_for_status()
            async with session.ws_connect("/chat") as ws:
                assert_type(await ws.receive_str(), str)
            async with session.ws_connect("/chat", decode_text=False) as ws_of_bytes:
                assert_type(await ws_of_bytes.receive_str(), bytes)
            return await response.json()
    except (drywire.ClientResponseError, drywire.ClientConnectorError, TimeoutError) as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    web.run_app(make_app(), port=8080)
