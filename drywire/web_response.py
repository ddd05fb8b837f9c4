"""Responses that a server sends, by the name that their module has in aiohttp."""

from drywire_server import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_server import ContentCoding as ContentCoding
from drywire_server import Response as Response
from drywire_server import StreamResponse as StreamResponse
from drywire_server import json_bytes_response as json_bytes_response
from drywire_server import json_response as json_response

__all__ = ["ContentCoding", "Response", "StreamResponse", "json_bytes_response", "json_response"]
