"""Versions of HTTP, by the name that their module has in aiohttp; to write messages, see `drywire_sansio.http1`."""

from drywire_client import HttpVersion as HttpVersion
from drywire_client import HttpVersion10 as HttpVersion10
from drywire_client import HttpVersion11 as HttpVersion11

__all__ = ["HttpVersion", "HttpVersion10", "HttpVersion11"]
