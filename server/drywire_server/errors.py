"""What a handler raises to answer with a status (`HTTPException` and its tree), and what a broken request raises.

HTTPException (Response, Exception)
    HTTPSuccessful    HTTPOk 200 ... HTTPPartialContent 206
    HTTPRedirection   HTTPNotModified 304
        HTTPMove      HTTPMultipleChoices 300 ... HTTPPermanentRedirect 308   (location)
    HTTPError
        HTTPClientError   HTTPBadRequest 400 ... HTTPTooManyRequests 429 ...
        HTTPServerError   HTTPInternalServerError 500 ...
RequestPayloadError   the body of the request is malformed, or was cut off
PayloadAccessError    the body is read after the response was sent
ClientGone            the client has ended the connection
GracefulExit          ends `run_app`
"""

from __future__ import annotations

from collections.abc import Iterable

from drywire_transports import StreamBroken, StreamClosed
from drywire_transports.message_fields import LooseHeaders

from .response import Response

__all__ = [
    "ClientGone",
    "GracefulExit",
    "HTTPBadRequest",
    "HTTPClientError",
    "HTTPConflict",
    "HTTPError",
    "HTTPException",
    "HTTPExpectationFailed",
    "HTTPForbidden",
    "HTTPFound",
    "HTTPGone",
    "HTTPInternalServerError",
    "HTTPMethodNotAllowed",
    "HTTPMove",
    "HTTPMovedPermanently",
    "HTTPNoContent",
    "HTTPNotFound",
    "HTTPNotImplemented",
    "HTTPNotModified",
    "HTTPOk",
    "HTTPPermanentRedirect",
    "HTTPRedirection",
    "HTTPRequestEntityTooLarge",
    "HTTPRequestTimeout",
    "HTTPSeeOther",
    "HTTPServerError",
    "HTTPServiceUnavailable",
    "HTTPSuccessful",
    "HTTPTemporaryRedirect",
    "HTTPTooManyRequests",
    "HTTPUnauthorized",
    "HTTPUnprocessableEntity",
    "HTTPUnsupportedMediaType",
    "HTTPUpgradeRequired",
    "PayloadAccessError",
    "RequestPayloadError",
]


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


class HTTPException(Response, Exception):
    """Root of the responses that are raised. Its text is ``"<status>: <reason>"`` unless given."""

    status_code: int = -1
    empty_body = False

    def __init__(
        self,
        *,
        headers: LooseHeaders | None = None,
        reason: str | None = None,
        text: str | None = None,
        body: bytes | None = None,
        content_type: str | None = None,
    ) -> None:
        Response.__init__(
            self,
            status=self.status_code,
            reason=reason,
            headers=headers,
            text=text,
            body=body,
            content_type=content_type,
        )
        Exception.__init__(self, self.reason)
        if self.body is None and not self.empty_body:
            self.text = f"{self.status}: {self.reason}"

    def __bool__(self) -> bool:
        return True


class HTTPError(HTTPException):
    """Root of 4xx and 5xx."""


class HTTPSuccessful(HTTPException):
    """Root of 2xx."""


class HTTPRedirection(HTTPException):
    """Root of 3xx."""


class HTTPClientError(HTTPError):
    """Root of 4xx."""


class HTTPServerError(HTTPError):
    """Root of 5xx."""


class HTTPMove(HTTPRedirection):
    """Root of the redirects to a `location`. Raises ValueError for an empty one."""

    def __init__(
        self,
        location: object,
        *,
        headers: LooseHeaders | None = None,
        reason: str | None = None,
        text: str | None = None,
        body: bytes | None = None,
        content_type: str | None = None,
    ) -> None:
        if not location:
            raise ValueError("a redirect needs a location")
        super().__init__(headers=headers, reason=reason, text=text, body=body, content_type=content_type)
        self.location = location
        self.headers["Location"] = str(location)


class HTTPMethodNotAllowed(HTTPClientError):
    """405, with the Allow header that it must have (RFC 9110, 15.5.6)."""

    status_code = 405

    def __init__(
        self,
        method: str,
        allowed_methods: Iterable[str],
        *,
        headers: LooseHeaders | None = None,
        reason: str | None = None,
        text: str | None = None,
        body: bytes | None = None,
        content_type: str | None = None,
    ) -> None:
        super().__init__(headers=headers, reason=reason, text=text, body=body, content_type=content_type)
        self.method = method.upper()
        self.allowed_methods = set(allowed_methods)
        self.headers["Allow"] = ",".join(sorted(self.allowed_methods))


class HTTPRequestEntityTooLarge(HTTPClientError):
    """413: the body is larger than `max_size` bytes."""

    status_code = 413

    def __init__(self, max_size: float, actual_size: float = 0, *, text: str | None = None) -> None:
        super().__init__(text=text or f"Maximum request body size {max_size} exceeded.")
        self.max_size = max_size
        self.actual_size = actual_size


class HTTPOk(HTTPSuccessful):
    """200 OK."""

    status_code = 200


class HTTPNoContent(HTTPSuccessful):
    """204 No Content."""

    status_code = 204
    empty_body = True


class HTTPMovedPermanently(HTTPMove):
    """301 Moved Permanently."""

    status_code = 301


class HTTPFound(HTTPMove):
    """302 Found."""

    status_code = 302


class HTTPSeeOther(HTTPMove):
    """303 See Other."""

    status_code = 303


class HTTPNotModified(HTTPRedirection):
    """304 Not Modified."""

    status_code = 304
    empty_body = True


class HTTPTemporaryRedirect(HTTPMove):
    """307 Temporary Redirect."""

    status_code = 307


class HTTPPermanentRedirect(HTTPMove):
    """308 Permanent Redirect."""

    status_code = 308


class HTTPBadRequest(HTTPClientError):
    """400 Bad Request."""

    status_code = 400


class HTTPUnauthorized(HTTPClientError):
    """401 Unauthorized."""

    status_code = 401


class HTTPForbidden(HTTPClientError):
    """403 Forbidden."""

    status_code = 403


class HTTPNotFound(HTTPClientError):
    """404 Not Found."""

    status_code = 404


class HTTPRequestTimeout(HTTPClientError):
    """408 Request Timeout."""

    status_code = 408


class HTTPConflict(HTTPClientError):
    """409 Conflict."""

    status_code = 409


class HTTPGone(HTTPClientError):
    """410 Gone."""

    status_code = 410


class HTTPUnsupportedMediaType(HTTPClientError):
    """415 Unsupported Media Type."""

    status_code = 415


class HTTPExpectationFailed(HTTPClientError):
    """417 Expectation Failed."""

    status_code = 417


class HTTPUnprocessableEntity(HTTPClientError):
    """422 Unprocessable Entity."""

    status_code = 422


class HTTPUpgradeRequired(HTTPClientError):
    """426 Upgrade Required: in another protocol, or another version of it, which the header Upgrade names."""

    status_code = 426


class HTTPTooManyRequests(HTTPClientError):
    """429 Too Many Requests."""

    status_code = 429


class HTTPInternalServerError(HTTPServerError):
    """500 Internal Server Error."""

    status_code = 500


class HTTPNotImplemented(HTTPServerError):
    """501 Not Implemented."""

    status_code = 501


class HTTPServiceUnavailable(HTTPServerError):
    """503 Service Unavailable."""

    status_code = 503
