"""Abstract classes to build on."""

from drywire_client import AbstractCookieJar as AbstractCookieJar
from drywire_client.resolver import AbstractResolver as AbstractResolver
from drywire_client.resolver import ResolveResult as ResolveResult

__all__ = ["AbstractCookieJar", "AbstractResolver", "ResolveResult"]
