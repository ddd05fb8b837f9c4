"""The fixtures of `drywire.pytest_fixtures` by the names of pytest-aiohttp.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from drywire_server.testing import ClientFactory, Opened, RawServerFactory, ServerFactory

__all__ = ["aiohttp_client", "aiohttp_client_cls", "aiohttp_raw_server", "aiohttp_server", "aiohttp_unused_port"]


@pytest.fixture
def aiohttp_server(drywire_server: ServerFactory) -> ServerFactory:
    """``server = await aiohttp_server(app)``: a `TestServer` that is started, and closed after the test."""
    return drywire_server


@pytest.fixture
def aiohttp_raw_server(drywire_raw_server: RawServerFactory) -> RawServerFactory:
    """``server = await aiohttp_raw_server(handler)``: a `RawTestServer` that is started, and closed after the test."""
    return drywire_raw_server


@pytest.fixture
def aiohttp_client_cls(drywire_client_cls: Callable[..., Any]) -> Callable[..., Any]:
    """The class that `aiohttp_client` makes clients of; to be overridden with one of your own."""
    return drywire_client_cls


@pytest.fixture
def aiohttp_client(drywire_opened: Opened, aiohttp_client_cls: Callable[..., Any]) -> ClientFactory:
    """``client = await aiohttp_client(app)``: a `TestClient` of an application or a server, closed after the test."""
    from drywire_server.testing import ClientFactory

    return ClientFactory(drywire_opened, aiohttp_client_cls)


@pytest.fixture
def aiohttp_unused_port(drywire_unused_port: Callable[[], int]) -> Callable[[], int]:
    """``port = aiohttp_unused_port()``: a TCP port that nobody uses."""
    return drywire_unused_port
