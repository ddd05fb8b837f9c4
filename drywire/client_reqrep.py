"""Requests and responses of a client, by the name that their module has in aiohttp."""

from drywire_client import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_client import ClientRequest as ClientRequest
from drywire_client import ClientResponse as ClientResponse
from drywire_client import ContentDisposition as ContentDisposition
from drywire_client import Fingerprint as Fingerprint
from drywire_client import RequestInfo as RequestInfo
from drywire_client import UploadTracker as UploadTracker
from drywire_client.connections import ConnectionKey as ConnectionKey

__all__ = [
    "ClientRequest",
    "ClientResponse",
    "ConnectionKey",
    "ContentDisposition",
    "Fingerprint",
    "RequestInfo",
    "UploadTracker",
]
