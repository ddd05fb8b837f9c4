"""What decompresses gzip and deflate, by the name that its module has in aiohttp."""

from drywire_client import set_zlib_backend as set_zlib_backend

__all__ = ["set_zlib_backend"]
