"""What a client is answered where its handler raised something that is no response."""

from __future__ import annotations

import logging
from typing import Final

from drywire_transports import StreamTimeout
from drywire_transports.multipart_reader import MultipartError

from .base_request import BaseRequest
from .errors import HTTPException, RequestPayloadError
from .response import Response
from .stream_response import StreamResponse

__all__ = ["crash", "stand_in"]

CRASH_TEXT: Final = "500 Internal Server Error\n\nServer got itself in trouble"
CRASH_PAGE: Final = (
    "<html><head><title>500 Internal Server Error</title></head><body>\n"
    "<h1>500 Internal Server Error</h1>\nServer got itself in trouble\n</body></html>\n"
)


def stand_in(error: Exception, request: BaseRequest, logger: logging.Logger) -> StreamResponse:
    """Return the response for what the handler of `request` raised; `logger` is told what is not the client's doing."""
    if isinstance(error, HTTPException):
        return error
    if isinstance(error, RequestPayloadError):
        return _plain(error.status, str(error))
    if isinstance(error, MultipartError) and request._reads_parts:
        return _plain(error.status, str(error))
    if isinstance(error, StreamTimeout):
        return _plain(408, f"the request's body did not come in time: {error}")
    if isinstance(error, TimeoutError):
        logger.warning("the handler of %s %s timed out", request.method, request.raw_path, exc_info=error)
        return _plain(504, "Gateway Timeout")
    logger.error("Error handling request %s %s", request.method, request.raw_path, exc_info=error)
    return crash(request)


def _plain(status: int, text: str) -> Response:
    response = Response(status=status, text=f"{status}: {text}\n")
    response.force_close()
    return response


def crash(request: BaseRequest) -> Response:
    """Return what a client is told of a handler's mistake: nothing but that there was one."""
    is_page = any("text/html" in field.lower() for field in request.headers.getall("Accept", ()))
    text = CRASH_PAGE if is_page else CRASH_TEXT
    response = Response(status=500, text=text, content_type="text/html" if is_page else "text/plain")
    response.force_close()
    return response
