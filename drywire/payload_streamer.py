"""Bodies from functions that write them, by the name that their module has in aiohttp; deprecated."""

from drywire_client import streamer as streamer

__all__ = ["streamer"]
