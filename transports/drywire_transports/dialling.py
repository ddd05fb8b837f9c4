"""Opening a connection to one of several addresses: the order and stagger of RFC 8305 over any runtime.

Nothing here is a task: an attempt is a socket and what stops its being watched. So the end of a race, however it comes,
closes every other socket at once.
"""

from __future__ import annotations

import contextlib
import errno
import inspect
import math
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from drywire_sansio.address_order import interleave_families

from .errors import ConnectFailed, ConnectTimedOut, StreamClosed, StreamTimeout
from .runtime import DEFAULT_DIALLING, Address, DialOptions, Runtime, Undertaking

__all__ = [
    "MOST_ADDRESSES",
    "Connect",
    "InPerson",
    "begin_to_connect",
    "connect_error",
    "dial",
    "dial_unix",
    "in_order",
    "literal_address",
    "local_socket_address",
    "new_socket",
    "target_name",
]

MOST_ADDRESSES: Final = 64
"""Addresses of one host that are tried at most: its answer from the resolver must not make a port scanner of us."""
FIRST_PAUSE: Final = 0.001
LONGEST_PAUSE: Final = 0.05
"""Seconds between two tries at a Unix socket whose queue is full; no loop can tell when there is room."""

Connect = Callable[[socket.socket, Any, Callable[[OSError | None], None]], Callable[[], None] | None]
"""Begins to connect a non-blocking socket to an address; raises OSError if it fails at once.

Returns None if it is connected at once, else a function that stops the attempt, to be called before the socket is
closed; unless it is, the last argument is called with None once the socket is connected, with the error if it fails.
"""


class InPerson(NamedTuple):
    """How the caller waits for a socket itself, where a watch of it would take a task."""

    wait_writable: Callable[[socket.socket, float], Awaitable[None]]
    """Waits until the socket can be written to, or `stop` is called. Raises StreamTimeout once the time has passed."""
    stop: Callable[[socket.socket], None]
    """Ends the wait, if there is one: the socket is about to be closed."""


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


def local_socket_address(local_address: tuple[Any, Any]) -> Address:
    """Return the IP address and port as a socket binds to them. Raises ValueError for a name, and for nonsense."""
    wrong = f"a local address is an IP address and a port, not {local_address!r}"
    try:
        host, port = local_address
        if not isinstance(host, str) or not 0 <= port <= 65535:  # the system would take port 65536 for 0
            raise ValueError(wrong)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0]
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(wrong) from error
    return Address(found[0], found[4])


def in_order(target: str, addresses: Sequence[Address], options: DialOptions = DEFAULT_DIALLING) -> list[Address]:
    """Return those of `addresses` that `options` let be tried, in the order to try them. Raises ConnectFailed."""
    family = options.family
    if options.local_address is not None:
        local = local_socket_address(options.local_address)
        if family not in (0, local.family):
            raise ConnectFailed(target, [_unusable("the local address is of another family than the one to be used")])
        family = local.family
    wanted = [address for address in addresses if family in (0, address.family)]
    if addresses and not wanted:
        name = socket.AddressFamily(family).name
        raise ConnectFailed(target, [_unusable(f"{target} has no address of the family {name}")])
    if len(wanted) == 1:
        return wanted
    ordered = interleave_families(wanted, lambda address: address.family, options.first_family_count)
    return ordered[:MOST_ADDRESSES]


def _unusable(why: str) -> OSError:
    return OSError(errno.EAFNOSUPPORT, why)


# One socket


def new_socket(address: Address, options: DialOptions = DEFAULT_DIALLING) -> socket.socket:
    """Return a non-blocking TCP socket with TCP_NODELAY for `address`, bound if `options` say so. Raises OSError."""
    if options.make_socket is None:
        sock = socket.socket(address.family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    else:
        sock = _made_by(options.make_socket, address)
    try:
        sock.setblocking(False)
        with contextlib.suppress(OSError):  # a socket of somebody's own may know no such option
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if options.local_address is not None:
            _bind(sock, options.local_address)
    except BaseException:
        sock.close()
        raise
    return sock


def _made_by(make_socket: Callable[..., Any], address: Address) -> socket.socket:
    info = (address.family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address.sockaddr)
    sock = make_socket(info)
    if not isinstance(sock, socket.socket):
        if inspect.iscoroutine(sock):
            sock.close()
        raise TypeError(f"a socket factory must return a socket.socket, not {type(sock).__name__}")
    return sock


def _bind(sock: socket.socket, local_address: tuple[str, int]) -> None:
    try:
        sock.bind(local_socket_address(local_address).sockaddr)
    except OSError as error:
        why = f"cannot connect from {target_name(*local_address)}: {error.strerror}"
        raise OSError(error.errno, why) from error


def begin_to_connect(sock: socket.socket, sockaddr: Any) -> bool:
    """Begin to connect a non-blocking socket; return whether it is connected already. Raises OSError."""
    try:
        sock.connect(sockaddr)
    except (BlockingIOError, InterruptedError):
        return False
    return True


def connect_error(sock: socket.socket) -> OSError | None:
    """Return what the attempt to connect `sock`, which has become writable, has failed of; None if it has not."""
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return OSError(code, os.strerror(code)) if code else None


def _at(address: Address, error: OSError) -> OSError:
    """Return `error` as one that says at which address it happened."""
    why = f"{error.strerror or error} at {target_name(*address.sockaddr[:2])}"
    named = OSError(error.errno, why) if error.errno is not None else OSError(why)
    named.__cause__ = error
    return named


def _check_literal(address: Address) -> None:
    """Raise OSError for what is no IP address: `connect` would resolve it once more, and block."""
    host = str(address.sockaddr[0])
    scoped = host.partition("%")[0] if address.family == socket.AF_INET6 else host
    found = literal_address(scoped, 0)
    if found is None or found.family != address.family:
        raise OSError(errno.EINVAL, f"{host[:100]!r} is no IP address of its family")


# A race


async def dial(
    runtime: Runtime,
    target: str,
    addresses: Sequence[Address],
    connect: Connect,
    *,
    options: DialOptions = DEFAULT_DIALLING,
    admit: Callable[[Address], None] | None = None,
    deadline: float = math.inf,
    in_person: InPerson | None = None,
    undertaking: Undertaking | None = None,
) -> socket.socket:
    """Return the first socket that is connected to one of `addresses`, tried in the order of `options`.

    An attempt begins when the one before it has failed or has lasted ``options.stagger`` seconds (RFC 8305, 5). When
    this returns, raises or is cancelled, the sockets of all other attempts are closed. A single address is waited for
    `in_person`, if given, in place of `connect`: where that takes a task, it is spared.

    Raises ConnectFailed once every attempt has failed, ConnectTimedOut, StreamClosed where the `undertaking` was ended.
    """
    ordered = in_order(target, addresses, options)
    race = _Race(runtime, target, ordered, connect, options, admit)
    if in_person is not None and len(ordered) == 1:
        race.wait_in_person(in_person)
    if undertaking is None:
        return await race.run(deadline)
    undertaking.step(race.end)
    try:
        return await race.run(deadline)
    finally:
        undertaking.step(None)


class _Race:
    """Attempts under way; each end of one wakes the caller, who waits here."""

    def __init__(
        self,
        runtime: Runtime,
        target: str,
        addresses: Sequence[Address],
        connect: Connect,
        options: DialOptions,
        admit: Callable[[Address], None] | None,
    ) -> None:
        self._runtime = runtime
        self._target = target
        self._addresses = addresses
        self._connect = connect
        self._options = options
        self._admit = admit
        self._wake = runtime.wake()
        self._begun = 0
        self._open: dict[int, tuple[socket.socket, Callable[[], None]]] = {}
        self._errors: dict[int, OSError] = {}
        self._connected: socket.socket | None = None
        self._in_person: InPerson | None = None
        self._over = False

    def wait_in_person(self, in_person: InPerson) -> None:
        """Wait for the only address `in_person`."""

        def begin_only(sock: socket.socket, sockaddr: Any, _: object) -> Callable[[], None] | None:
            return None if begin_to_connect(sock, sockaddr) else partial(in_person.stop, sock)

        self._connect, self._in_person = begin_only, in_person

    def end(self) -> None:
        """Have nobody win: close every socket, and wake who waits."""
        self._over = True
        self._close()
        self._wake.set()

    def _close(self) -> None:
        while self._open:
            sock, stop = self._open.popitem()[1]
            stop()
            sock.close()
        if self._connected is not None:
            self._connected.close()

    async def run(self, deadline: float) -> socket.socket:
        try:
            while not self._over and self._connected is None and len(self._errors) < len(self._addresses):
                self._wake = self._runtime.wake()
                if self._begun < len(self._addresses) and not self._begin():
                    continue
                await self._wait(deadline)
            if self._over:
                raise StreamClosed(f"connecting to {self._target} was ended")
            if self._connected is None:
                raise self._failed()
            connected, self._connected = self._connected, None
            return connected
        finally:
            self._close()

    def _begin(self) -> bool:
        """Begin the next attempt; return whether it is under way."""
        index, self._begun = self._begun, self._begun + 1
        address = self._addresses[index]
        try:
            _check_literal(address)
            if self._admit is not None:
                self._admit(address)
            sock = new_socket(address, self._options)
        except OSError as error:
            self._errors[index] = error
            return False
        try:
            stop = self._connect(sock, address.sockaddr, partial(self._ended, index))
        except OSError as error:
            sock.close()
            self._errors[index] = _at(address, error)
            return False
        except BaseException:
            sock.close()
            raise
        if stop is None:
            self._connected = sock
            return False
        self._open[index] = sock, stop
        return True

    def _ended(self, index: int, error: OSError | None) -> None:
        sock, _ = self._open.pop(index)
        if error is not None:
            sock.close()
            self._errors[index] = _at(self._addresses[index], error)
        elif self._connected is None:
            self._connected = sock
        else:
            sock.close()
        self._wake.set()

    async def _wait(self, deadline: float) -> None:
        """Wait until an attempt ends, or the next one is due. Raises ConnectTimedOut."""
        due = math.inf
        if self._begun < len(self._addresses):
            due = self._runtime.now() + self._options.stagger
        try:
            if self._in_person is not None:
                sock, _ = self._open[0]
                await self._in_person.wait_writable(sock, deadline)
                if not self._over:
                    self._ended(0, connect_error(sock))
            else:
                await self._runtime.park(self._wake, min(due, deadline))
        except StreamTimeout:
            if deadline <= due:
                tried = [address.sockaddr for address in self._addresses[: self._begun]]
                raise ConnectTimedOut(self._target, tried, self._errors) from None

    def _failed(self) -> ConnectFailed:
        attempts = [self._errors[index] for index in sorted(self._errors)]
        error = ConnectFailed(self._target, attempts, [address.sockaddr for address in self._addresses])
        error.__cause__ = attempts[-1] if attempts else None
        return error


# Unix sockets


async def dial_unix(
    runtime: Runtime, path: str, deadline: float = math.inf, undertaking: Undertaking | None = None
) -> socket.socket:
    """Return a non-blocking socket that is connected to the Unix socket `path`.

    Raises ConnectFailed, StreamTimeout, StreamClosed where the `undertaking` was ended.
    """
    shown = f"@{path[1:]}" if path.startswith("\0") else path
    if not hasattr(socket, "AF_UNIX"):
        raise ConnectFailed(shown, [OSError(errno.EAFNOSUPPORT, "this system has no Unix sockets")])
    if "\0" in path[1:] and path[0] != "\0":  # the system would take what is before it for the path
        raise ConnectFailed(shown, [OSError(errno.EINVAL, "there is a null character in the path")])
    pause = FIRST_PAUSE
    while True:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.connect(path)
            return sock
        except BlockingIOError:
            sock.close()  # the queue is full
        except (OSError, ValueError) as error:
            sock.close()
            reason = error if isinstance(error, OSError) else OSError(errno.EINVAL, str(error))
            raise ConnectFailed(shown, [reason], [path]) from error
        except BaseException:
            sock.close()
            raise
        now = runtime.now()
        if now >= deadline:
            raise ConnectTimedOut(shown, [path])
        await _pause(runtime, min(now + pause, deadline), shown, undertaking)
        pause = min(2 * pause, LONGEST_PAUSE)


async def _pause(runtime: Runtime, until: float, target: str, undertaking: Undertaking | None) -> None:
    """Wait, unless the undertaking ends: raises StreamClosed then."""
    if undertaking is None:
        await runtime.sleep_until(until)
        return
    wake = runtime.wake()
    undertaking.step(wake.set)
    try:
        await runtime.park(wake, until)
    except StreamTimeout:
        return
    finally:
        undertaking.step(None)
    raise StreamClosed(f"connecting to {target} was ended")
