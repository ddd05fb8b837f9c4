"""Addresses of hosts: asked for once at a time, and kept for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from drywire_sansio.address_order import interleave_families
from drywire_transports import Address, Runtime, TaskHandle, TransportError, Wake

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

Key = tuple[str, int]


class _Lookup:
    """A question to the resolver, under way for whoever waits. Its wakes carry nothing: the answer lies here."""

    def __init__(self) -> None:
        self.task: TaskHandle | None = None
        self.waiting: list[Wake] = []
        self.addresses: list[Address] | None = None
        self.error: Exception | None = None

    async def ask(self, runtime: Runtime, host: str, port: int) -> None:
        try:
            found = await runtime.resolve(host, port)
            self.addresses = interleave_families(found, lambda address: address.family)
        except Exception as error:
            self.error = error
        finally:
            for wake in self.waiting:
                wake.set()


class NameCache:
    """Resolves host names: each one at a time, whoever asks, and keeps the answer `ttl` seconds (None: for good)."""

    def __init__(self, enabled: bool, ttl: float | None) -> None:
        self._enabled = enabled
        self._ttl = ttl
        self._known: OrderedDict[Key, tuple[float, list[Address]]] = OrderedDict()
        self._lookups: dict[Key, _Lookup] = {}

    def __len__(self) -> int:
        return len(self._known)

    def clear(self, host: str | None = None, port: int | None = None) -> None:
        """Forget `host` at `port`, or everything."""
        if host is None or port is None:
            self._known.clear()
        else:
            self._known.pop((host, port), None)

    def close(self) -> None:
        """Drop the questions that are under way."""
        for lookup in self._lookups.values():
            if lookup.task is not None:
                lookup.task.cancel()
        self._lookups.clear()

    def _find(self, key: Key, now: float) -> list[Address] | None:
        known = self._known.get(key)
        if known is None:
            return None
        if self._ttl is not None and now >= known[0] + self._ttl:
            del self._known[key]
            return None
        self._known.move_to_end(key)
        return known[1]

    async def addresses(
        self, runtime: Runtime, host: str, port: int, deadline: float, traces: Sequence[Trace]
    ) -> list[Address]:
        """Return the addresses of `host`, in the order to try them. Raises NameNotResolved, StreamTimeout."""
        key = host, port
        known = self._find(key, runtime.now()) if self._enabled else None
        if known is not None:
            if traces:
                await emit(traces, "dns_cache_hit", TraceDnsCacheHitParams(host))
            return known
        lookup = self._lookups.get(key)
        if lookup is not None and traces:
            await emit(traces, "dns_cache_hit", TraceDnsCacheHitParams(host))
        elif traces:
            if self._enabled:
                await emit(traces, "dns_cache_miss", TraceDnsCacheMissParams(host))
            await emit(traces, "dns_resolvehost_start", TraceDnsResolveHostStartParams(host))
        found = await self._wait_for(runtime, self._lookup(runtime, key), deadline)
        if traces and lookup is None:
            await emit(traces, "dns_resolvehost_end", TraceDnsResolveHostEndParams(host))
        return found

    def _lookup(self, runtime: Runtime, key: Key) -> _Lookup:
        lookup = self._lookups.get(key)
        if lookup is None:
            lookup = self._lookups[key] = _Lookup()
            lookup.task = runtime.spawn(self._run, runtime, key, lookup, name=f"drywire resolves {key[0]}")
        return lookup

    async def _run(self, runtime: Runtime, key: Key, lookup: _Lookup) -> None:
        try:
            await lookup.ask(runtime, *key)
        finally:
            if self._lookups.get(key) is lookup:
                del self._lookups[key]
        if lookup.addresses is not None and self._enabled:
            self._known[key] = runtime.now(), lookup.addresses
            while len(self._known) > MOST_NAMES:
                self._known.popitem(last=False)

    async def _wait_for(self, runtime: Runtime, lookup: _Lookup, deadline: float) -> list[Address]:
        if lookup.addresses is None and lookup.error is None:
            wake = runtime.wake()
            lookup.waiting.append(wake)
            await runtime.park(wake, deadline)
        if lookup.error is not None:
            raise lookup.error.with_traceback(None)
        if lookup.addresses is None:
            raise TransportError("the connector was closed while a name was being resolved")
        return lookup.addresses
