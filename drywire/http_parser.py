"""A request's head as it was read, by the name that its module has in aiohttp; to parse, see `drywire_sansio.http1`."""

from drywire_server.base_request import RawRequestMessage as RawRequestMessage

__all__ = ["RawRequestMessage"]
