"""The opening handshake, both roles: from HTTP's events to HTTP's events (RFC 6455, 4).

A client makes its request of `request_fields` and judges the response by `confirm`; a server judges the request by
`accept`, and answers with what comes of it, or with `HandshakeRefused.response()`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from ..errors import RemoteProtocolError
from ..fields import list_members
from ..grammar import TOKEN
from ..http1.events import Fields, InformationalResponse, Request, Response
from .deflate import NAME as DEFLATE_NAME
from .deflate import Deflate, accept_offer, confirm_agreement, offer
from .extensions import format_extension, parse_extensions

__all__ = ["Accepted", "Agreement", "HandshakeRefused", "accept", "accept_value", "confirm", "request_fields"]

VERSION: Final = b"13"
_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")  # base64 of 16 bytes

Pairs = list[tuple[bytes, bytes]]


class HandshakeRefused(RemoteProtocolError):
    """A handshake that does not hold. A server answers it with `response()`; `rule` names what was wrong."""

    def response(self) -> Response:
        """Return the response to the request: its status, the reason as text, and what the status calls for."""
        fields: Pairs = [(b"Content-Type", b"text/plain; charset=utf-8")]
        return Response(self.status, [*fields, *self.fields()], b"")

    def fields(self) -> Pairs:
        """Return the header fields that the status calls for: those of 426 (RFC 6455, 4.4; RFC 9110, 15.5.22)."""
        if self.status != 426:
            return []
        return [(b"Sec-WebSocket-Version", VERSION), (b"Upgrade", b"websocket"), (b"Connection", b"upgrade")]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a handshake has settled."""

    protocol: str | None = None
    """The subprotocol, None where there is none."""
    deflate: Deflate | None = None
    """How messages are compressed, None where they are not."""


@dataclass(frozen=True, slots=True)
class Accepted(Agreement):
    """What a server has settled, and the response that says so."""

    response: InformationalResponse = field(kw_only=True)


def accept_value(key: bytes) -> bytes:
    """Return the Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455, 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest())


def _values(fields: Fields, name: bytes) -> list[bytes]:
    return [value.strip(b" \t") for key, value in fields if key.lower() == name]


def _members(fields: Fields, name: bytes) -> list[bytes]:
    return [member for value in _values(fields, name) for member in list_members(value)]


def _has_token(fields: Fields, name: bytes, token: bytes) -> bool:
    return any(member.lower() == token for member in _members(fields, name))


# The client


def request_fields(
    random: bytes, *, protocols: Sequence[str] = (), deflate: Deflate | None = None, origin: str | None = None
) -> Pairs:
    """Return the header fields that make a GET request a handshake (RFC 6455, 4.1).

    `random` is 16 fresh random bytes; `protocols` are the subprotocols wished for, the dearest first; `deflate` is
    the compression to offer, None for none. Raises ValueError where one of them is not valid.
    """
    if len(random) != 16:
        raise ValueError(f"a handshake needs 16 random bytes, not {len(random)} (RFC 6455, 4.1)")
    fields = [
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Key", base64.b64encode(random)),
        (b"Sec-WebSocket-Version", VERSION),
    ]
    if protocols:
        if len(set(protocols)) != len(protocols):
            raise ValueError("a subprotocol is there twice (RFC 6455, 4.1)")
        fields.append((b"Sec-WebSocket-Protocol", b", ".join(_protocol(name) for name in protocols)))
    if deflate is not None:
        fields.append((b"Sec-WebSocket-Extensions", format_extension(offer(deflate))))
    if origin is not None:
        fields.append((b"Origin", origin.encode("ascii")))
    return fields


def _protocol(name: str) -> bytes:
    if not name.isascii() or TOKEN.fullmatch(name.encode()) is None:
        raise ValueError(f"subprotocol {name[:60]!r} is not a token (RFC 6455, 4.1)")
    return name.encode()


def confirm(
    response: Response | InformationalResponse,
    random: bytes,
    *,
    protocols: Sequence[str] = (),
    deflate: Deflate | None = None,
) -> Agreement:
    """Return what the server's `response` settles, the other arguments being those of `request_fields`.

    Raises HandshakeRefused, by the rule ``bad-status``, ``bad-upgrade``, ``bad-connection``, ``bad-accept``,
    ``bad-protocol`` or ``bad-extension`` (RFC 6455, 4.1).
    """
    fields = response.headers
    if response.status != 101:
        _refuse(f"the server answered {response.status} and not 101", "bad-status", status=502)
    if [value.lower() for value in _values(fields, b"upgrade")] != [b"websocket"]:
        _refuse("Upgrade in the response is not websocket", "bad-upgrade", status=502)
    if not _has_token(fields, b"connection", b"upgrade"):
        _refuse("Connection in the response does not say upgrade", "bad-connection", status=502)
    if _values(fields, b"sec-websocket-accept") != [accept_value(base64.b64encode(random))]:
        _refuse("Sec-WebSocket-Accept does not answer the key that was sent", "bad-accept", status=502)
    return Agreement(_confirmed_protocol(fields, protocols), _confirmed_deflate(fields, deflate))


def _confirmed_protocol(fields: Fields, protocols: Sequence[str]) -> str | None:
    chosen = _values(fields, b"sec-websocket-protocol")
    if not chosen:
        return None
    name = chosen[0].decode("latin-1")
    if len(chosen) > 1 or name not in protocols:
        _refuse("the server chose a subprotocol that was not asked for", "bad-protocol", status=502)
    return name


def _confirmed_deflate(fields: Fields, wish: Deflate | None) -> Deflate | None:
    value = b",".join(_values(fields, b"sec-websocket-extensions"))
    agreed = parse_extensions(value)
    if agreed is None:
        _refuse("Sec-WebSocket-Extensions in the response is malformed", "bad-extension", status=502)
    if not agreed:
        return None
    if wish is None or len(agreed) > 1 or agreed[0].name != DEFLATE_NAME:
        _refuse("the server uses an extension that was not offered", "bad-extension", status=502)
    result = confirm_agreement(agreed[0], wish)
    if isinstance(result, str):
        _refuse(result, "bad-extension", status=502)
    return result


# The server


def accept(request: Request, *, protocols: Iterable[str] = (), deflate: Deflate | None = None) -> Accepted:
    """Return what `request` settles, and the response that opens the WebSocket.

    The subprotocol is the first of the client's that is among `protocols`; None where none is, and the client may
    think of it what it likes. `deflate` is what to agree to where the client offers compression, None for no
    compression. Whether the Origin is welcome is for the application to say, with a 403 of its own.

    Raises HandshakeRefused with the status 400, or 426 for another version than 13 (RFC 6455, 4.2.1 and 4.4).
    """
    key = _checked_key(request)
    fields = request.headers
    known = frozenset(protocols)
    offered = [member.decode("latin-1") for member in _members(fields, b"sec-websocket-protocol")]
    protocol = next((name for name in offered if name in known), None)
    answer: Pairs = [
        (b"Upgrade", b"websocket"),
        (b"Connection", b"upgrade"),
        (b"Sec-WebSocket-Accept", accept_value(key)),
    ]
    if protocol is not None:
        answer.append((b"Sec-WebSocket-Protocol", protocol.encode("latin-1")))
    agreed = None
    if deflate is not None:
        # A field that does not follow the grammar offers nothing: compression is no reason to refuse anybody.
        extensions = parse_extensions(b",".join(_values(fields, b"sec-websocket-extensions"))) or []
        accepted = accept_offer(extensions, deflate)
        if accepted is not None:
            answer.append((b"Sec-WebSocket-Extensions", format_extension(accepted[0])))
            agreed = accepted[1]
    return Accepted(protocol, agreed, response=InformationalResponse(101, answer, b"Switching Protocols"))


def _checked_key(request: Request) -> bytes:
    """Return the key of a handshake that holds."""
    fields = request.headers
    if request.method != b"GET" or request.http_version != b"1.1":
        _refuse("a WebSocket is opened by GET in HTTP/1.1", "bad-method")
    if not _has_token(fields, b"upgrade", b"websocket"):
        _refuse('no WebSocket handshake: Upgrade must name "websocket"', "bad-upgrade")
    if not _has_token(fields, b"connection", b"upgrade"):
        _refuse('no WebSocket handshake: Connection must say "upgrade"', "bad-connection")
    if _values(fields, b"content-length") not in ([], [b"0"]) or _values(fields, b"transfer-encoding"):
        _refuse("a WebSocket handshake has no body", "unexpected-body")
    versions = _values(fields, b"sec-websocket-version")
    if len(versions) != 1:
        _refuse("Sec-WebSocket-Version must be there once", "bad-version")
    if versions[0] != VERSION:
        _refuse("the version of WebSocket spoken here is 13", "bad-version", status=426)
    keys = _values(fields, b"sec-websocket-key")
    if len(keys) != 1 or _KEY.fullmatch(keys[0]) is None:
        _refuse("Sec-WebSocket-Key must be there once, 16 bytes in base64", "bad-key")
    return keys[0]


def _refuse(message: str, rule: str, *, status: int = 400) -> NoReturn:
    side = "4.2.1" if status in (400, 426) else "4.1"
    raise HandshakeRefused(message, status=status, rule=rule, section=f"RFC 6455, {side}")
