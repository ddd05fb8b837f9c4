"""Handlers tested with requests in all their spellings: drywire's own over a connection in memory, ASGI's by its scope.

Run it with pytest, in this folder. Needs ``pip install drywire[hypothesis]``.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote_to_bytes

from application import asgi_echo, echo
from hypothesis import given, settings
from hypothesis import strategies as st

from drywire import web
from drywire_sansio import http1
from drywire_sansio import strategies as http
from drywire_transports import current_runtime
from drywire_transports.in_memory import memory_pair


async def answers(app: web.Application, pieces: list[bytes]) -> bytes:
    """Return all that `app` says on a connection over which `pieces` arrive one after the other."""
    runtime = current_runtime()
    here, there = memory_pair(runtime)
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server is not None
    task = runtime.spawn(runner.server.serve, there)
    try:
        for piece in pieces:
            await here.send(piece)
        await here.send_eof()
        said = b""
        while data := await here.receive():
            said += data
        return said
    finally:
        here.abort()
        await task.wait()
        await runner.cleanup()


@settings(deadline=None)
@given(http.requests(), st.data())
def test_the_handler_echoes_any_body_in_any_framing(message: http.Message, data: st.DataObject) -> None:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", echo)
    assert isinstance(message.head, http1.Request)
    if not message.head.target.startswith(b"/"):
        return  # routes are about paths
    pieces = data.draw(http.splits(message.wire))
    client = http1.ClientConnection()
    client.send_whole(http1.Request(message.head.method, b"/", [(b"Host", b"a")]))
    client.receive_data(asyncio.run(answers(app, pieces)))
    head = client.next_event()
    while isinstance(head, http1.InformationalResponse):
        head = client.next_event()
    assert isinstance(head, http1.Response)
    assert head.status == 200
    assert (b"X-Length", b"%d" % len(message.body)) in head.headers
    if message.head.method != b"HEAD":
        received = client.next_event()
        assert (received.data if isinstance(received, http1.Data) else b"") == message.body


def scope_of(head: http1.Request) -> dict[str, Any]:
    """Return the ASGI scope of a request."""
    path, _, query = head.target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": head.http_version.decode(),
        "method": head.method.decode().upper(),
        "scheme": "http",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "headers": [(name.lower(), value) for name, value in head.headers],
    }


@given(http.requests(), st.data())
def test_the_asgi_application_echoes_any_body_in_any_pieces(message: http.Message, data: st.DataObject) -> None:
    pieces = data.draw(http.splits(message.body))
    arriving = iter([*pieces, b""])
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        piece = next(arriving)
        return {"type": "http.request", "body": piece, "more_body": piece != b""}

    async def send(event: Any) -> None:
        sent.append(event)

    assert isinstance(message.head, http1.Request)
    asyncio.run(asgi_echo(scope_of(message.head), receive, send))
    start, body = sent
    assert start["status"] == 200
    assert (b"x-length", b"%d" % len(message.body)) in start["headers"]
    assert body["body"] == message.body
