"""Asking a SOCKS proxy for a connection: SOCKS 4, 4a, and 5 (RFC 1928) with its logins (RFC 1929).

Bytes in, bytes out. What is asked is put together by the package socksio, which has to be installed: it is the extra
``socks``. What is answered is read here, since socksio takes whole messages only, checks no version, and takes no name
of more than 127 bytes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from types import ModuleType
from typing import Final, Literal

from .errors import LocalProtocolError, ProtocolError, RemoteProtocolError

__all__ = ["SocksHandshake", "SocksRefused", "require_socksio"]

_LONGEST: Final = 255
"""Bytes of a name, login or password: each has one byte for its length in SOCKS 5. In SOCKS 4 it is our own bound."""

_GRANTED_4: Final = 0x5A
_MEANINGS_4: Final = {
    0x5B: "the request was rejected or failed",
    0x5C: "the proxy cannot reach an identd at this machine",
    0x5D: "the identd at this machine gives another user id",
}
_MEANINGS_5: Final = {
    0x01: "general failure of the proxy",
    0x02: "not allowed by the proxy's rules",
    0x03: "network unreachable",
    0x04: "host unreachable",
    0x05: "connection refused",
    0x06: "TTL expired",
    0x07: "the proxy does not know the command CONNECT",
    0x08: "the proxy does not know addresses of this type",
}
_RULES: Final = frozenset({0x02, 0x07})
"""Codes that another address of the same host would not change."""


class SocksRefused(ProtocolError):
    """The proxy has understood and says no.

    `code`   what it said: a reply code, 0xFF where it takes none of the ways to log in; None where a login was refused.
    `other_address_may_do`  whether another address of the same host may fare better.
    """

    def __init__(self, message: str, *, code: int | None = None, other_address_may_do: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.other_address_may_do = other_address_may_do


def require_socksio() -> ModuleType:
    """Return the package socksio. Raises RuntimeError, which names the extra, where it is not installed."""
    try:
        import socksio
    except ImportError as error:
        raise RuntimeError(
            "SOCKS proxies need the package socksio: install it by the extra, pip install drywire[socks]"
        ) from error
    return socksio


class SocksHandshake:
    """One request to a SOCKS proxy for a connection to `host` and `port`.

    Send `start()`, then give what comes to `receive_data` and send what that returns, until `done`. `host` is an IP
    address or a name in ASCII, which the proxy resolves; a name over SOCKS 4 goes as SOCKS 4a. `username` and
    `password` are a login, None for none; of SOCKS 4 the user id alone.

    Raises LocalProtocolError for what cannot be asked: a name, login or password of more than 255 bytes, an IPv6
    address or a password over SOCKS 4, an address with a zone. RuntimeError where socksio is not installed.
    """

    def __init__(
        self, version: Literal[4, 5], host: str, port: int, username: bytes | None = None, password: bytes | None = None
    ) -> None:
        self._socksio = require_socksio()
        self._version = version
        self._username, self._password = username, password
        self._buffer = bytearray()
        self._offset = 0
        self._done = False
        self._check(host, port)
        self._request = self._request_4(host, port) if version == 4 else self._request_5(host, port)
        self._next: Callable[[], bytes | None] = self._read_reply_4 if version == 4 else self._read_method

    @property
    def done(self) -> bool:
        """Whether the proxy has opened the connection."""
        return self._done

    @property
    def trailing_data(self) -> bytes:
        """What came behind the proxy's last word, once it is `done`."""
        return bytes(self._buffer) if self._done else b""

    def start(self) -> bytes:
        """Return what is sent first."""
        if self._version == 4:
            return self._request
        methods = self._socksio.SOCKS5AuthMethod
        offered = [methods.NO_AUTH_REQUIRED]
        if self._username is not None:
            offered.append(methods.USERNAME_PASSWORD)
        greeting: bytes = self._socksio.SOCKS5AuthMethodsRequest(offered).dumps()
        return greeting

    def receive_data(self, data: bytes) -> bytes:
        """Take what the proxy says, ``b""`` at its end, and return what is sent next, ``b""`` for nothing.

        Raises SocksRefused where it refuses, RemoteProtocolError for what is not SOCKS, and for an end too early
        (`rule` "closed-without-reply").
        """
        if self._done:
            raise LocalProtocolError("the connection is open: what comes now is not the proxy's")
        if not data:
            raise self._broken("the proxy closed the connection without a reply", "closed-without-reply")
        self._buffer += data
        sent = b""
        while (answer := self._next()) is not None:
            sent += answer
        return sent

    # What is asked

    def _check(self, host: str, port: int) -> None:
        if not 0 < port < 65536:
            raise LocalProtocolError(f"{port} is no port")
        if "%" in host:
            raise LocalProtocolError("an address with a zone means something on this machine only, not at a proxy")
        if not 0 < len(host) <= _LONGEST or not all("!" <= char <= "~" for char in host):
            raise LocalProtocolError(f"a SOCKS proxy takes host names of 1 to {_LONGEST} visible ASCII characters")
        for what, value in (("login", self._username), ("password", self._password)):
            if value is not None and len(value) > _LONGEST:
                raise LocalProtocolError(f"a {what} for a SOCKS proxy has at most {_LONGEST} bytes")
        if self._version == 4 and self._password:
            raise LocalProtocolError("SOCKS 4 knows a user id, but no password: leave it out, or use SOCKS 5")
        if self._version == 4 and b"\0" in (self._username or b""):
            raise LocalProtocolError("a user id of SOCKS 4 ends at a NUL, so it cannot have one")

    def _request_4(self, host: str, port: int) -> bytes:
        address, user, connect = _address(host), self._username or b"", self._socksio.SOCKS4Command.CONNECT
        if isinstance(address, ipaddress.IPv6Address):
            raise LocalProtocolError("SOCKS 4 knows IPv4 addresses only: use SOCKS 5")
        if address is None:
            request = self._socksio.SOCKS4ARequest(connect, port, host.encode("ascii"), user)
        else:
            request = self._socksio.SOCKS4Request(connect, port, address.packed, user)
        connection = self._socksio.SOCKS4Connection(user)
        connection.send(request)
        data: bytes = connection.data_to_send()
        return data

    def _request_5(self, host: str, port: int) -> bytes:
        address, types = _address(host), self._socksio.SOCKS5AType
        packed = host.encode("ascii") if address is None else address.packed
        if address is None:
            kind = types.DOMAIN_NAME
        else:
            kind = types.IPV4_ADDRESS if address.version == 4 else types.IPV6_ADDRESS
        connect = self._socksio.SOCKS5Command.CONNECT
        data: bytes = self._socksio.SOCKS5CommandRequest(connect, kind, packed, port).dumps()
        return data

    # What is answered

    def _read_reply_4(self) -> bytes | None:
        """Read the one reply of SOCKS 4; None where more of it must come."""
        self._expect(0, "a reply of SOCKS 4")
        if len(self._buffer) < 2:
            return None
        if self._buffer[1] != _GRANTED_4:
            raise _refused(self._buffer[1], _MEANINGS_4, other=self._buffer[1] == 0x5B)
        return self._last(8)

    def _read_method(self) -> bytes | None:
        """Read which way to log in the proxy has chosen, and return the login or the request."""
        self._expect(5, "a reply of SOCKS 5")
        message = self._take(2)
        if message is None:
            return None
        method = message[1]
        if method == 0xFF:
            had = "takes none without a name and password" if self._username is None else "takes neither login nor none"
            raise SocksRefused(f"the proxy {had} (method 0xff)", code=method)
        if method == 2 and self._username is not None:
            self._next = self._read_login
            login = self._socksio.SOCKS5UsernamePasswordRequest(self._username, self._password or b"")
            data: bytes = login.dumps()
            return data
        if method != 0:
            raise self._broken(f"the proxy chose a way to log in that was not offered, {method:#04x}", "method")
        self._next = self._read_reply_5
        return self._request

    def _read_login(self) -> bytes | None:
        """Read whether the login is right, and return the request."""
        self._expect(1, "an answer to a login (RFC 1929)")
        message = self._take(2)
        if message is None:
            return None
        if message[1] != 0:
            raise SocksRefused("the proxy refuses the login")
        self._next = self._read_reply_5
        return self._request

    def _read_reply_5(self) -> bytes | None:
        """Read the reply to the request; None where more of it must come."""
        self._expect(5, "a reply of SOCKS 5")
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        if buffer[1] != 0:
            raise _refused(buffer[1], _MEANINGS_5, other=buffer[1] not in _RULES)
        if len(buffer) < 5:
            return None
        size = {1: 10, 3: 7 + buffer[4], 4: 22}.get(buffer[3])
        if size is None:
            raise self._broken(f"a reply of SOCKS 5 has an address of the unknown type {buffer[3]:#04x}", "address")
        return self._last(size)

    def _last(self, size: int) -> bytes | None:
        """Read the last message, of `size` bytes; None where more of it must come.

        It says the address that the proxy has bound, of which nothing is needed.
        """
        if self._take(size) is None:
            return None
        self._done = True
        self._next = _nothing
        return b""

    def _expect(self, first: int, what: str) -> None:
        if self._buffer and self._buffer[0] != first:
            raise self._broken(f"this is not {what}", "version")

    def _take(self, size: int) -> bytes | None:
        if len(self._buffer) < size:
            return None
        message = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._offset += size
        return message

    def _broken(self, message: str, rule: str) -> RemoteProtocolError:
        excerpt = bytes(self._buffer[:60])
        return RemoteProtocolError(message, status=502, rule=rule, offset=self._offset, excerpt=excerpt)


def _nothing() -> None:
    return None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _refused(code: int, meanings: dict[int, str], *, other: bool) -> SocksRefused:
    meaning = meanings.get(code, "an unassigned code")
    return SocksRefused(f"the proxy refuses: {meaning} ({code:#04x})", code=code, other_address_may_do=other)
