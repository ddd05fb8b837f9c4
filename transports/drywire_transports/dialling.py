"""Opening a connection to one of several addresses: the order and stagger of RFC 8305 over any runtime."""

from __future__ import annotations

import contextlib
import math
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from drywire_sansio.address_order import ATTEMPT_DELAY

from .errors import ConnectFailed, StreamTimeout
from .runtime import Address, Runtime, TaskHandle

__all__ = ["dial", "literal_address", "new_socket", "target_name"]

S = TypeVar("S")


def target_name(host: str, port: int) -> str:
    """Return ``host:port`` for error messages, an IPv6 literal in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def literal_address(host: str, port: int) -> Address | None:
    """Return the address that `host` spells, or None where it is a name (or has a scope) and must be resolved."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError, ValueError):
            socket.inet_pton(family, host)
            return Address(family, (host, port))
    return None


def new_socket(family: int, local_address: tuple[str, int] | None) -> socket.socket:
    """Return a non-blocking TCP socket with TCP_NODELAY, bound to `local_address` if given. Raises OSError."""
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if local_address is not None:
            sock.bind(local_address)
    except BaseException:
        sock.close()
        raise
    return sock


async def dial(
    runtime: Runtime,
    target: str,
    addresses: Sequence[Address],
    connect: Callable[[Address], Awaitable[S]],
    discard: Callable[[S], None],
    stagger: float = ATTEMPT_DELAY,
) -> S:
    """Return the first connection that `connect` makes to one of `addresses`, tried in order.

    An attempt begins when the one before it has failed or has lasted `stagger` seconds (RFC 8305, 5). What comes too
    late is given to `discard`. Raises ConnectFailed once every attempt has failed.
    """
    if len(addresses) == 1:
        try:
            return await connect(addresses[0])
        except OSError as error:
            raise ConnectFailed(target, [error]) from error
    return await _Race(runtime, target, addresses, connect, discard).run(stagger)


class _Race(Generic[S]):
    """Attempts under way; each is a background task, and the caller waits for a wake from any of them."""

    def __init__(
        self,
        runtime: Runtime,
        target: str,
        addresses: Sequence[Address],
        connect: Callable[[Address], Awaitable[S]],
        discard: Callable[[S], None],
    ) -> None:
        self._runtime = runtime
        self._target = target
        self._addresses = addresses
        self._connect = connect
        self._discard = discard
        self._wake = runtime.wake()
        self._errors: dict[int, OSError] = {}
        self._crash: Exception | None = None
        self._won: list[S] = []
        self._over = False

    async def run(self, stagger: float) -> S:
        attempts: list[TaskHandle] = []
        try:
            while not self._won and len(self._errors) < len(self._addresses):
                self._wake = self._runtime.wake()
                patience = math.inf
                if len(attempts) < len(self._addresses):
                    name = f"connect to {self._target}"
                    attempts.append(self._runtime.spawn(self._attempt, len(attempts), name=name))
                    patience = self._runtime.now() + stagger
                with contextlib.suppress(StreamTimeout):
                    await self._runtime.park(self._wake, patience)
                if self._crash is not None:
                    raise self._crash
            if self._won:
                return self._won.pop()
            raise ConnectFailed(self._target, [self._errors[index] for index in sorted(self._errors)])
        finally:
            self._over = True
            for attempt in attempts:
                attempt.cancel()
            while self._won:
                self._discard(self._won.pop())

    async def _attempt(self, index: int) -> None:
        try:
            connection = await self._connect(self._addresses[index])
        except OSError as error:
            self._errors[index] = error
        except Exception as error:
            self._crash = error
        else:
            if self._over or self._won:
                self._discard(connection)
            else:
                self._won.append(connection)
        finally:
            self._wake.set()
