"""Cookies of a server: those that a request brought, and those that a response sets (RFC 6265bis)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from http.cookies import Morsel, SimpleCookie
from typing import Any, Final

from drywire_sansio.cookies import parse_cookie, unquote

__all__ = ["Cookies", "ReceivedCookie", "ResponseCookies", "received_cookies", "set_cookie_fields"]

LONG_AGO: Final = "Thu, 01 Jan 1970 00:00:00 GMT"
Cookies = Mapping[str, str] | Iterable[tuple[str, str]]
"""Names and values of cookies to be set."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NOT_IN_ATTRIBUTE: Final = re.compile(r"[\x00-\x1f\x7f;]")


class ReceivedCookie(str):
    """The value of a cookie that a request brought: a str, which says the same again as its `value`."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """The value."""
        return str(self)


def received_cookies(fields: Iterable[str]) -> dict[str, ReceivedCookie]:
    """Return the cookies of a request's Cookie `fields` by name, quotes resolved; of two of one name the last."""
    return {name: ReceivedCookie(unquote(value)) for field in fields for name, value in parse_cookie(field)}


class _Crumb(Morsel[Any]):
    """A Morsel that knows `Partitioned`, which http.cookies does from Python 3.14 on."""

    _reserved: Final[dict[str, str]] = {**Morsel._reserved, "partitioned": "Partitioned"}  # type: ignore[attr-defined]  # private
    _flags: Final[set[str]] = Morsel._flags | {"partitioned"}  # type: ignore[attr-defined]  # private


def set_cookie_fields(cookies: SimpleCookie) -> Iterator[tuple[bytes, bytes]]:
    """Yield a Set-Cookie field for each of `cookies`. Raises ValueError for a control character in one."""
    for morsel in cookies.values():
        text = morsel.OutputString()
        if _CONTROL.search(text) is not None:
            raise ValueError(f"the cookie {morsel.key[:60]!r} holds a control character (RFC 6265, 4.1.1)")
        yield b"Set-Cookie", text.encode("utf-8", "surrogateescape")


class ResponseCookies:
    """The cookies that a response sets."""

    _cookies: SimpleCookie | None = None

    def _says_more(self) -> None:
        """Called when there may be cookies in the head."""

    @property
    def cookies(self) -> SimpleCookie:
        """The cookies to be set, by name; may be changed until the head is sent."""
        if self._cookies is None:
            self._cookies = SimpleCookie()
            self._says_more()
        return self._cookies

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        expires: str | None = None,
        domain: str | None = None,
        max_age: int | str | None = None,
        path: str = "/",
        secure: bool | None = None,
        httponly: bool | None = None,
        version: str | None = None,
        samesite: str | None = None,
        partitioned: bool | None = None,
    ) -> None:
        """Set a cookie, in place of one of the same name.

        `expires` is a date as text, `max_age` seconds, `samesite` ``"Strict"``, ``"Lax"`` or ``"None"``; `version` is
        deprecated. Raises ValueError for a control character, and for a semicolon in an attribute, which would begin
        another one; http.cookies.CookieError for a name that is not a token.
        """
        if version is not None:
            warnings.warn("version is deprecated: no browser looks at it", DeprecationWarning, stacklevel=2)
        attributes: dict[str, Any] = {
            "expires": expires,
            "domain": domain,
            "max-age": None if max_age is None else str(max_age),
            "path": path,
            "secure": secure,
            "httponly": httponly,
            "version": version,
            "samesite": samesite,
            "partitioned": partitioned,
        }
        self._set(name, value, attributes)

    def _set(self, name: str, value: str, attributes: Mapping[str, Any]) -> None:
        if _CONTROL.search(name) is not None or _CONTROL.search(str(value)) is not None:
            raise ValueError(f"the cookie {name[:60]!r} holds a control character (RFC 6265, 4.1.1)")
        for attribute, said in attributes.items():
            if isinstance(said, str) and _NOT_IN_ATTRIBUTE.search(said) is not None:
                raise ValueError(f"{attribute} of the cookie {name[:60]!r} holds a control character or semicolon")
        cookies = self.cookies
        crumb = _Crumb()
        crumb.set(name, *cookies.value_encode(value))
        for attribute, said in attributes.items():
            if said is not None:
                crumb[attribute] = said
        cookies[name] = crumb

    def del_cookie(
        self,
        name: str,
        *,
        domain: str | None = None,
        path: str = "/",
        secure: bool | None = None,
        httponly: bool | None = None,
        samesite: str | None = None,
    ) -> None:
        """Have the client forget the cookie `name`. `domain` and `path` must be those that it was set with."""
        self.cookies.pop(name, None)
        self.set_cookie(
            name,
            "",
            max_age=0,
            expires=LONG_AGO,
            domain=domain,
            path=path,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
        )
