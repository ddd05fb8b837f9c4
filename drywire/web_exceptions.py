"""Responses that are raised, by the name that their module has in aiohttp."""

from drywire_server import NotAppKeyWarning as NotAppKeyWarning
from drywire_server import Response as Response
from drywire_server.http_exceptions import *  # noqa: F403 - the front door hands on, nothing else
from drywire_server.http_exceptions import __all__ as __all__
