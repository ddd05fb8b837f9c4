"""`Runtime`: everything drywire asks of an event loop, in one small contract.

Three rules hold for every implementation:

1. A wake carries no data. What it announces lies in the object that was waited for, so a wait that is cancelled
   at the very moment it is served loses nothing.
2. A deadline wakes the wait; it does not cancel the task.
3. Whatever takes something apart (`Wake.set`, `Timer.cancel`, `TaskHandle.cancel`) is synchronous.
"""

from __future__ import annotations

import math
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from drywire_sansio.address_order import ATTEMPT_DELAY

from .stream import HANDSHAKE_TIMEOUT, ByteStream, Handle, Listener

__all__ = [
    "DEFAULT_DIALLING",
    "AddrInfoType",
    "Address",
    "ClientTLS",
    "DialOptions",
    "Runtime",
    "SocketFactoryType",
    "TaskHandle",
    "Timer",
    "Undertaking",
    "Wake",
]

T = TypeVar("T")

AddrInfoType = tuple[int, int, int, str, tuple[Any, ...]]
"""An address as `socket.getaddrinfo` gives it: family, type, protocol, canonical name, and what `connect` takes."""
SocketFactoryType = Callable[[AddrInfoType], socket.socket]
"""Makes the socket for an address: of the address's family and type, neither connected nor in use elsewhere."""


class Wake(Protocol):
    """A one-shot wake-up for one waiter."""

    def set(self) -> None:
        """Wake whoever parks on this, now or later; idempotent."""
        ...


class Timer(Protocol):
    """A call that is due at some time."""

    def cancel(self) -> None:
        """Forget the call; harmless after it was made."""
        ...


class TaskHandle(Protocol):
    """A task that the runtime runs in the background for its owner."""

    @property
    def done(self) -> bool:
        """True once the task has ended."""
        ...

    def cancel(self) -> None:
        """Ask the task to end; idempotent. Its owner should still `wait()`."""
        ...

    async def wait(self, deadline: float = math.inf) -> bool:
        """Wait until the task has ended or `deadline` has passed; return whether it has ended.

        Neither the task's exception nor its cancellation is raised here: see `exception()`.
        """
        ...

    def exception(self) -> BaseException | None:
        """Return what the ended task raised; None if it returned, was cancelled, or is not done."""
        ...


class Address(NamedTuple):
    """An address to connect to, as a resolver found it."""

    family: int
    """``socket.AF_INET`` or ``socket.AF_INET6``."""
    sockaddr: tuple[Any, ...]
    """What `socket.connect` takes: host literal and port, for IPv6 perhaps flow and scope after them."""


@dataclass(frozen=True, slots=True)
class ClientTLS:
    """TLS settings of one connection to be opened."""

    context: ssl.SSLContext
    server_hostname: str | None = None
    """Name sent by SNI and checked against the certificate; None for the host that is dialled."""


@dataclass(frozen=True, slots=True)
class DialOptions:
    """How the addresses of a host are tried."""

    stagger: float = ATTEMPT_DELAY
    """Seconds after which the next address is tried beside the one before; infinite: only when that has failed."""
    first_family_count: int = 1
    """Addresses of the first family that come before the first of another (RFC 8305, 4); 0 leaves the order as found.
    """
    family: int = 0
    """``socket.AF_INET`` or ``socket.AF_INET6`` for these addresses only; 0 for both."""
    local_address: tuple[str, int] | None = None
    """IP address and port (0: any) of this machine to connect from: only to addresses of the same family."""
    make_socket: SocketFactoryType | None = None
    """Makes the sockets, in place of `socket.socket`; they are made non-blocking, and closed where they fail."""


DEFAULT_DIALLING: Final = DialOptions()


class Undertaking:
    """A connection that is being opened, which somebody else may end: at once, without waiting, at any moment.

    Whoever opens it says, for each step, what ends that.
    """

    __slots__ = ("_end_step", "ended")

    def __init__(self) -> None:
        self.ended = False
        """Whether it was ended: nothing more is to be begun."""
        self._end_step: Callable[[], None] | None = None

    def step(self, end: Callable[[], None] | None) -> None:
        """Have `end` called to end the step that begins now; None where nothing is under way any more.

        It frees what the step holds and wakes whoever waits, who raises StreamClosed. Of an undertaking that has ended
        it is called here and now.
        """
        if self.ended and end is not None:
            end()
        else:
            self._end_step = end

    def end(self) -> None:
        """End what is under way; idempotent."""
        self.ended = True
        end, self._end_step = self._end_step, None
        if end is not None:
            end()


class Runtime(Protocol):
    """An event loop as drywire needs it. Times are seconds on the loop's own monotonic clock."""

    name: str
    """``"asyncio"`` or ``"trio"`` (uvloop is an asyncio loop)."""

    @property
    def over(self) -> bool:
        """Whether the loop has ended, so that nothing of it will ever go on."""
        ...

    def now(self) -> float:
        """Return the time on the loop's clock."""
        ...

    def wake(self) -> Wake:
        """Return a fresh one-shot wake-up."""
        ...

    async def park(self, wake: Wake, deadline: float = math.inf) -> None:
        """Wait until `wake` is set. Raises StreamTimeout once `deadline` has passed."""
        ...

    async def sleep_until(self, when: float) -> None:
        """Wait until `when`."""
        ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` at `when`, unless the timer is cancelled or the loop ends before."""
        ...

    def spawn(self, function: Callable[..., Coroutine[Any, Any, object]], *args: object, name: str = "") -> TaskHandle:
        """Run ``function(*args)`` as a background task that the caller owns, in a copy of the caller's context."""
        ...

    async def in_thread(self, function: Callable[..., T], *args: Any) -> T:
        """Run a blocking ``function(*args)`` in a worker thread and return its result."""
        ...

    async def resolve(self, host: str, port: int, *, family: int = 0) -> list[Address]:
        """Return the addresses of `host` in the resolver's order; one, without asking it, where `host` is a literal.

        `family` is 0 for every family. Raises NameNotResolved.
        """
        ...

    async def connect_tcp(
        self,
        host: str,
        port: int,
        *,
        tls: ClientTLS | None = None,
        deadline: float = math.inf,
        addresses: Sequence[Address] | None = None,
        options: DialOptions = DEFAULT_DIALLING,
        admit: Callable[[Address], None] | None = None,
        undertaking: Undertaking | None = None,
    ) -> ByteStream:
        """Open a TCP connection (happy eyeballs, RFC 8305), with TCP_NODELAY, and TLS over it if asked.

        `addresses`, if given, take the place of what `host` resolves to. `admit` is called with each address just
        before it is tried, and raises an OSError for one that must not be: nothing is sent there then. The end of the
        `undertaking` frees every socket.

        Raises NameNotResolved, ConnectFailed, TLSFailed, ConnectTimedOut, StreamTimeout, StreamClosed where the
        undertaking was ended.
        """
        ...

    async def connect_unix(
        self,
        path: str,
        *,
        tls: ClientTLS | None = None,
        deadline: float = math.inf,
        undertaking: Undertaking | None = None,
    ) -> ByteStream:
        """Open a Unix-socket connection; a `path` that begins with NUL is one of Linux's abstract names.

        Waits where the listener's queue is full. Raises ConnectFailed, TLSFailed, StreamTimeout, StreamClosed where the
        `undertaking` was ended.
        """
        ...

    async def listen_tcp(
        self,
        handle: Handle,
        host: str | None = None,
        port: int = 0,
        *,
        backlog: int = 128,
        tls: ssl.SSLContext | None = None,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
    ) -> Listener:
        """Listen on `host` (None: every interface) and `port` (0: a free one), and run `handle` per connection.

        With `tls` that is after the handshake, for which a peer has `handshake_timeout` seconds. With port 0 and
        several addresses all share the one port found. Raises OSError.
        """
        ...

    async def listen_unix(
        self,
        handle: Handle,
        path: str,
        *,
        backlog: int = 128,
        tls: ssl.SSLContext | None = None,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
    ) -> Listener:
        """Listen on the Unix socket `path`. Raises OSError."""
        ...

    async def listen_sockets(
        self,
        handle: Handle,
        sockets: Sequence[socket.socket],
        *,
        backlog: int = 128,
        tls: ssl.SSLContext | None = None,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
    ) -> Listener:
        """Listen on bound sockets, which the listener owns from then on. Raises OSError."""
        ...

    def watch_signals(self, numbers: Sequence[int], callback: Callable[[int], None]) -> Callable[[], None]:
        """Call `callback` with each of the signals `numbers` that arrives; return the function that stops it."""
        ...
