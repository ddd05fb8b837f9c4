"""Addresses of hosts: asked for once at a time, and kept for a while."""

from __future__ import annotations

import contextlib
import copy
import math
import socket
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Final

from drywire_sansio.address_order import interleave_families
from drywire_transports import Address, NameNotResolved, Runtime, TaskHandle, Timer, TransportError, Wake
from drywire_transports.dialling import literal_address, target_name

from .resolver import AbstractResolver, ThreadedResolver, host_name
from .tracing import (
    Trace,
    TraceDnsCacheHitParams,
    TraceDnsCacheMissParams,
    TraceDnsResolveHostEndParams,
    TraceDnsResolveHostStartParams,
    emit,
)

__all__ = ["NameCache"]

MOST_NAMES: Final = 1000
"""Hosts that are kept; the one that was not needed for longest goes first."""

MOST_ADDRESSES: Final = 100
"""Addresses of one host that are kept and tried."""

LINGER: Final = 10.0
"""Seconds that a lookup goes on when nobody waits for it any more.

A resolver that takes longer than its callers have patience would else never be heard, and be asked again each time;
and a thread in `getaddrinfo` cannot be stopped anyway.
"""

Key = tuple[str, int]


class _Answer:
    """The addresses of a host. Each time that it is asked, the next of them comes first, of each family.

    In what order the families come stays as the resolver has it: whoever dials may have them take turns.
    """

    __slots__ = ("_families", "_order", "_turn", "expires")

    def __init__(self, addresses: Iterable[Address], expires: float) -> None:
        once = list(dict.fromkeys(addresses))
        if len(once) > MOST_ADDRESSES:
            some = set(interleave_families(once, lambda address: address.family)[:MOST_ADDRESSES])
            once = [address for address in once if address in some]
        families: dict[int, list[Address]] = {}
        for address in once:
            families.setdefault(address.family, []).append(address)
        self._families = families
        self._order = [address.family for address in once]
        self._turn = 0
        self.expires = expires

    def addresses(self) -> list[Address]:
        """Return the addresses."""
        turn, self._turn = self._turn, self._turn + 1
        turned = {}
        for number, family in self._families.items():
            first = turn % len(family)
            turned[number] = iter(family[first:] + family[:first])
        return [next(turned[number]) for number in self._order]


class _Lookup:
    """A question to the resolver, under way for whoever waits. Its wakes carry nothing: the answer lies here."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.task: TaskHandle | None = None
        self.waiting = 0
        self.done = False
        self.answer: _Answer | None = None
        self.error: Exception | None = None
        self._wakes: dict[Wake, None] = {}
        self._traceback: TracebackType | None = None
        self._told = False
        self.timer: Timer | None = None

    def end(self) -> None:
        """Wake those who wait, and stop asking; idempotent."""
        self.done = True
        self.stay()
        for wake in self._wakes:
            wake.set()
        if self.task is not None:
            self.task.cancel()

    def fail(self, error: Exception) -> None:
        """Remember what the resolver has raised."""
        # Without the first frame, which holds the lookup that holds the error.
        self._traceback = error.__traceback__ and error.__traceback__.tb_next
        self.error = error.with_traceback(self._traceback)

    def forget(self) -> None:
        """Let go of the error, whose traceback leads through the frames of those who waited back to this."""
        self.error = self._traceback = None

    def stay(self) -> None:
        """Go on: somebody waits again."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    async def wait(self, runtime: Runtime, deadline: float) -> list[Address]:
        """Return the addresses. Raises what went wrong, StreamTimeout."""
        if not self.done:
            wake = runtime.wake()
            self._wakes[wake] = None
            try:
                await runtime.park(wake, deadline)
            finally:
                del self._wakes[wake]
        if self.answer is not None:
            return self.answer.addresses()
        if self.error is None:
            raise TransportError("the connector was closed while a name was being resolved")
        if isinstance(self.error, OSError):
            raise NameNotResolved(target_name(*self.key), [self.error]) from self.error
        raise self._error_of_my_own(self.error).with_traceback(self._traceback)

    def _error_of_my_own(self, error: Exception) -> Exception:
        """Return `error` for one of those who wait: raised in several tasks, one object would mix their tracebacks."""
        mine = error
        if self._told:
            with contextlib.suppress(Exception):
                copied = copy.copy(error)
                if type(copied) is type(error) and copied.args == error.args:
                    mine = copied
                    mine.__cause__, mine.__suppress_context__ = error.__cause__, error.__suppress_context__
        self._told = True
        return mine


class NameCache:
    """Resolves host names by `resolver` (the system's if None), and keeps the answers; `family` is 0 for any.

    If `enabled`, a name is asked for once at a time, whoever needs it, and what was found is kept `ttl` seconds (None:
    for good; 0: not at all), or less where the resolver says so by a result's `ttl`. That a name was not found is not
    kept. Of `most` names, the one that was not needed for longest is forgotten. Else each request asks for itself.

    A lookup belongs to nobody: whoever waits for it may give up, and the others still get its answer. When nobody waits
    any more it goes on for `LINGER` seconds, for those who come meanwhile; at the latest it ends with `close()`.

    Raises ValueError for a `ttl` or `most` below 0.
    """

    def __init__(
        self,
        enabled: bool,
        ttl: float | None,
        *,
        resolver: AbstractResolver | None = None,
        family: int = socket.AF_UNSPEC,
        most: int = MOST_NAMES,
    ) -> None:
        if ttl is not None and not ttl >= 0:
            raise ValueError(f"ttl_dns_cache must be None or at least 0 seconds, not {ttl!r}")
        if most < 0:
            raise ValueError(f"dns_cache_max_size must be at least 0 names, not {most!r}")
        self._enabled = enabled
        self._ttl = ttl
        self._most = most
        self._family = socket.AddressFamily(family)
        self._resolver = ThreadedResolver() if resolver is None else resolver
        self._owns_resolver = resolver is None
        self._runtime: Runtime | None = None
        self._known: OrderedDict[Key, _Answer] = OrderedDict()
        self._lookups: dict[Key, _Lookup] = {}
        """Those that others may join."""
        self._running: set[_Lookup] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._known)

    @property
    def resolver(self) -> AbstractResolver:
        """What is asked."""
        return self._resolver

    def clear(self, host: str | None = None, port: int | None = None) -> None:
        """Forget `host` at `port`, or everything that is kept. A lookup under way goes on, and its answer is kept.

        Raises ValueError where only one of `host` and `port` is given.
        """
        if (host is None) != (port is None):
            raise ValueError("clear_dns_cache takes both host and port, or neither of them")
        if host is None or port is None:
            self._known.clear()
            return
        with contextlib.suppress(ValueError):
            self._known.pop((host_name(host), port), None)

    def close(self) -> None:
        """End the lookups under way; whoever waits for one gets TransportError. Idempotent, and final."""
        self._closed = True
        self._forget_all()

    async def close_resolver(self) -> None:
        """Close the resolver, unless it was given. Call `close()` before, which does not wait."""
        if self._owns_resolver:
            await self._resolver.close()

    def _forget_all(self) -> None:
        running, self._running = self._running, set()
        self._lookups.clear()
        self._known.clear()
        for lookup in running:
            with contextlib.suppress(RuntimeError):  # its loop has ended
                lookup.end()

    async def addresses(
        self, runtime: Runtime, host: str, port: int, deadline: float, traces: Sequence[Trace]
    ) -> list[Address]:
        """Return the addresses of `host`, in the order to try them. Raises NameNotResolved, StreamTimeout.

        What the resolver raises is raised here, an OSError as the cause of NameNotResolved. An address needs no
        resolver.
        """
        if self._closed:
            raise TransportError("the connector is closed")
        if runtime is not self._runtime:
            self._forget_all()  # another loop: its clock is another, and what ran in the old one is over
            self._runtime = runtime
        spelt = _spelt(host.replace("%25", "%", 1), port)  # as URLs write it (RFC 6874, 2)
        if spelt is not None:
            return [spelt]
        key = _asked_name(host, port), port
        answer = self._kept(key, runtime.now()) if self._enabled else None
        if answer is None:
            return await self._look_up(runtime, key, host, deadline, traces)
        found = answer.addresses()
        if traces:
            await emit(traces, "dns_cache_hit", TraceDnsCacheHitParams(host))
        return found

    def _kept(self, key: Key, now: float) -> _Answer | None:
        answer = self._known.get(key)
        if answer is None:
            return None
        if now >= answer.expires:
            del self._known[key]
            return None
        self._known.move_to_end(key)
        return answer

    async def _look_up(
        self, runtime: Runtime, key: Key, host: str, deadline: float, traces: Sequence[Trace]
    ) -> list[Address]:
        """Wait for the lookup of `key` that is under way, or for a new one."""
        lookup = self._lookups.get(key)
        joined = lookup is not None
        if lookup is None:
            lookup = _Lookup(key)
            self._running.add(lookup)
            if self._enabled:
                self._lookups[key] = lookup
        lookup.waiting += 1
        lookup.stay()
        try:
            if traces:
                await self._tell_of_start(traces, host, joined)
            if lookup.task is None and not lookup.done:
                lookup.task = runtime.spawn(self._run, runtime, lookup, name=f"drywire resolves {key[0]}")
            found = await lookup.wait(runtime, deadline)
        finally:
            lookup.waiting -= 1
            if not lookup.done:
                self._left(runtime, lookup)
            elif not lookup.waiting:
                lookup.forget()
        if traces and not joined:
            await emit(traces, "dns_resolvehost_end", TraceDnsResolveHostEndParams(host))
        return found

    async def _tell_of_start(self, traces: Sequence[Trace], host: str, joined: bool) -> None:
        if joined:
            await emit(traces, "dns_cache_hit", TraceDnsCacheHitParams(host))
            return
        if self._enabled:
            await emit(traces, "dns_cache_miss", TraceDnsCacheMissParams(host))
        await emit(traces, "dns_resolvehost_start", TraceDnsResolveHostStartParams(host))

    def _left(self, runtime: Runtime, lookup: _Lookup) -> None:
        """Decide what becomes of `lookup` when one of those who waited has given up."""
        if lookup.waiting:
            return  # where it has not been begun yet, each who waits is about to
        if lookup.task is None or not self._enabled or len(self._running) > self._most:
            self._drop(lookup)
        else:
            lookup.timer = runtime.call_at(runtime.now() + LINGER, lambda: self._drop(lookup))

    def _drop(self, lookup: _Lookup) -> None:
        self._running.discard(lookup)
        if self._lookups.get(lookup.key) is lookup:
            del self._lookups[lookup.key]
        lookup.end()

    async def _run(self, runtime: Runtime, lookup: _Lookup) -> None:
        try:
            answer = await self._ask(runtime, lookup.key)
            if not lookup.done:
                lookup.answer = answer
                self._keep(lookup.key, answer, runtime.now())
        except Exception as error:
            lookup.fail(error)
        finally:
            if not lookup.done and lookup.answer is None and lookup.error is None:
                lookup.error = OSError("the resolver gave the lookup up")
            lookup.task = None  # it ends by itself
            self._drop(lookup)

    async def _ask(self, runtime: Runtime, key: Key) -> _Answer:
        host, port = key
        results = await self._resolver.resolve(host, port, family=self._family)
        addresses, ttl = _checked(results, self._family, type(self._resolver).__name__)
        if not addresses:
            raise OSError(f"the resolver knows no address of {host}{_FAMILIES.get(self._family, '')}")
        kept = math.inf if self._ttl is None else min(self._ttl, ttl)
        return _Answer(addresses, runtime.now() + kept)

    def _keep(self, key: Key, answer: _Answer, now: float) -> None:
        if not self._enabled or answer.expires <= now:
            return
        self._known[key] = answer
        self._known.move_to_end(key)
        while len(self._known) > self._most:
            self._known.popitem(last=False)


_FAMILIES: Final = {socket.AF_INET: " for IPv4", socket.AF_INET6: " for IPv6"}


def _asked_name(host: str, port: int) -> str:
    try:
        return host_name(host)
    except ValueError as error:
        reason = OSError(str(error))
        raise NameNotResolved(target_name(host[:60], port), [reason]) from error


def _spelt(host: str, port: int) -> Address | None:
    """Return the address that `host` spells, for IPv6 perhaps with a scope (RFC 4007, 11), or None for a name."""
    address, has_scope, scope = host.partition("%")
    literal = literal_address(address, port)
    if literal is None or not has_scope:
        return literal
    if literal.family != socket.AF_INET6:
        return None
    number = _scope_number(scope)
    return Address(socket.AF_INET6, (address, port, 0, number))


def _scope_number(scope: str) -> int:
    """Return the number of a network interface. Raises NameNotResolved where this machine has none of that name."""
    if scope.isascii() and scope.isdecimal() and len(scope) <= 9:
        return int(scope)
    try:
        return socket.if_nametoindex(scope)
    except (OSError, ValueError) as error:
        reason = OSError(f"there is no network interface {scope[:60]!r} here")
        raise NameNotResolved(f"%{scope[:60]}", [reason]) from error


def _checked(results: Any, family: int, resolver: str) -> tuple[list[Address], float]:
    """Return what a resolver has found, that is of `family`, and how long it may be kept.

    Raises OSError where it is not what a resolver returns: see `ResolveResult`.
    """
    if isinstance(results, str | bytes | Mapping) or not isinstance(results, Iterable):
        raise OSError(f"{resolver}.resolve must return a list of dicts, not {type(results).__name__}")
    addresses, ttl = [], math.inf
    for result in islice(results, 10 * MOST_ADDRESSES):
        address = _address_of(result, resolver)
        if family in (socket.AF_UNSPEC, address.family):
            addresses.append(address)
            ttl = min(ttl, _ttl_of(result, resolver))
    return addresses, ttl


def _address_of(result: Any, resolver: str) -> Address:
    if not isinstance(result, Mapping):
        raise OSError(f"{resolver}.resolve must return a list of dicts, not one of {type(result).__name__}")
    for name in ("host", "port"):
        if name not in result:
            raise OSError(f"{resolver}.resolve has returned a result without {name!r}")
    host, port = result["host"], result["port"]
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
        raise OSError(f"{resolver}.resolve has returned the port {repr(port)[:60]}: it must be an int from 1 to 65535")
    address = _spelt(host, port) if isinstance(host, str) else None
    if address is None:
        raise OSError(f"{resolver}.resolve has returned the host {repr(host)[:60]}: it must be an IP address, a str")
    return address


def _ttl_of(result: Mapping[str, Any], resolver: str) -> float:
    ttl = result.get("ttl", math.inf)
    if not isinstance(ttl, int | float) or not ttl >= 0:
        raise OSError(f"{resolver}.resolve has returned the ttl {repr(ttl)[:60]}: it must be a number of seconds")
    return float(ttl)
