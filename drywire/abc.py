"""Abstract classes to build on."""

from drywire_client import AbstractCookieJar as AbstractCookieJar

__all__ = ["AbstractCookieJar"]
