"""Small things that programs import from aiohttp's module of this name."""

from __future__ import annotations

from functools import cached_property as reify
from typing import Final

from yarl import URL

from drywire_client import BasicAuth, encode_basic_auth
from drywire_client.options import UNSET as sentinel
from drywire_client.options import Unset as _SENTINEL
from drywire_sansio.conditional import ETag
from drywire_server import AppKey, RequestKey, ResponseKey
from drywire_server.app_key import BaseKey
from drywire_server.chained_mapping import ChainMapProxy

__all__ = [
    "ETAG_ANY",
    "_SENTINEL",
    "AppKey",
    "BaseKey",
    "BasicAuth",
    "ChainMapProxy",
    "ETag",
    "RequestKey",
    "ResponseKey",
    "encode_basic_auth",
    "reify",
    "sentinel",
    "strip_auth_from_url",
]

ETAG_ANY: Final = "*"
"""The value of an `ETag` that stands for all."""


def strip_auth_from_url(url: URL) -> tuple[URL, BasicAuth | None]:
    """Return `url` without its login, and the login; None where it has none."""
    auth = BasicAuth.from_url(url)
    return (url, None) if auth is None else (url.with_user(None), auth)
