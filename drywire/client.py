"""The client under the name that aiohttp's has."""

from drywire_client import *  # noqa: F403 - the front door hands on, nothing else
from drywire_client import __all__ as __all__
