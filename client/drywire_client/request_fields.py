"""The header of a request: what the program gave, and what goes along by itself."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Final

from multidict import CIMultiDict

from drywire_sansio import __version__, http1
from drywire_sansio.coding import accepted_codings
from drywire_sansio.cookies import parse_cookie, write_cookie
from drywire_sansio.grammar import HOST, METHOD
from drywire_transports.message_fields import map_to_fields
from drywire_transports.payloads import Payload

__all__ = ["SERVER_SOFTWARE", "checked_method", "length_field", "request_fields"]

SERVER_SOFTWARE: Final = f"Python/{sys.version_info[0]}.{sys.version_info[1]} drywire/{__version__}"
CHUNKED: Final = (b"Transfer-Encoding", b"chunked")
BODY_EXPECTED: Final = frozenset({"POST", "PUT", "PATCH"})
NO_HOST: Final = "its host has a character that no host has (RFC 3986, 3.2.2)"


def checked_method(method: str) -> str:
    """Return `method` in upper case. Raises ValueError where it is not a token."""
    if not method.isascii() or METHOD.fullmatch(method.encode()) is None:
        raise ValueError(f"method {method[:60]!r} is not a token: it may not hold spaces or control characters")
    return method.upper()


def is_host(host: str) -> bool:
    """Return whether `host`, with or without a port, may stand in a Host field (RFC 9112, 3.2)."""
    return HOST.fullmatch(host.lower().encode("ascii", "replace")) is not None


def request_fields(
    host: str, headers: CIMultiDict[str], content_type: str | None, skip: Collection[str], expect100: bool = False
) -> list[tuple[bytes, bytes]]:
    """Return the fields that requests to `host` have whatever their body's length.

    Host comes first, then the others of `headers` as they are, and behind them what neither they nor `skip` (names in
    lower case) stand against.
    """
    fields: list[tuple[bytes, bytes]] = []
    if "Host" not in headers:
        fields.append((b"Host", host.encode("ascii")))
    given = map_to_fields(headers)
    if "Host" in headers:
        given.sort(key=lambda field: field[0].lower() != b"host")  # RFC 9110, 7.2: first
    fields += given
    automatic = [("Accept", "*/*"), ("Accept-Encoding", accepted_codings()), ("User-Agent", SERVER_SOFTWARE)]
    if content_type is not None:
        automatic.append(("Content-Type", content_type))
    for name, value in automatic:
        if name not in headers and name.lower() not in skip:
            fields.append((name.encode(), value.encode()))
    if expect100 and "Expect" not in headers:
        fields.append((b"Expect", b"100-continue"))
    return fields


def length_field(method: str, payload: Payload | None, chunked: bool) -> tuple[bytes, bytes] | None:
    """Return the field that frames the body: its length wherever that can be known. None where there is no body."""
    if payload is None:
        return (b"Content-Length", b"0") if method in BODY_EXPECTED else None
    size = payload.size
    if size is None or chunked:
        return CHUNKED
    return b"Content-Length", b"%d" % size


def check_framing(headers: CIMultiDict[str], compress: str | None, chunked: bool | None) -> None:
    """Raise ValueError where `headers` contradict what is asked of the body."""
    if chunked and "Transfer-Encoding" in headers:
        raise ValueError("chunked=True cannot go with a Transfer-Encoding header")
    if chunked and "Content-Length" in headers:
        raise ValueError("chunked=True cannot go with a Content-Length header")
    if compress and "Content-Encoding" in headers:
        raise ValueError("compress= cannot go with a Content-Encoding header")


def own_framing(headers: CIMultiDict[str]) -> bool:
    """Whether the program frames the body by itself."""
    return bool(headers) and ("Transfer-Encoding" in headers or "Content-Length" in headers)


def to_field_lines(fields: list[tuple[bytes, bytes]]) -> http1.FieldLines:
    """Return `fields` checked. Raises ValueError for what HTTP does not allow."""
    try:
        return http1.request_field_lines(fields)
    except http1.LocalProtocolError as error:
        raise ValueError(f"the request's headers cannot be sent: {error}") from error


def with_cookies(fields: list[str], cookie: str) -> str:
    """Return the cookies of the program's own Cookie `fields`, those of `cookie` in place of the same names."""
    pairs = dict(parse_cookie("; ".join(fields)))
    pairs.update(parse_cookie(cookie))
    return write_cookie(pairs.items())
