"""The client's errors, with aiohttp's names and base classes.

    ClientError
        ClientConnectionError                     something is wrong with the connection
            ClientConnectionResetError            (+ ConnectionResetError)
            ClientOSError                         (+ OSError)
                ClientConnectorError              no connection could be opened: .host .port .os_error .attempts
                    AddressForbiddenError         the connector's address policy does not let it be
                    ClientProxyConnectionError    not even to the proxy
                    ClientConnectorDNSError       the name has no address
                    UnixClientConnectorError      .path
                    ClientSSLError
                        ClientConnectorSSLError          (+ ssl.SSLError)
                        ClientConnectorCertificateError  (+ ssl.CertificateError)
            ServerConnectionError
                ServerDisconnectedError           the server closed without a response
                ServerFingerprintMismatch         the certificate is not the pinned one
                ServerTimeoutError                (+ TimeoutError)
                    ConnectionTimeoutError        `connect` or `sock_connect` passed
                    SocketTimeoutError            `sock_read` passed
        ClientPayloadError                        a body is malformed, or was cut off
        UploadAbortedError                        a request's body was not sent to its end
        ClientResponseError                       .status .message .headers .request_info .history
            ContentTypeError                      `json()` of something else
            ClientHttpProxyError                  the proxy refuses
            WSServerHandshakeError                the server does not open a WebSocket
            TooManyRedirects
        InvalidURL                                (+ ValueError)
            InvalidUrlClientError
                InvalidUrlRedirectClientError     (+ RedirectClientError)
        RedirectClientError                       a redirect leads nowhere
        NonHttpUrlClientError
            NonHttpUrlRedirectClientError         (+ RedirectClientError)
    TotalTimeoutError                             (TimeoutError) `ClientTimeout.total` passed

Each knows how far its request had come: see `RequestProgress`. A total timeout is no ClientError, as in aiohttp, where
it is a plain TimeoutError.
"""

from __future__ import annotations

import re
import ssl as _ssl
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

__all__ = [
    "AddressForbiddenError",
    "ClientConnectionError",
    "ClientConnectionResetError",
    "ClientConnectorCertificateError",
    "ClientConnectorDNSError",
    "ClientConnectorError",
    "ClientConnectorSSLError",
    "ClientError",
    "ClientHttpProxyError",
    "ClientOSError",
    "ClientPayloadError",
    "ClientProxyConnectionError",
    "ClientResponseError",
    "ClientSSLError",
    "ConnectAttempt",
    "ConnectionTimeoutError",
    "ContentTypeError",
    "FingerprintMismatch",
    "InvalidURL",
    "InvalidUrlClientError",
    "InvalidUrlRedirectClientError",
    "NonHttpUrlClientError",
    "NonHttpUrlRedirectClientError",
    "RedirectClientError",
    "RequestProgress",
    "ServerConnectionError",
    "ServerDisconnectedError",
    "ServerFingerprintMismatch",
    "ServerTimeoutError",
    "SocketTimeoutError",
    "TooManyRedirects",
    "TotalTimeoutError",
    "UnixClientConnectorError",
    "UploadAbortedError",
    "WSServerHandshakeError",
]


Phase = Literal["pool", "dns", "connect", "tls", "proxy", "send", "head", "body"]


LONGEST_TEXT: Final = 500
"""Characters of what a peer or a caller chose that an error's text shows."""
LONGEST_REPR: Final = 1000


def shortened(text: object, most: int = LONGEST_TEXT) -> str:
    """Return `text` cut to `most` characters: errors come into logs, and servers choose a part of what they say."""
    whole = str(text)
    return whole if len(whole) <= most else f"{whole[:most]}... ({len(whole)} characters)"


class RequestProgress:
    """How far a request had come when it failed: what a retry has to know."""

    phase: Phase | None = None
    """What was being done: waiting for a place in the pool, asking the resolver, connecting, in the TLS handshake, at
    the proxy, sending, waiting for the response's head, or reading its body. None where no request was under way."""
    bytes_sent: int = 0
    """Bytes of the request, head and body, that had been handed to the connection. How many arrived, nobody knows."""
    response_started: bool = False
    """Whether anything of the response had arrived."""
    connection_reused: bool = False
    """Whether the connection had served a request before."""
    safe_to_retry: bool = False
    """Whether the same request may be sent again without harm: nothing of it went out, or its method is idempotent (RFC
    9110, 9.2.2); and its body can be made again."""

    def __repr__(self) -> str:
        return shortened(super().__repr__(), LONGEST_REPR)

    def __reduce__(self) -> tuple[Any, ...]:
        state = {name: _portable(value) for name, value in self.__dict__.items()}
        arguments = tuple(_portable(value) for value in getattr(self, "args", ()))
        return _restore, (type(self), arguments, state)


class PastResponse(NamedTuple):
    """What is left of a response in the history of an error that was pickled."""

    method: str
    url: Any
    status: int
    reason: str


def _portable(value: Any) -> Any:
    """Return `value` as it can be pickled: what is bound to a connection or a library is told by its content."""
    if isinstance(value, CIMultiDictProxy):
        return _Headers(value.items())
    if isinstance(value, _ssl.SSLContext):
        return repr(value)
    if isinstance(value, tuple) and value and all(hasattr(one, "request_info") for one in value):
        return tuple(PastResponse(one.method, one.url, one.status, one.reason) for one in value)
    return value


class _Headers(tuple[tuple[str, str], ...]):
    """The content of a view of headers."""

    __slots__ = ()


def _live(value: Any) -> Any:
    return CIMultiDictProxy(CIMultiDict(value)) if isinstance(value, _Headers) else value


def _restore(kind: type[BaseException], arguments: tuple[Any, ...], state: dict[str, Any]) -> BaseException:
    """Make an error again without its constructor, which may want more than the error has kept."""
    arguments = tuple(_live(value) for value in arguments)
    error: BaseException = kind.__new__(kind, *arguments)
    initialise: Callable[..., None] = OSError.__init__ if isinstance(error, OSError) else BaseException.__init__
    initialise(error, *arguments)
    error.__dict__.update({name: _live(value) for name, value in state.items()})
    return error


class ClientError(RequestProgress, Exception):
    """Root of the client's errors."""


class TotalTimeoutError(RequestProgress, TimeoutError):
    """The whole took too long: `ClientTimeout.total` passed."""


class ClientConnectionError(ClientError):
    """Something is wrong with the connection."""


class ClientConnectionResetError(ClientConnectionError, ConnectionResetError):
    """The connection was reset, or is closed already."""


class ClientOSError(ClientConnectionError, OSError):
    """The operating system reported an error of the connection."""


class ConnectAttempt(NamedTuple):
    """An address that was tried when a connection was to be opened."""

    host: str
    """The IP address, or the path of a Unix socket."""
    port: int
    error: OSError | None
    """Why it failed; None where there was no answer in time."""

    def __str__(self) -> str:
        if not self.port:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ClientConnectorError(ClientOSError):
    """No connection could be opened to `host` and `port`, those of `connection_key`; `os_error` says why.

    Where several addresses were tried, `errno` is that of the last, and `strerror` names all.
    """

    attempts: tuple[ConnectAttempt, ...] = ()
    """The addresses that were tried, in that order; empty where it did not come to that."""

    def __init__(self, connection_key: Any, os_error: OSError) -> None:
        super().__init__(os_error.errno, os_error.strerror)
        self.host: str = getattr(connection_key, "host", "")
        self.port: int | None = getattr(connection_key, "port", None)
        self.ssl: Any = getattr(connection_key, "ssl", True)
        self.os_error = os_error

    def __str__(self) -> str:
        tls = "default" if self.ssl is True else self.ssl
        why = shortened(self.strerror or self.os_error)
        return f"Cannot connect to host {shortened(self.host)}:{self.port} ssl:{tls} [{why}]"


class AddressForbiddenError(ClientConnectorError):
    """The connector's `address_policy` forbids every address of the host: nothing was sent to any."""


class ClientProxyConnectionError(ClientConnectorError):
    """No connection could be opened to the proxy, or a SOCKS proxy refuses; `target` is the server behind it."""

    target: str | None = None

    def __str__(self) -> str:
        return (
            super().__str__() if self.target is None else f"{super().__str__()}, a proxy for {shortened(self.target)}"
        )


class ClientConnectorDNSError(ClientConnectorError):
    """The resolver knows no address for the host."""


class UnixClientConnectorError(ClientConnectorError):
    """No connection could be opened to the Unix socket `path`."""

    def __init__(self, path: str, connection_key: Any, os_error: OSError) -> None:
        super().__init__(connection_key, os_error)
        self.path = path

    def __str__(self) -> str:
        tls = "default" if self.ssl is True else self.ssl
        path = shortened(self.path).replace("\0", "@")
        return f"Cannot connect to unix socket {path} ssl:{tls} [{shortened(self.strerror or self.os_error)}]"


class ClientSSLError(ClientConnectorError):
    """The TLS handshake failed."""

    advice = ""
    """What may be done about it."""

    def __str__(self) -> str:
        return f"{super().__str__()}: {self.advice}" if self.advice else super().__str__()


class ClientConnectorSSLError(ClientSSLError, _ssl.SSLError):
    """The TLS handshake failed for another reason than the certificate."""


class ClientConnectorCertificateError(ClientSSLError, _ssl.CertificateError):
    """The server's certificate is not trusted, is out of date, or is for another host."""

    def __init__(self, connection_key: Any, certificate_error: Exception) -> None:
        os_error = certificate_error if isinstance(certificate_error, OSError) else OSError(str(certificate_error))
        super().__init__(connection_key, os_error)
        self._certificate_error = certificate_error

    @property
    def certificate_error(self) -> Exception:
        """The error of the ssl module."""
        return self._certificate_error


class ServerConnectionError(ClientConnectionError):
    """The server ended the connection, or did not use it."""


class ServerDisconnectedError(ServerConnectionError):
    """The server closed the connection without a response; `where` says at what."""

    def __init__(self, message: object = None, where: str = "") -> None:
        self.message = "Server disconnected" if message is None else message
        self.where = where
        super().__init__(self.message)

    def __str__(self) -> str:
        return shortened(f"{self.message}{self.where}")


class ServerFingerprintMismatch(ServerConnectionError):
    """The server's certificate is not the one that was pinned."""

    def __init__(self, expected: bytes, got: bytes, host: str, port: int) -> None:
        super().__init__(expected, got, host, port)
        self.expected = expected
        self.got = got
        self.host = host
        self.port = port

    def __str__(self) -> str:
        return (
            f"the certificate of {self.host}:{self.port} has the fingerprint {self.got.hex()}, "
            f"and not the pinned {self.expected.hex()}"
        )

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} expected={self.expected!r} got={self.got!r} host={self.host!r} port={self.port!r}>"
        )


FingerprintMismatch = ServerFingerprintMismatch
"""What it was called in aiohttp 1.x."""


class ServerTimeoutError(ServerConnectionError, TimeoutError):
    """The server took too long."""


class ConnectionTimeoutError(ServerTimeoutError):
    """No connection was open in time: `ClientTimeout.connect` or `sock_connect` passed."""

    host: str | None = None
    """To which host; None where it was in the pool that the time passed."""
    port: int | None = None
    attempts: tuple[ConnectAttempt, ...] = ()
    """The addresses that were tried, in that order; empty where it did not come to that."""

    def __str__(self) -> str:
        if not self.attempts:
            return super().__str__()
        return shortened(f"{super().__str__()}; tried {', '.join(map(str, self.attempts))}")


class SocketTimeoutError(ServerTimeoutError):
    """Nothing was received in time: `ClientTimeout.sock_read` passed."""


class ClientPayloadError(ClientError):
    """The body of a response is malformed or incomplete, or that of a request could not be sent as announced."""


class UploadAbortedError(ClientError):
    """The body of a request was not sent to its end."""


class ClientResponseError(ClientError):
    """A response that is an error, or that could not be read as HTTP (`status` 400 then)."""

    def __init__(
        self,
        request_info: Any,  # a RequestInfo
        history: tuple[Any, ...],  # of ClientResponse
        *,
        code: int | None = None,
        status: int | None = None,
        message: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(request_info, history)
        if code is not None:
            if status is not None:
                raise ValueError("code is the old name of status: give one of them, status")
            warnings.warn("code= is deprecated: use status instead", DeprecationWarning, stacklevel=2)
            status = code
        self.request_info = request_info
        self.history = history
        self.status = status or 0
        self.message = message
        self.headers = headers

    def __str__(self) -> str:
        url = shortened(self.request_info.real_url)
        return f"{self.status}, message={shortened(self.message)!r}, url={url!r}"

    def __repr__(self) -> str:
        # Without the headers, of which some are secret and all may be long.
        passed = "".join(f", {len(self.history)} redirects" if self.history else "")
        method = getattr(self.request_info, "method", "")
        return f"<{type(self).__name__} {method} {self}{passed}>"

    @property
    def code(self) -> int:
        """`status`, by its old name."""
        warnings.warn(".code is deprecated: use status instead", DeprecationWarning, stacklevel=2)
        return self.status

    @code.setter
    def code(self, value: int) -> None:
        warnings.warn(".code is deprecated: use status instead", DeprecationWarning, stacklevel=2)
        self.status = value


class ContentTypeError(ClientResponseError):
    """The response is not of the content type that was asked for."""


class ClientHttpProxyError(ClientResponseError):
    """The proxy does not let the request pass: its `status` and `headers`; `proxy` is its URL, without a login."""

    proxy: str | None = None

    def __str__(self) -> str:
        return super().__str__() if self.proxy is None else f"{super().__str__()}, proxy={shortened(self.proxy)!r}"


class TooManyRedirects(ClientResponseError):
    """More redirects than `max_redirects`, or one that leads in a circle: `history` has the responses."""


class WSServerHandshakeError(ClientResponseError):
    """The server's response does not open a WebSocket: `status`, `headers` and `message` say what it was instead."""


_LOGIN: Final = re.compile(r"//.*@", re.DOTALL)


def _url_and_why(url: Any, description: str | None) -> str:
    """Return the text of an error, which comes into logs: without a login. What is no URL may end its own anywhere."""
    if isinstance(url, URL):
        shown = str(url if url.raw_user is None and url.raw_password is None else url.with_user(None))
    else:
        shown = _LOGIN.sub("//***@", str(url))
    return f"{shortened(shown)} - {shortened(description)}" if description else shortened(shown)


class InvalidURL(ClientError, ValueError):
    """The URL cannot be requested; `description` says why."""

    def __init__(self, url: Any, description: str | None = None) -> None:
        super().__init__(url, description) if description else super().__init__(url)
        self.url = url
        self.description = description

    def __str__(self) -> str:
        return _url_and_why(self.url, self.description)

    def __repr__(self) -> str:
        return shortened(f"{type(self).__name__}({_url_and_why(self.url, self.description)!r})", LONGEST_REPR)


class InvalidUrlClientError(InvalidURL):
    """The URL of a request is not valid."""


class NonHttpUrlClientError(ClientError):
    """The URL is of another scheme than http or https."""

    def __init__(self, url: Any, description: str | None = None) -> None:
        super().__init__(url, description) if description else super().__init__(url)
        self.url = url
        self.description = description

    def __str__(self) -> str:
        return _url_and_why(self.url, self.description)

    def __repr__(self) -> str:
        return shortened(f"{type(self).__name__}({_url_and_why(self.url, self.description)!r})", LONGEST_REPR)


class RedirectClientError(ClientError):
    """A redirect cannot be followed."""


class InvalidUrlRedirectClientError(InvalidUrlClientError, RedirectClientError):
    """A redirect's Location is not valid."""


class NonHttpUrlRedirectClientError(NonHttpUrlClientError, RedirectClientError):
    """A redirect leads to another scheme than http or https."""
