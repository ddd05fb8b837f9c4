"""The client's errors."""

from drywire_client.errors import *  # noqa: F403 - the front door hands on, nothing else
from drywire_client.errors import __all__ as __all__
