"""Resolvers, under the name that aiohttp gives their module."""

from drywire_client.resolver import AbstractResolver as AbstractResolver
from drywire_client.resolver import AsyncResolver as AsyncResolver
from drywire_client.resolver import DefaultResolver as DefaultResolver
from drywire_client.resolver import ResolveResult as ResolveResult
from drywire_client.resolver import ThreadedResolver as ThreadedResolver

__all__ = ["AsyncResolver", "DefaultResolver", "ThreadedResolver"]
