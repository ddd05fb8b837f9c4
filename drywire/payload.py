"""Bodies: kinds of payload, and the registry that finds one for a value."""

from drywire_transports.payloads import *  # noqa: F403 - the front door hands on, nothing else
from drywire_transports.payloads import __all__ as __all__
