"""The jar that a session keeps its cookies in: aiohttp's interface around `drywire_sansio.cookies`."""

from __future__ import annotations

import os
import re
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from http.cookies import BaseCookie, CookieError, Morsel, SimpleCookie
from math import inf
from time import time  # noqa: TID251 - cookies end by the calendar, also while no program runs
from types import MappingProxyType
from typing import Any, Final

from yarl import URL

from drywire_sansio.cookies import (
    NOWHERE,
    Cookie,
    IsPublicSuffix,
    Jar,
    Origin,
    SetCookie,
    accept,
    is_address,
    is_cookie_name,
    is_cookie_value,
    parse_cookie_date,
    parse_max_age,
    parse_set_cookie,
    sendable,
    top_level,
    unquote,
)

from .cookie_files import CookieRecord, parse_file, read_file, to_json, write_file

__all__ = [
    "AbstractCookieJar",
    "ClearCookiePredicate",
    "CookieJar",
    "DummyCookieJar",
    "LooseCookies",
    "cookie_field",
    "response_cookies",
]

LooseCookies = Mapping[str, Any] | Iterable[tuple[str, Any]]
"""What users may give as cookies: a mapping, a SimpleCookie among them, or pairs, of names and texts or Morsels."""
ClearCookiePredicate = Callable[["Morsel[str]"], bool]
Place = tuple[str, str]
"""Domain and path of cookies; the path has no slash at its end, as aiohttp has it."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_FLAGS: Final = frozenset({"httponly", "partitioned", "secure"})
# Which attributes a Morsel knows depends on the version of Python.
_MORSEL_ATTRIBUTES: Final = frozenset(Morsel())
_HTTP_QUOTES: Final = SimpleCookie()


# From values to Morsels and back


@dataclass(slots=True, eq=False)
class _Kept(Cookie):
    """A cookie and what its Morsel needs beyond that: `value` is what is sent, these are what was given."""

    plain: str = ""
    """What the value stands for."""
    coded: str = ""
    """As its server, or a Morsel, wrote it."""
    attributes: Mapping[str, str] = field(default_factory=dict)


def _kept(name: str, plain: str, coded: str, attributes: Mapping[str, str], quote: bool) -> _Kept | None:
    """Return a cookie still to be accepted, None for one that cannot be sent.

    Sent is what was given, or with `quote`, unless that is in quotes already, what http.cookies makes of the value.
    """
    sent = coded if not quote or coded.startswith('"') else _HTTP_QUOTES.value_encode(plain)[1]
    if not is_cookie_name(name) or not is_cookie_value(sent) or _CONTROL.search(plain + coded) is not None:
        return None
    return _Kept(name, sent, plain=plain, coded=coded, attributes=attributes)


def _morsel(name: str, plain: str, coded: str, attributes: Mapping[str, str] = MappingProxyType({})) -> Morsel[str]:
    morsel: Morsel[str] = Morsel()
    # Not set(): that refuses names that are in use, such as "path" and "a[b]".
    morsel.__setstate__({"key": name, "value": plain, "coded_value": coded})  # type: ignore[attr-defined]  # typeshed
    for attribute, text in attributes.items():
        if attribute in _MORSEL_ATTRIBUTES:
            morsel[attribute] = True if attribute in _FLAGS else text
    return morsel


def _stored_morsel(cookie: _Kept) -> Morsel[str]:
    """Return the Morsel of a cookie in the jar, with the domain and path that it is kept under."""
    morsel = _morsel(cookie.name, cookie.plain, cookie.coded, cookie.attributes)
    morsel["domain"], morsel["path"] = cookie.domain, cookie.path
    if parse_max_age(morsel["max-age"]) is None:
        morsel["max-age"] = ""
    if parse_cookie_date(morsel["expires"]) is None:
        morsel["expires"] = ""
    return morsel


def _given(name: object, value: object, quote: bool) -> _Kept | None:
    """Return the cookie that a program gives as a text or a Morsel. Raises CookieError for a name that is none."""
    if isinstance(value, Morsel):
        attributes = {attribute: str(text) for attribute, text in value.items() if text}
        key: Any = value.key  # None, whatever its type says, if nobody has set it
        plain, coded = str(value.value), str(value.coded_value)
        return _kept(key or "", plain, coded if quote else plain, attributes, quote)
    if not isinstance(name, str) or not is_cookie_name(name):
        raise CookieError(f"Illegal key {name!r}")
    plain = str(value)
    return _kept(name, plain, _HTTP_QUOTES.value_encode(plain)[1] if quote else plain, _implied(name), quote)


def _implied(name: str) -> Mapping[str, str]:
    """Return what a name without attributes says about itself (RFC 6265bis, 4.1.3)."""
    prefix = name[:9].lower()
    if prefix.startswith("__host-"):
        return {"secure": "", "path": "/"}
    return {"secure": ""} if prefix == "__secure-" else {}


def _parsed(headers: Iterable[str]) -> Iterator[SetCookie]:
    return (said for said in map(parse_set_cookie, headers) if said is not None)


def response_cookies(headers: Iterable[str]) -> SimpleCookie:
    """Return the cookies of a response's Set-Cookie values; of a name the last one. What cannot be read is left out."""
    cookies = SimpleCookie()
    for said in _parsed(headers):
        plain = unquote(said.value)
        if _CONTROL.search(plain) is None:
            dict.__setitem__(cookies, said.name, _morsel(said.name, plain, said.value, said.attributes))
    return cookies


def cookie_field(jar: AbstractCookieJar, url: URL, own: LooseCookies | None = None) -> str | None:
    """Return the value of Cookie for a request for `url`, None for none: what is in `jar`, under `own`.

    `own` are cookies of this one request. They go before those of the same name in the jar and are stored nowhere.
    """
    if not own:
        return jar.cookie_header(url)
    once = CookieJar(unsafe=True, quote_cookie=jar.quote_cookie, treat_as_secure_origin=jar.treat_as_secure_origin)
    once.update_cookies(own)
    cookies = jar.filter_cookies(url)
    dict.update(cookies, once.filter_cookies(url))
    return _joined(cookies)


def _joined(cookies: BaseCookie[str]) -> str | None:
    return "; ".join([f"{morsel.key}={morsel.coded_value}" for morsel in cookies.values()]) or None


# The jars


class AbstractCookieJar(Sized, Iterable["Morsel[str]"]):
    """What a session needs of a jar. Make your own by its four methods, `__len__` and `__iter__`.

    `loop` is accepted for aiohttp's sake, and has no effect.
    """

    def __init__(self, *, loop: object = None) -> None:
        pass

    @abstractmethod
    def update_cookies(self, cookies: LooseCookies, response_url: URL = URL()) -> None:  # noqa: B008 - immutable
        """Store `cookies` that came from `response_url`; without it, for every host."""

    @abstractmethod
    def filter_cookies(self, request_url: URL) -> BaseCookie[str]:
        """Return the cookies for a request to `request_url`."""

    @abstractmethod
    def clear(self, predicate: ClearCookiePredicate | None = None) -> None:
        """Remove all cookies, or those for which `predicate` returns true."""

    @abstractmethod
    def clear_domain(self, domain: str) -> None:
        """Remove the cookies of `domain` and of all domains below it."""

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        """Store the cookies of a response's Set-Cookie values; what cannot be read is passed over."""
        cookies = [(name, morsel) for header in headers for name, morsel in response_cookies([header]).items()]
        if cookies:
            self.update_cookies(cookies, response_url)

    def cookie_header(self, url: URL) -> str | None:
        """Return the value of Cookie for a request for `url`, None for none."""
        return _joined(self.filter_cookies(url))

    @property
    def unsafe(self) -> bool:
        """Whether cookies of hosts that are IP addresses are kept."""
        return False

    @property
    def quote_cookie(self) -> bool:
        """Whether values that need it are put in quotes."""
        return True

    @property
    def treat_as_secure_origin(self) -> frozenset[URL]:
        """Origins that get Secure cookies over plain HTTP."""
        return frozenset()

    @property
    def cookies(self) -> MappingProxyType[Place, SimpleCookie]:
        """The cookies by domain and path."""
        return MappingProxyType({})

    @property
    def host_only_cookies(self) -> frozenset[tuple[str, str, str]]:
        """Domain, path and name of the cookies that go to their domain only, and to nothing below."""
        return frozenset()


class CookieJar(AbstractCookieJar):
    """Cookies as browsers keep them (RFC 6265bis), each sent only where it belongs; 180 of a domain, 3300 in all.

    `unsafe`: keep cookies of hosts that are IP addresses, too. `quote_cookie`: put values that hold other than
    letters, digits and a few signs in quotes, as aiohttp does; False sends each as it was given. What is in quotes
    already always goes back as it came. `treat_as_secure_origin`: URLs whose origins get Secure cookies over plain
    HTTP. `public_suffix`: a function that says of a domain whether all the world has names below it (``co.uk``), so
    that no cookie is set for it; without it the top-level domains are, and
    `drywire_sansio.cookies.SuffixList` makes one of the list of publicsuffix.org. `loop` has no effect. A jar can be
    made anywhere, and shared by sessions of one thread.
    """

    def __init__(
        self,
        *,
        unsafe: bool = False,
        quote_cookie: bool = True,
        treat_as_secure_origin: str | URL | Iterable[str | URL] | None = None,
        public_suffix: IsPublicSuffix | None = None,
        loop: object = None,
        _clock: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(loop=loop)
        self._unsafe = unsafe
        self._quote_cookie = quote_cookie
        self._secure_origins = _origins(treat_as_secure_origin)
        self._is_public_suffix = top_level if public_suffix is None else public_suffix
        self._clock = _clock
        self._jar: Jar[_Kept] = Jar()

    def _now(self) -> float:
        return time() if self._clock is None else self._clock()

    def _living(self) -> Jar[_Kept]:
        self._jar.expire(self._now())
        return self._jar

    def __len__(self) -> int:
        return len(self._living())

    def __iter__(self) -> Iterator[Morsel[str]]:
        # of a copy: the jar may change meanwhile
        return map(_stored_morsel, list(self._living()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} cookies>"

    @property
    def unsafe(self) -> bool:
        """Whether cookies of hosts that are IP addresses are kept."""
        return self._unsafe

    @property
    def quote_cookie(self) -> bool:
        """Whether values that need it are put in quotes."""
        return self._quote_cookie

    @property
    def treat_as_secure_origin(self) -> frozenset[URL]:
        """Origins that get Secure cookies over plain HTTP."""
        return self._secure_origins

    @property
    def _cookies(self) -> Mapping[Place, SimpleCookie]:
        return _ByPlace(self._living)

    @property
    def cookies(self) -> MappingProxyType[Place, SimpleCookie]:
        """The cookies by domain and path, as they are at each look."""
        return MappingProxyType(self._cookies)

    @property
    def host_only_cookies(self) -> frozenset[tuple[str, str, str]]:
        """Domain, path and name of the cookies that go to their domain only, and to nothing below."""
        return frozenset((*_place(cookie), cookie.name) for cookie in self._living() if cookie.host_only)

    # Storing

    def update_cookies(self, cookies: LooseCookies, response_url: str | URL = URL()) -> None:  # noqa: B008 - immutable
        """Store `cookies` of `response_url`; without it they are shared: sent to every host.

        They are a program's own, so that Secure ones are taken for a plain HTTP URL. A Morsel's Domain must be one
        that the URL's host lies in; the others are passed over, as are values with control characters. Raises
        CookieError for a name that cannot be one.
        """
        url = URL(response_url) if isinstance(response_url, str) else response_url
        host = url.raw_host or ""
        if self._refuses(host):
            return
        origin = Origin(host, url.raw_path, True) if host else NOWHERE
        now = self._now()
        for name, value in cookies.items() if isinstance(cookies, Mapping) else cookies:
            kept = _given(name, value, self._quote_cookie)
            if kept is not None and (kept := self._accepted(kept, origin, now)) is not None:
                self._jar.store(kept, now)

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        """Store the cookies of a response's Set-Cookie values; what cannot be read or must not be set is passed over.

        Over plain HTTP neither Secure cookies are set nor others that would hide them (RFC 6265bis, 5.7).
        """
        if not headers or self._refuses(response_url.raw_host or ""):
            return
        origin = self._origin(response_url)
        now = self._now()
        for said in _parsed(headers):
            kept = _kept(said.name, unquote(said.value), said.value, said.attributes, self._quote_cookie)
            if kept is not None and (kept := self._accepted(kept, origin, now)) is not None:
                self._jar.store(kept, now, secure_origin=origin.secure)

    def _refuses(self, host: str) -> bool:
        return not self._unsafe and is_address(host)

    def _accepted(self, cookie: _Kept, origin: Origin, now: float) -> _Kept | None:
        return accept(cookie, cookie.attributes, origin, now, self._is_public_suffix)

    # Sending

    def _origin(self, url: URL) -> Origin:
        """Return `url` as the jar sees it: a host whose own cookies it must not have is none."""
        host = url.raw_host or ""
        secure = url.scheme in ("https", "wss") or self._is_treated_as_secure(url)
        return Origin("" if self._refuses(host) else host, url.raw_path or "/", secure)

    def _is_treated_as_secure(self, url: URL) -> bool:
        return bool(self._secure_origins) and url.absolute and url.origin() in self._secure_origins

    def _sent(self, url: URL) -> list[_Kept]:
        return sendable(self._jar.match(self._origin(url), self._now()))

    def filter_cookies(self, request_url: str | URL = URL()) -> BaseCookie[str]:  # noqa: B008 - immutable
        """Return the cookies for a request to `request_url`, at most 150, and as many as go into one header line.

        Their Morsels have names and values only. A str is taken, too, with a DeprecationWarning.
        """
        if isinstance(request_url, str):
            message = "filter_cookies() with a str is deprecated: pass a yarl.URL"
            warnings.warn(message, DeprecationWarning, stacklevel=2)
            request_url = URL(request_url)
        cookies: BaseCookie[str] = BaseCookie()
        if self._jar.domains:
            for cookie in self._sent(request_url):
                # past BaseCookie's check of names, which refuses some that are in use
                dict.__setitem__(cookies, cookie.name, _morsel(cookie.name, cookie.plain, cookie.value))
        return cookies

    def cookie_header(self, url: URL) -> str | None:
        """Return the value of Cookie for a request for `url`, None for none: the same cookies as `filter_cookies`."""
        if not self._jar.domains:
            return None
        return "; ".join([f"{cookie.name}={cookie.value}" for cookie in self._sent(url)]) or None

    # Removing

    def clear(self, predicate: ClearCookiePredicate | None = None) -> None:
        """Remove all cookies, or those for which `predicate` returns true of their Morsel."""
        if predicate is None:
            self._jar.clear()
            return
        for cookie in [cookie for cookie in self._living() if predicate(_stored_morsel(cookie))]:
            self._jar.discard(cookie)

    def clear_domain(self, domain: str) -> None:
        """Remove the cookies of `domain` and of all domains below it."""
        self._jar.clear_domain(domain)

    # Files

    def save(self, file_path: str | os.PathLike[str]) -> None:
        """Write all cookies as JSON, which aiohttp 3.14 reads, too. Only the user may read the file (mode 0600).

        The file is the old or the new one at any time, never half of it. Raises OSError.
        """
        write_file(file_path, to_json(map(_record, self._living())))

    def load(self, file_path: str | os.PathLike[str]) -> None:
        """Put the cookies of a file in place of those in the jar.

        Reads what `save` wrote, aiohttp 3.14's JSON, and the pickles of older aiohttp without running anything that
        is in them. Those do not say which cookies are for their host only: all are taken to hold below it, too.
        Cookies that this jar would not take, or that have ended, are left out.

        Raises OSError, and ValueError for a file that is none of these; then the jar stays as it was.
        """
        records = parse_file(read_file(file_path))
        loaded: Jar[_Kept] = Jar()
        now = self._now()
        for record in records:
            cookie = self._restored(record, now)
            if cookie is not None:
                loaded.store(cookie, now)
        self._jar = loaded

    def _restored(self, record: CookieRecord, now: float) -> _Kept | None:
        attributes = {**record.attributes, "domain": "" if record.host_only else record.domain, "path": record.path}
        kept = _kept(record.name, record.plain, record.coded, attributes, self._quote_cookie)
        if kept is None or self._refuses(record.domain):
            return None
        accepted = self._accepted(kept, Origin(record.domain, "/", True) if record.domain else NOWHERE, now)
        if accepted is not None and record.expires < inf:
            accepted.expires = record.expires
        return accepted


class DummyCookieJar(AbstractCookieJar):
    """A jar that keeps nothing, for sessions without cookies."""

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Morsel[str]]:
        return iter(())

    def update_cookies(self, cookies: LooseCookies, response_url: str | URL = URL()) -> None:  # noqa: B008 - immutable
        """Do nothing."""

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        """Do nothing."""

    def filter_cookies(self, request_url: str | URL = URL()) -> BaseCookie[str]:  # noqa: B008 - immutable
        """Return none."""
        return SimpleCookie()

    def cookie_header(self, url: URL) -> str | None:
        """Return None."""
        return None

    def clear(self, predicate: ClearCookiePredicate | None = None) -> None:
        """Do nothing."""

    def clear_domain(self, domain: str) -> None:
        """Do nothing."""


def _record(cookie: _Kept) -> CookieRecord:
    return CookieRecord(
        domain=cookie.domain,
        path=cookie.path,
        name=cookie.name,
        plain=cookie.plain,
        coded=cookie.coded,
        attributes=cookie.attributes,
        host_only=cookie.host_only,
        expires=cookie.expires,
    )


def _origins(urls: str | URL | Iterable[str | URL] | None) -> frozenset[URL]:
    if urls is None:
        return frozenset()
    return frozenset(URL(url).origin() for url in ([urls] if isinstance(urls, str | URL) else urls))


def _place(cookie: Cookie) -> Place:
    return cookie.domain, cookie.path.rstrip("/")


class _ByPlace(Mapping[Place, SimpleCookie]):
    """The cookies of a jar by domain and path, as they are at each look."""

    def __init__(self, jar: Callable[[], Jar[_Kept]]) -> None:
        self._jar = jar

    def _all(self) -> dict[Place, SimpleCookie]:
        places: dict[Place, SimpleCookie] = {}
        for cookie in self._jar():
            dict.__setitem__(places.setdefault(_place(cookie), SimpleCookie()), cookie.name, _stored_morsel(cookie))
        return places

    def __getitem__(self, place: Place) -> SimpleCookie:
        return self._all()[place]

    def __iter__(self) -> Iterator[Place]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())
