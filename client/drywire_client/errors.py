"""The client's errors, with aiohttp's names and base classes.

    ClientError
        ClientConnectionError                     something is wrong with the connection
            ClientConnectionResetError            (+ ConnectionResetError)
            ClientOSError                         (+ OSError)
                ClientConnectorError              no connection could be opened: .host .port .os_error
                    ClientConnectorDNSError       the name has no address
                    UnixClientConnectorError      .path
                    ClientSSLError
                        ClientConnectorSSLError          (+ ssl.SSLError)
                        ClientConnectorCertificateError  (+ ssl.CertificateError)
            ServerConnectionError
                ServerDisconnectedError           the server closed without a response
                ServerTimeoutError                (+ TimeoutError)
                    ConnectionTimeoutError        `connect` or `sock_connect` passed
                    SocketTimeoutError            `sock_read` passed
        ClientPayloadError                        a body is malformed, or was cut off
        ClientResponseError                       .status .message .headers .request_info .history
            ContentTypeError                      `json()` of something else
            WSServerHandshakeError                the server does not open a WebSocket
        InvalidURL                                (+ ValueError)
            InvalidUrlClientError
        NonHttpUrlClientError

A `ClientTimeout.total` that passes is a plain TimeoutError, as in aiohttp.
"""

from __future__ import annotations

import ssl as _ssl
from collections.abc import Mapping
from typing import Any

__all__ = [
    "ClientConnectionError",
    "ClientConnectionResetError",
    "ClientConnectorCertificateError",
    "ClientConnectorDNSError",
    "ClientConnectorError",
    "ClientConnectorSSLError",
    "ClientError",
    "ClientOSError",
    "ClientPayloadError",
    "ClientResponseError",
    "ClientSSLError",
    "ConnectionTimeoutError",
    "ContentTypeError",
    "InvalidURL",
    "InvalidUrlClientError",
    "NonHttpUrlClientError",
    "ServerConnectionError",
    "ServerDisconnectedError",
    "ServerTimeoutError",
    "SocketTimeoutError",
    "UnixClientConnectorError",
    "WSServerHandshakeError",
]


class ClientError(Exception):
    """Root of the client's errors."""


class ClientConnectionError(ClientError):
    """Something is wrong with the connection."""


class ClientConnectionResetError(ClientConnectionError, ConnectionResetError):
    """The connection was reset, or is closed already."""


class ClientOSError(ClientConnectionError, OSError):
    """The operating system reported an error of the connection."""


class ClientConnectorError(ClientOSError):
    """No connection could be opened to `host` and `port`; `os_error` says why."""

    def __init__(self, host: str, port: int | None, os_error: OSError, *, ssl: object = True) -> None:
        super().__init__(os_error.errno, os_error.strerror)
        self.host = host
        self.port = port
        self.ssl = ssl
        self.os_error = os_error

    def __str__(self) -> str:
        tls = "default" if self.ssl is True else self.ssl
        return f"Cannot connect to host {self.host}:{self.port} ssl:{tls} [{self.strerror or self.os_error}]"


class ClientConnectorDNSError(ClientConnectorError):
    """The resolver knows no address for the host."""


class UnixClientConnectorError(ClientConnectorError):
    """No connection could be opened to the Unix socket `path`."""

    def __init__(self, path: str, os_error: OSError) -> None:
        super().__init__("unix", None, os_error)
        self.path = path

    def __str__(self) -> str:
        return f"Cannot connect to unix socket {self.path} [{self.strerror}]"


class ClientSSLError(ClientConnectorError):
    """The TLS handshake failed."""


class ClientConnectorSSLError(ClientSSLError, _ssl.SSLError):
    """The TLS handshake failed for another reason than the certificate."""


class ClientConnectorCertificateError(ClientSSLError, _ssl.CertificateError):
    """The server's certificate is not trusted, is out of date, or is for another host."""

    @property
    def certificate_error(self) -> OSError:
        """The error of the ssl module."""
        return self.os_error


class ServerConnectionError(ClientConnectionError):
    """The server ended the connection, or did not use it."""


class ServerDisconnectedError(ServerConnectionError):
    """The server closed the connection without a response."""

    def __init__(self, message: object = None) -> None:
        self.message = "Server disconnected" if message is None else message
        super().__init__(self.message)


class ServerTimeoutError(ServerConnectionError, TimeoutError):
    """The server took too long."""


class ConnectionTimeoutError(ServerTimeoutError):
    """No connection was open in time: `ClientTimeout.connect` or `sock_connect` passed."""


class SocketTimeoutError(ServerTimeoutError):
    """Nothing was received in time: `ClientTimeout.sock_read` passed."""


class ClientPayloadError(ClientError):
    """The body of a response is malformed or incomplete, or that of a request could not be sent as announced."""


class ClientResponseError(ClientError):
    """A response that is an error, or that could not be read as HTTP (`status` 400 then)."""

    def __init__(
        self,
        request_info: Any,  # a RequestInfo
        history: tuple[Any, ...],  # of ClientResponse
        *,
        status: int = 0,
        message: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(request_info, history)
        self.request_info = request_info
        self.history = history
        self.status = status
        self.message = message
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.status}, message={self.message!r}, url={str(self.request_info.real_url)!r}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"


class ContentTypeError(ClientResponseError):
    """The response is not of the content type that was asked for."""


class WSServerHandshakeError(ClientResponseError):
    """The server's response does not open a WebSocket: `status`, `headers` and `message` say what it was instead."""


class InvalidURL(ClientError, ValueError):
    """The URL cannot be requested; `description` says why."""

    def __init__(self, url: Any, description: str | None = None) -> None:
        super().__init__(url, description) if description else super().__init__(url)
        self.url = url
        self.description = description

    def __str__(self) -> str:
        return f"{self.url} - {self.description}" if self.description else str(self.url)


class InvalidUrlClientError(InvalidURL):
    """The URL of a request is not valid."""


class NonHttpUrlClientError(ClientError):
    """The URL is of another scheme than http or https."""
