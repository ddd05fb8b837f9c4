"""Tracing: signals for what happens on the way of a request."""

from drywire_client.tracing import *  # noqa: F403 - the front door hands on, nothing else
from drywire_client.tracing import __all__ as __all__
