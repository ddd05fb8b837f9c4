"""What a handler raises to answer with a status (`http_exceptions`), and what a broken request raises.

RequestPayloadError   the body of the request is malformed, or was cut off
PayloadAccessError    the body is read after the response was sent
ClientGone            the client has ended the connection
BodyCutOff            it did so in the middle of its request's body, and can still be answered; BodyBroken: it cannot
GracefulExit          ends `run_app`
"""

from __future__ import annotations

from drywire_transports import StreamBroken, StreamClosed

from .http_exceptions import *  # noqa: F403 - the whole tree, as its own __all__ says
from .http_exceptions import __all__ as _http_exceptions

__all__ = [
    "BodyBroken",
    "BodyCutOff",
    "BodyDecodeError",
    "ClientGone",
    "GracefulExit",
    "PayloadAccessError",
    "RequestPayloadError",
    "decoded",
]
__all__ += _http_exceptions


class GracefulExit(SystemExit):
    """Ends `run_app` as SIGTERM does, wherever it is raised: in a handler, or at the start. Its `code` is 1."""

    code = 1


class ClientGone(StreamBroken, StreamClosed, ConnectionResetError):
    """The client has ended the connection, and the handler reads its body, or writes its response.

    Catch it as ConnectionResetError, or as OSError.
    """


class PayloadAccessError(Exception):
    """The body of a request is read after its response was sent: what is left of it is gone by then."""


class RequestPayloadError(Exception):
    """The body of a request is malformed, or ended before its end; `status` is what the client is answered."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class BodyCutOff(RequestPayloadError, ConnectionResetError):
    """The client has ended its direction of the connection in the middle of a request's body.

    Catch it as RequestPayloadError, or as ConnectionResetError.
    """


class BodyBroken(BodyCutOff, ClientGone):
    """The connection was lost in the middle of a request's body, so that the client cannot be answered either."""


class BodyDecodeError(RequestPayloadError, UnicodeDecodeError):
    """The body of a request, or a field of its form, is not in the charset that it is said to be in: 400.

    Catch it as UnicodeDecodeError, whose attributes it has.
    """

    def __init__(self, error: UnicodeDecodeError) -> None:
        UnicodeDecodeError.__init__(self, error.encoding, error.object, error.start, error.end, error.reason)
        self.status = 400


def decoded(data: bytes, charset: str) -> str:
    """Return `data` of a request as text. Raises BodyDecodeError, LookupError for a charset that is not known."""
    try:
        return data.decode(charset)
    except UnicodeDecodeError as error:
        raise BodyDecodeError(error) from None
