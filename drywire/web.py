"""The server side: ``from drywire import web``."""

from drywire_server import *  # noqa: F403 - the front door hands on, nothing else
from drywire_server import __all__ as __all__
