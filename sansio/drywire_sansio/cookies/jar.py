"""A jar of cookies as a value: store, match and expire against a time that is passed in (RFC 6265, 5.3 and 5.4).

It is indexed by domain, so that a request costs what its own host's cookies cost, however many there are of others;
and it is bounded, with the numbers of browsers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Final, Generic

from .accepting import C, Origin
from .matching import domain_matches, domains_of, path_matches

__all__ = ["BOUNDS", "Bounds", "Jar", "sendable"]

_Key = tuple[str, str]  # path and name: which cookie it is in its domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much a jar holds and sends. The `_kept` ones say how far it is cleared when it is full: seldom, but well."""

    per_domain: int = 180
    """Cookies of one domain."""
    per_domain_kept: int = 150
    """Cookies that are left of a full domain, the new one among them."""
    total: int = 3300
    """Cookies in all."""
    total_kept: int = 3000
    """Cookies that are left of a full jar, the new one among them."""
    sent: int = 150
    """Cookies in one Cookie field."""
    field_line: int = 8190
    """Bytes of one Cookie field, its name and ``": "`` among them: as much as servers read."""


BOUNDS: Final = Bounds()


class Jar(Generic[C]):
    """Cookies, the last used of them known. It keeps what it is given, which may be more than a `Cookie`."""

    def __init__(self, bounds: Bounds = BOUNDS) -> None:
        self.bounds = bounds
        self.domains: dict[str, dict[_Key, C]] = {}
        """The cookies by domain, and there by path and name; no domain is empty. To be read only."""
        self._count = 0
        self._uses = 0
        self._first_end = inf  # no cookie ends before
        # Which cookies of a name are secure: one that is not must not hide them (RFC 6265bis, 5.7).
        self._secure: dict[str, dict[tuple[str, str], C]] = {}

    def __len__(self) -> int:
        """Return the number of cookies, those that have ended since the last `expire` too."""
        return self._count

    def __iter__(self) -> Iterator[C]:
        for cookies in self.domains.values():
            yield from cookies.values()

    # Storing

    def store(self, cookie: C, now: float, *, secure_origin: bool = True) -> bool:
        """Keep `cookie` in place of the one of the same domain, path and name; return whether it was kept.

        One that has ended at `now` only deletes. From an origin that is not secure no cookie comes over a secure one
        of its name (RFC 6265bis, 5.7). A full domain or jar first loses what has ended, then what was not used for
        longest. In a domain secure cookies go last, and only for secure ones: if it has no others, a new one that is
        not secure is not kept.
        """
        if not secure_origin and not cookie.secure and self._hides_secure(cookie):
            return False
        cookies = self.domains.get(cookie.domain)
        old = None if cookies is None else cookies.get((cookie.path, cookie.name))
        if cookie.expires <= now:
            if old is not None:
                self.discard(old)
            return False
        self._uses += 1
        cookie.used = cookie.created = self._uses
        cookie.measure()
        if old is not None:
            cookie.created = old.created
            self.discard(old)
        elif not self._make_room(cookie, now):
            return False
        self._add(cookie)
        return True

    def _add(self, cookie: C) -> None:
        self.domains.setdefault(cookie.domain, {})[cookie.path, cookie.name] = cookie
        self._count += 1
        self._first_end = min(self._first_end, cookie.expires)
        if cookie.secure:
            self._secure.setdefault(cookie.name, {})[cookie.domain, cookie.path] = cookie

    def discard(self, cookie: C) -> None:
        """Remove a cookie of this jar."""
        cookies = self.domains[cookie.domain]
        del cookies[cookie.path, cookie.name]
        self._count -= 1
        if not cookies:
            del self.domains[cookie.domain]
        if cookie.secure:
            secure = self._secure[cookie.name]
            del secure[cookie.domain, cookie.path]
            if not secure:
                del self._secure[cookie.name]

    def clear(self) -> None:
        """Remove all."""
        self.domains.clear()
        self._secure.clear()
        self._count = 0
        self._first_end = inf

    def clear_domain(self, domain: str) -> None:
        """Remove the cookies of `domain` and of all below it; the shared ones if it is empty."""
        for name in [name for name in self.domains if domain_matches(name, domain)]:
            for cookie in list(self.domains[name].values()):
                self.discard(cookie)

    def expire(self, now: float) -> None:
        """Remove all that has ended by `now`. Looks at nothing if nothing can have ended."""
        if self._first_end > now:
            return
        self._living(self, now)
        self._first_end = min((cookie.expires for cookie in self), default=inf)

    def _hides_secure(self, cookie: C) -> bool:
        """Return whether a secure cookie of the same name could be taken for `cookie`, or it for that."""
        return any(
            (domain_matches(domain, cookie.domain) or domain_matches(cookie.domain, domain))
            and path_matches(cookie.path, path)
            for domain, path in self._secure.get(cookie.name, ())
        )

    # Making room

    def _make_room(self, cookie: C, now: float) -> bool:
        """Return whether one more cookie may be added; what must go for it is gone then."""
        bounds = self.bounds
        cookies = self.domains.get(cookie.domain)
        if cookies is not None and len(cookies) >= bounds.per_domain:
            living = self._living(cookies.values(), now)
            candidates = living if cookie.secure else [old for old in living if not old.secure]
            if not candidates and len(living) >= bounds.per_domain:
                return False
            candidates.sort(key=lambda old: (old.secure, old.used))
            self._discard_first(candidates, len(living) + 1 - bounds.per_domain_kept)
        if self._count >= bounds.total:
            living = sorted(self._living(self, now), key=lambda old: old.used)
            self._discard_first(living, len(living) + 1 - bounds.total_kept)
        return True

    def _living(self, cookies: Iterable[C], now: float) -> list[C]:
        """Return those of `cookies` that have not ended; the others are removed."""
        living: list[C] = []
        ended: list[C] = []
        for cookie in cookies:
            (living if cookie.expires > now else ended).append(cookie)
        for cookie in ended:
            self.discard(cookie)
        return living

    def _discard_first(self, cookies: list[C], number: int) -> None:
        for cookie in cookies[: max(0, number)]:
            self.discard(cookie)

    # Sending

    def match(self, origin: Origin, now: float) -> list[C]:
        """Return all cookies that a request to `origin` may carry at `now`, in the order of RFC 6265, 5.4.

        Longer paths first, then those that were set earlier. They count as used.
        """
        host, path, secure = origin
        domains = self.domains
        found: list[C] = []
        ended: list[C] = []
        for domain in self._domains_for(host):
            for cookie in domains[domain].values():
                if cookie.host_only and domain != host:
                    continue
                if (cookie.secure and not secure) or not path_matches(path, cookie.path):
                    continue
                (found if cookie.expires > now else ended).append(cookie)
        for cookie in ended:
            self.discard(cookie)
        self._uses += 1
        for cookie in found:
            cookie.used = self._uses
        if len(found) > 1:
            found.sort(key=_rank)
        return found

    def _domains_for(self, host: str) -> list[str]:
        """Return the domains of which there are cookies that `host` may see; the shared ones are of the domain ""."""
        domains = [domain for domain in domains_of(host) if domain in self.domains] if host else []
        if "" in self.domains:
            domains.append("")
        return domains


def _rank(cookie: C) -> tuple[int, int]:
    return -len(cookie.path), cookie.created


def sendable(cookies: list[C], bounds: Bounds = BOUNDS) -> list[C]:
    """Return those of `cookies`, from `Jar.match`, that go into one Cookie field, in the same order.

    Of a name only one: of the nearest domain, and there of the longest path, for a server that looks for the name finds
    but one. Where they are too many or too long, those of the nearest domains go first.
    """
    chosen = _one_of_a_name(cookies)
    room = bounds.field_line - len("Cookie: ")
    if len(chosen) <= bounds.sent and sum(cookie.size + 2 for cookie in chosen) - 2 <= room:
        return chosen
    admitted: set[C] = set()
    for cookie in sorted(chosen, key=_nearness, reverse=True):
        if len(admitted) == bounds.sent:
            break
        needed = cookie.size + 2 * bool(admitted)
        if needed <= room:
            room -= needed
            admitted.add(cookie)
    return [cookie for cookie in chosen if cookie in admitted]


def _one_of_a_name(cookies: list[C]) -> list[C]:
    by_name: dict[str, C] = {}
    for cookie in cookies:
        other = by_name.get(cookie.name)
        if other is None or _nearness(cookie) > _nearness(other):
            by_name[cookie.name] = cookie
    if len(by_name) == len(cookies):
        return cookies
    return [cookie for cookie in cookies if by_name[cookie.name] is cookie]


def _nearness(cookie: C) -> tuple[int, int]:
    # All domains of a request lie on one line, so that a longer one is a nearer one.
    return len(cookie.domain), len(cookie.path)
