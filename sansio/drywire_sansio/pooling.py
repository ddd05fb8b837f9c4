"""The decisions of a pool of connections: who may have one, who waits, which is taken, and which is to be closed.

Keys and connections are opaque. Nothing here opens, closes, wakes or waits: verbs return what is to be woken or closed,
and whoever keeps the pool does that. The time is an argument.

A *place* is the right to one connection. It is taken by `Pool.take`, `Pool.enter`, or by a `Turn` that is granted, and
whoever has it gives it back once: by `give_back` or `drop` of a connection, by `leave` without one, by `withdraw` of a
turn. A place that is given back belongs at once to the first who waits and may have it, so nobody can come between.
"""

from __future__ import annotations

import heapq
import math
from bisect import insort
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

__all__ = ["Endpoint", "EndpointFigures", "Pool", "PoolFigures", "Pooled", "Turn"]

_NO_LIMIT: Final = 1 << 62
_SWEEP_AT: Final = 64
"""Endpoints listed in vain from which on they are swept out, once they are more than half of the list."""


class Pooled:
    """What a connection has for the pool to write on: its endpoint, and since when it is idle (seconds)."""

    __slots__ = ("endpoint", "idle_since")

    endpoint: Endpoint[Any, Any]
    idle_since: float


K = TypeVar("K", bound=Hashable)
C = TypeVar("C", bound=Pooled)


class Turn(Generic[K, C]):
    """Somebody who waits for a place. `wake` is for whoever keeps the pool."""

    __slots__ = ("connection", "endpoint", "granted", "number", "wake")

    def __init__(self, endpoint: Endpoint[K, C], number: int) -> None:
        self.endpoint = endpoint
        self.number = number
        self.granted = False
        """Whether it has a place."""
        self.connection: C | None = None
        """The idle connection that came with the place, if there was one."""
        self.wake: Any = None


class Endpoint(Generic[K, C]):
    """Where connections of one key lead."""

    __slots__ = ("idle", "key", "listed", "places", "queue")

    def __init__(self, key: K) -> None:
        self.key = key
        self.idle: list[C] = []
        """Idle connections; the one that was used last is the last."""
        self.places = 0
        """Places that are taken."""
        self.queue: OrderedDict[Turn[K, C], None] = OrderedDict()
        """Who waits, in order."""
        self.listed = False
        """Whether the pool has it among those whose first turn lacks nothing but `Pool.limit`."""


@dataclass(frozen=True, slots=True)
class EndpointFigures:
    """How many connections of one key there are."""

    in_use: int = 0
    """In use, or being opened."""
    idle: int = 0
    """Kept for another request."""
    waiting: int = 0
    """Requests that wait for a place."""

    @property
    def open(self) -> int:
        """In use or idle."""
        return self.in_use + self.idle


@dataclass(frozen=True, slots=True)
class PoolFigures(EndpointFigures):
    """How many connections there are, in all and `by_key`."""

    by_key: dict[Any, EndpointFigures] = field(default_factory=dict)
    """Of each key that has any."""


class Pool(Generic[K, C]):
    """Connections by key, with at most `limit` places in all and `limit_per_host` for one key (0: any number).

    Idle connections are kept for `keepalive` seconds: None for good, 0 not at all.
    """

    def __init__(self, limit: int = 100, limit_per_host: int = 0, keepalive: float | None = 15.0) -> None:
        self.endpoints: dict[K, Endpoint[K, C]] = {}
        """Endpoints that have a place taken, an idle connection, or somebody who waits."""
        self.members: set[C] = set()
        """All open connections, idle ones too."""
        self.places = 0
        """Places that are taken."""
        self.waiting = 0
        """Turns that wait."""
        self.closed = False
        self.keeps = keepalive is None or keepalive > 0
        """Whether connections that can serve again are kept: `give_back` them, else `drop` them."""
        self._keepalive = math.inf if keepalive is None else keepalive
        self._ready: list[tuple[int, Endpoint[K, C]]] = []  # by the number of the first turn, or of one that was it
        self._turns = 0
        self._set_limits(limit, limit_per_host)

    # Limits

    def _set_limits(self, limit: int, limit_per_host: int) -> None:
        if limit < 0 or limit_per_host < 0:
            raise ValueError(f"limits of connections are 0 (for any number) or more, not {min(limit, limit_per_host)}")
        self.limit, self.limit_per_host = limit, limit_per_host
        self._most = limit or _NO_LIMIT
        self._most_per_host = limit_per_host or _NO_LIMIT

    def change_limits(self, limit: int, limit_per_host: int) -> list[Turn[K, C]]:
        """Have other limits; return who is to be woken. Lower ones hold for places that are taken from now on.

        Raises ValueError for negative ones.
        """
        self._set_limits(limit, limit_per_host)
        for endpoint in self.endpoints.values():
            self._list(endpoint)
        granted: list[Turn[K, C]] = []
        while (turn := self._grant()) is not None:
            granted.append(turn)
        return granted

    # Taking

    def take(self, key: K, now: float) -> C | None:
        """Return an idle connection, and a place with it; None where there is none, or no place for it."""
        endpoint = self.endpoints.get(key)
        if endpoint is None or not endpoint.idle:
            return None
        if self.places >= self._most or endpoint.places >= self._most_per_host:
            return None
        connection = endpoint.idle[-1]
        if now - connection.idle_since >= self._keepalive:
            return None  # and so are the others: `expire` is late
        endpoint.idle.pop()
        endpoint.places += 1
        self.places += 1
        return connection

    def enter(self, key: K) -> Endpoint[K, C] | None:
        """Take a place and return its endpoint; None where there is none to be had."""
        endpoint = self.endpoints.get(key)
        places = endpoint.places if endpoint is not None else 0
        if self.places >= self._most or places >= self._most_per_host:
            return None
        if endpoint is None:
            endpoint = self.endpoints[key] = Endpoint(key)
        endpoint.places += 1
        self.places += 1
        return endpoint

    def next_idle(self, endpoint: Endpoint[K, C], now: float) -> C | None:
        """Return an idle connection for a place that is taken already, the one that was used last."""
        idle = endpoint.idle
        return idle.pop() if idle and now - idle[-1].idle_since < self._keepalive else None

    def wait(self, key: K) -> Turn[K, C]:
        """Wait behind all others for a place at `key`, where `enter` has refused one."""
        endpoint = self.endpoints.get(key)
        if endpoint is None:
            endpoint = self.endpoints[key] = Endpoint(key)
        self._turns += 1
        turn = Turn(endpoint, self._turns)
        endpoint.queue[turn] = None
        self.waiting += 1
        self._list(endpoint)
        return turn

    def accept(self, turn: Turn[K, C], now: float) -> C | None:
        """Return the connection that came with the place of `turn`, if one did, and it is not too old by now."""
        connection, turn.connection = turn.connection, None
        if connection is not None and now - connection.idle_since >= self._keepalive:
            insort(turn.endpoint.idle, connection, key=_idle_since)  # for `expire`
            return None
        return connection

    def withdraw(self, turn: Turn[K, C]) -> Turn[K, C] | None:
        """Wait no longer: give back the place too, if `turn` has got it meanwhile. Returns who is to be woken."""
        endpoint = turn.endpoint
        if turn.granted:
            connection, turn.connection = turn.connection, None
            if connection is not None and not self.closed:
                insort(endpoint.idle, connection, key=_idle_since)
            return self.leave(endpoint)
        if turn in endpoint.queue:
            del endpoint.queue[turn]
            self.waiting -= 1
            self._tidy(endpoint)
            if len(self._ready) > _SWEEP_AT + 2 * len(self.endpoints):
                self._sweep()
        return None

    def opened(self, endpoint: Endpoint[K, C], connection: C) -> None:
        """Know `connection`, which was opened for a place at `endpoint`."""
        connection.endpoint = endpoint
        self.members.add(connection)

    # Giving back

    def give_back(self, connection: C, now: float) -> Turn[K, C] | None:
        """Keep `connection`, which can serve again, and free its place. Returns who is to be woken."""
        connection.idle_since = now
        endpoint = connection.endpoint
        endpoint.idle.append(connection)
        if self.waiting:
            return self.leave(endpoint)
        endpoint.places -= 1
        self.places -= 1
        return None

    def drop(self, connection: C) -> Turn[K, C] | None:
        """Forget `connection`, which is closed, and free its place. Returns who is to be woken."""
        self.members.discard(connection)
        return self.leave(connection.endpoint)

    def leave(self, endpoint: Endpoint[K, C]) -> Turn[K, C] | None:
        """Free a place at `endpoint`. Returns who is to be woken."""
        self.places -= 1
        endpoint.places -= 1
        if endpoint.queue:
            self._list(endpoint)
        turn = self._grant() if self._ready else None
        self._tidy(endpoint)
        return turn

    def _list(self, endpoint: Endpoint[K, C]) -> None:
        """Have `endpoint` among those that may be given a place, if somebody waits for it and it has room."""
        if endpoint.queue and not endpoint.listed and endpoint.places < self._most_per_host:
            endpoint.listed = True
            heapq.heappush(self._ready, (next(iter(endpoint.queue)).number, endpoint))

    def _grant(self) -> Turn[K, C] | None:
        """Give a free place to the first that waits and may have it, and with it an idle connection if there is one."""
        while self._ready and self.places < self._most:
            number, endpoint = heapq.heappop(self._ready)
            endpoint.listed = False
            if not endpoint.queue or endpoint.places >= self._most_per_host:
                continue
            if next(iter(endpoint.queue)).number != number:
                self._list(endpoint)  # the first one has left, and the next came later
                continue
            turn, _ = endpoint.queue.popitem(last=False)
            self.waiting -= 1
            endpoint.places += 1
            self.places += 1
            turn.granted = True
            turn.connection = endpoint.idle.pop() if endpoint.idle else None
            self._list(endpoint)
            return turn
        return None

    def _sweep(self) -> None:
        """List anew: most of those that are listed have nobody waiting any more."""
        self._ready.clear()
        for endpoint in self.endpoints.values():
            endpoint.listed = False
            self._list(endpoint)

    def _tidy(self, endpoint: Endpoint[K, C]) -> None:
        """Forget `endpoint` where nothing is left of it."""
        if not endpoint.places and not endpoint.idle and not endpoint.queue:
            self.endpoints.pop(endpoint.key, None)

    # Idle connections

    def discard(self, connection: C) -> None:
        """Forget `connection`, which was taken and has turned out to be dead. Its place stays taken."""
        self.members.discard(connection)

    def discard_idle(self, connection: C) -> None:
        """Forget `connection`, which has died while idle."""
        self.members.discard(connection)
        connection.endpoint.idle.remove(connection)
        self._tidy(connection.endpoint)

    def expire(self, now: float) -> list[C]:
        """Return the connections that have been idle for too long: they are to be closed."""
        expired: list[C] = []
        for endpoint in list(self.endpoints.values()):
            idle = endpoint.idle
            count = 0
            while count < len(idle) and now - idle[count].idle_since >= self._keepalive:
                count += 1
            if count:
                expired += idle[:count]
                del idle[:count]
                self._tidy(endpoint)
        self.members.difference_update(expired)
        return expired

    @property
    def next_expiry(self) -> float:
        """When to `expire` next: the time at which the first idle connection will have been idle for too long."""
        since = (endpoint.idle[0].idle_since for endpoint in self.endpoints.values() if endpoint.idle)
        return min(since, default=math.inf) + self._keepalive

    @property
    def has_idle(self) -> bool:
        """Whether there are idle connections."""
        return any(endpoint.idle for endpoint in self.endpoints.values())

    @property
    def idle(self) -> list[C]:
        """All idle connections."""
        return [connection for endpoint in self.endpoints.values() for connection in endpoint.idle]

    # All of it

    @property
    def figures(self) -> PoolFigures:
        """How many connections are in use and idle, and how many wait."""
        by_key = {
            key: EndpointFigures(endpoint.places, len(endpoint.idle), len(endpoint.queue))
            for key, endpoint in self.endpoints.items()
        }
        idle = sum(figures.idle for figures in by_key.values())
        return PoolFigures(self.places, idle, self.waiting, by_key)

    def close(self) -> tuple[list[C], list[Turn[K, C]]]:
        """Keep nothing any more; return all connections, to be closed, and who waited, to be woken without a place.

        Those who have places give them back as before.
        """
        self.closed, self.keeps = True, False
        members, self.members = list(self.members), set()
        turns: list[Turn[K, C]] = []
        for endpoint in list(self.endpoints.values()):
            turns += endpoint.queue
            endpoint.queue.clear()
            endpoint.idle.clear()
            endpoint.listed = False
            self._tidy(endpoint)
        self._ready.clear()
        self.waiting = 0
        turns.sort(key=_number)
        return members, turns


def _idle_since(connection: Pooled) -> float:
    return connection.idle_since


def _number(turn: Turn[Any, Any]) -> int:
    return turn.number
