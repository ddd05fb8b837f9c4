"""Cookie jars."""

from drywire_client import AbstractCookieJar as AbstractCookieJar
from drywire_client import CookieJar as CookieJar
from drywire_client import DummyCookieJar as DummyCookieJar

__all__ = ["CookieJar", "DummyCookieJar"]
