"""Versions of HTTP, and what the client calls itself."""

from drywire_client.request_fields import SERVER_SOFTWARE as SERVER_SOFTWARE
from drywire_transports.message_fields import HttpVersion as HttpVersion
from drywire_transports.message_fields import HttpVersion10 as HttpVersion10
from drywire_transports.message_fields import HttpVersion11 as HttpVersion11

__all__ = ["SERVER_SOFTWARE", "HttpVersion", "HttpVersion10", "HttpVersion11"]
