"""What one message means for its connection: keep-alive, 100-continue, Upgrade and CONNECT (RFC 9112, 9)."""

from __future__ import annotations

from collections.abc import Mapping

from ..fields import list_members

__all__ = ["connection_options", "expects_continue", "keeps_alive", "proposes_switch"]


def connection_options(fields: Mapping[bytes, bytes]) -> list[bytes]:
    """Return the options of the Connection field in lower case (RFC 9110, 7.6.1)."""
    value = fields.get(b"connection")
    return [] if value is None else list_members(value)


def keeps_alive(options: list[bytes], http_version: bytes) -> bool:
    """Whether a message lets its connection persist (RFC 9112, 9.3): 1.1 unless told not to, 1.0 only if told to."""
    if b"close" in options:
        return False
    return http_version != b"1.0" or b"keep-alive" in options


def proposes_switch(
    method: bytes, fields: Mapping[bytes, bytes], options: list[bytes], http_version: bytes
) -> bytes | None:
    """Return ``b"CONNECT"`` or ``b"Upgrade"`` where a request asks to leave HTTP, else None.

    An Upgrade counts in HTTP/1.1 only, and only if Connection names it (RFC 9110, 7.8).
    """
    if method == b"CONNECT":
        return b"CONNECT"
    if b"upgrade" in fields and b"upgrade" in options and http_version != b"1.0":
        return b"Upgrade"
    return None


def expects_continue(fields: Mapping[bytes, bytes], http_version: bytes) -> bool:
    """Whether the client waits for 100 Continue before its body; HTTP/1.0 cannot (RFC 9110, 10.1.1)."""
    value = fields.get(b"expect")
    return value is not None and http_version != b"1.0" and b"100-continue" in list_members(value)
