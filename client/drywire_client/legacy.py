"""What older versions of aiohttp had: each name works, and its DeprecationWarning says what to write instead."""

from __future__ import annotations

import inspect
import ssl as ssl_module
import types
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from drywire_transports.payloads import BodyWriter, Payload

from .fingerprint import Fingerprint
from .timeouts import ClientTimeout

__all__ = ["deprecated", "merged_ssl", "merged_timeout", "streamer"]


def deprecated(message: str, stacklevel: int = 2) -> None:
    """Warn of something old."""
    warnings.warn(message, DeprecationWarning, stacklevel=stacklevel + 1)


def merged_ssl(
    ssl: Any, verify_ssl: bool | None, ssl_context: ssl_module.SSLContext | None, fingerprint: bytes | None
) -> Any:
    """Return what `ssl` and its three predecessors come to. Raises ValueError where more than one is given."""
    given = [verify_ssl is not None, ssl_context is not None, fingerprint is not None]
    if not any(given):
        return ssl
    if ssl is not True or sum(given) > 1:
        raise ValueError("only one of ssl, verify_ssl, ssl_context and fingerprint can be given: use ssl")
    if verify_ssl is not None:
        deprecated("verify_ssl is deprecated: use ssl=False", 4)
        return verify_ssl
    if ssl_context is not None:
        deprecated("ssl_context is deprecated: use ssl=context", 4)
        return ssl_context
    deprecated("fingerprint is deprecated: use ssl=Fingerprint(...)", 4)
    assert fingerprint is not None
    return Fingerprint(fingerprint)


def merged_timeout(timeout: ClientTimeout, given: bool, old: dict[str, Any]) -> ClientTimeout:
    """Return the timeout of a session with what ``read_timeout`` and ``conn_timeout`` in `old` add to it.

    Raises ValueError where `timeout` was given beside them.
    """
    if given:
        names = "/".join(old)
        raise ValueError(f"{names} cannot go with timeout=: say it by ClientTimeout(total=..., connect=...)")
    if "read_timeout" in old:
        deprecated("read_timeout is deprecated: use timeout=ClientTimeout(total=...)", 3)
        timeout = replace(timeout, total=old["read_timeout"])
    if "conn_timeout" in old:
        deprecated("conn_timeout is deprecated: use timeout=ClientTimeout(connect=...)", 3)
        timeout = replace(timeout, connect=old["conn_timeout"])
    return timeout


class _StreamerPayload(Payload):
    """A body that a function writes."""

    def __init__(self, write: Callable[[BodyWriter], Awaitable[None]]) -> None:
        super().__init__(None)
        self._write = write

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Raise TypeError: the body is not there yet."""
        raise TypeError("a body that a function writes can only be had by letting it write")

    async def write(self, writer: BodyWriter) -> None:
        """Let the function write."""
        self._consumed = True
        await self._write(writer)


def streamer(coro: Callable[..., Any]) -> Callable[..., Payload]:
    """Return a function that makes a body of `coro`, which is called with a writer and the function's arguments.

    `coro` may be a coroutine function, or a generator function of the old kind.
    """
    deprecated("streamer is deprecated: write an async generator", 2)
    call: Callable[..., Any] = coro
    if inspect.isgeneratorfunction(coro):
        call = types.coroutine(coro)

    @wraps(coro)
    def make(*args: Any, **kwargs: Any) -> Payload:
        return _StreamerPayload(lambda writer: call(writer, *args, **kwargs))

    make.__drywire_body__ = True  # type: ignore[attr-defined]
    return make
