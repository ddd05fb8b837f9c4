"""The client's errors."""

from drywire_client import ClientResponse as ClientResponse
from drywire_client import RequestInfo as RequestInfo
from drywire_client import WSMessageTypeError as WSMessageTypeError
from drywire_client.connections import ConnectionKey as ConnectionKey
from drywire_client.errors import *  # noqa: F403 - the front door hands on, nothing else
from drywire_client.errors import __all__ as __all__
