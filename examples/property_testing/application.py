"""A handler for drywire's server and an ASGI application that do the same: echo a body and count it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from drywire import web

Message = MutableMapping[str, Any]


async def echo(request: web.Request) -> web.Response:
    """Answer with the body that was sent."""
    body = await request.read()
    return web.Response(body=body, headers={"X-Length": str(len(body))})


async def asgi_echo(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer with the body that was sent, as ASGI puts it."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    fields = [(b"x-length", b"%d" % len(body)), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})
