"""WebSocket handshakes: any header fields are agreed on, or refused by a rule, in a request and in a response."""

from __future__ import annotations

import base64
from collections.abc import Hashable

from drywire_sansio import http1, websocket
from drywire_sansio.websocket.extensions import parse_extensions

from ..findings import Finding
from ..inputs import split_input

__all__ = ["check_handshakes"]

PROTOCOLS = ["chat", "superchat"]
NONCE = b"the sample nonce"


def check_handshakes(data: bytes) -> Hashable:
    """Check header fields, a line each.

    Bit 2 of the choices wishes for compression, bits 0 and 1 for the server's window, 5 and 6 for no context, 7 for a
    small window of the client; bit 3 makes the request a POST, and bit 4 one in HTTP/1.0.
    """
    text, choices = split_input(data)
    lines = [line.partition(b":") for line in text.split(b"\n")]
    try:
        fields = http1.FieldLines([(name.strip(), value.strip()) for name, _, value in lines])
    except http1.LocalProtocolError:
        return "no fields"
    wish = _wish(choices) if choices & 4 else None
    request = http1.Request(
        b"POST" if choices & 8 else b"GET", b"/", fields, http_version=b"1.0" if choices & 16 else b"1.1"
    )
    return (*_as_server(request, wish), *_as_client(fields, wish))


def _wish(choices: int) -> websocket.Deflate:
    return websocket.Deflate(
        server_max_window_bits=9 + (choices & 3),
        client_max_window_bits=10 if choices & 128 else 15,
        server_no_context_takeover=bool(choices & 32),
        client_no_context_takeover=bool(choices & 64),
    )


def _as_server(request: http1.Request, wish: websocket.Deflate | None) -> tuple[str, ...]:
    try:
        accepted = websocket.accept(request, protocols=PROTOCOLS, deflate=wish)
    except websocket.HandshakeRefused as error:
        if error.status not in (400, 426) or not error.rule:
            raise Finding(f"a request is refused with {error.status} by {error.rule!r}") from error
        http1.FieldLines(error.response().headers)
        return ("refused", error.rule)
    if request.method != b"GET" or request.http_version != b"1.1":
        raise Finding(f"{request.method!r} in {request.http_version!r} is accepted")
    _check_acceptance(request, accepted, wish)
    return ("accepted", str(accepted.protocol), str(accepted.deflate))


def _check_acceptance(request: http1.Request, accepted: websocket.Accepted, wish: websocket.Deflate | None) -> None:
    """A client that made the request takes the response, and settles the same by it."""
    http1.FieldLines(accepted.response.headers)
    agreed = accepted.deflate
    if agreed is not None and (wish is None or agreed.server_max_window_bits > wish.server_max_window_bits):
        raise Finding(f"agreed to {agreed}, wished for {wish}")
    if accepted.protocol is not None and accepted.protocol not in PROTOCOLS:
        raise Finding(f"the subprotocol {accepted.protocol!r} is not ours")
    key = next(value for name, value in request.headers if name.lower() == b"sec-websocket-key")
    protocols = [accepted.protocol] if accepted.protocol else []
    agreement = websocket.confirm(accepted.response, base64.b64decode(key.strip()), protocols=protocols, deflate=agreed)
    if (agreement.protocol, agreement.deflate) != (accepted.protocol, agreed):
        raise Finding(f"the server settles {accepted}, the client {agreement}")


def _as_client(fields: http1.FieldLines, wish: websocket.Deflate | None) -> tuple[str, ...]:
    try:
        agreement = websocket.confirm(http1.Response(101, fields), NONCE, protocols=PROTOCOLS, deflate=wish)
    except websocket.HandshakeRefused as error:
        if error.status != 502 or not error.rule:
            raise Finding(f"a response is refused with {error.status} by {error.rule!r}") from error
        return ("refused", error.rule)
    agreed = agreement.deflate
    if agreed is not None and (wish is None or agreed.server_max_window_bits > wish.server_max_window_bits):
        raise Finding(f"confirmed {agreed}, wished for {wish}")
    value = b",".join(value for name, value in fields if name.lower() == b"sec-websocket-extensions")
    if agreed is None and parse_extensions(value):
        raise Finding(f"the extensions {value!r:.300} are passed over")
    return ("confirmed", str(agreement.protocol), str(agreed))
