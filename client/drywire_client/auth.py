"""Basic authentication as users write it, and the login of a host in a netrc file."""

from __future__ import annotations

import netrc
import os
from pathlib import Path
from typing import NamedTuple

from yarl import URL

from drywire_sansio.auth.basic import decode_basic, encode_basic

__all__ = ["BasicAuth", "NetrcLogins", "encode_basic_auth", "url_without_login"]


class _Login(NamedTuple):
    login: str
    password: str = ""
    encoding: str = "latin1"


class BasicAuth(_Login):
    """A login and password for Basic authentication (RFC 7617). Raises ValueError for None or a colon in the login."""

    __slots__ = ()

    def __new__(cls, login: str, password: str = "", encoding: str = "latin1") -> BasicAuth:
        """Check the login."""
        for what, value in (("login", login), ("password", password)):
            if value is None:
                raise ValueError(f"a {what} cannot be None: for none, give an empty str")
        encode_basic(login, password, encoding)
        return super().__new__(cls, login, password, encoding)

    @classmethod
    def decode(cls, auth_header: str, encoding: str = "latin1") -> BasicAuth:
        """Return what an Authorization field says. Raises ValueError where it is not one of Basic."""
        return cls(*decode_basic(auth_header, encoding), encoding=encoding)

    @classmethod
    def from_url(cls, url: URL, *, encoding: str = "latin1") -> BasicAuth | None:
        """Return the login in `url`, None where it has none. Raises TypeError for what is no URL."""
        if not isinstance(url, URL):
            raise TypeError(f"a URL must be a yarl.URL, not {type(url).__name__}")
        if url.raw_user is None and url.raw_password is None:
            return None
        return cls(url.user or "", url.password or "", encoding=encoding)

    def encode(self) -> str:
        """Return the Authorization field."""
        return encode_basic(self.login, self.password, self.encoding)


def encode_basic_auth(login: str, password: str = "", encoding: str = "utf-8") -> str:
    """Return an Authorization field for Basic authentication. Raises ValueError for a colon in the login."""
    return encode_basic(login, password, encoding)


def url_without_login(url: URL) -> tuple[URL, str | None]:
    """Return `url` without user and password, and the Authorization field that says them; None where it has none."""
    auth = BasicAuth.from_url(url, encoding="utf-8")
    return (url, None) if auth is None else (url.with_user(None), auth.encode())


class NetrcLogins:
    """The logins in the user's netrc file (``NETRC``, or ``~/.netrc``), read again where it has changed.

    Its methods read a file, so they belong in a thread.
    """

    def __init__(self) -> None:
        self._stamp: tuple[str, int] | None = None
        self._logins: netrc.netrc | None = None

    def authorization(self, host: str) -> str | None:
        """Return the Authorization field for `host`; None where the file has no login for it, or cannot be read."""
        self._refresh()
        found = self._logins.authenticators(host) if self._logins is not None else None
        if found is None:
            return None
        login, account, password = found
        try:
            return encode_basic(login or account or "", password or "")
        except ValueError:
            return None

    def _refresh(self) -> None:
        path = Path(os.environ.get("NETRC") or "~/.netrc")
        try:
            path = path.expanduser()
            stamp = str(path), path.stat().st_mtime_ns
            if stamp != self._stamp:
                self._logins = netrc.netrc(path)
                self._stamp = stamp
        except (OSError, RuntimeError, netrc.NetrcParseError):
            self._stamp = self._logins = None
