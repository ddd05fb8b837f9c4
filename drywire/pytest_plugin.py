"""For suites that name `aiohttp.pytest_plugin`: its fixtures, with the old names, which are deprecated.

    pytest_plugins = ["drywire.pytest_plugin"]

What is not old needs no such line where drywire is installed: see `drywire.pytest_fixtures`.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from drywire import pytest_fixtures as _fixtures
from drywire.pytest_aiohttp import (
    aiohttp_client,
    aiohttp_client_cls,
    aiohttp_raw_server,
    aiohttp_server,
    aiohttp_unused_port,
)

if TYPE_CHECKING:
    from drywire_server.testing import ClientFactory, Opened, RawServerFactory, ServerFactory

__all__ = [
    "aiohttp_client",
    "aiohttp_client_cls",
    "aiohttp_raw_server",
    "aiohttp_server",
    "aiohttp_unused_port",
    "loop",
    "raw_test_server",
    "test_client",
    "test_server",
    "unused_port",
]


def pytest_configure(config: pytest.Config) -> None:
    """See that the fixtures themselves are there, also where drywire is not installed but only found."""
    if not config.pluginmanager.is_registered(_fixtures):
        config.pluginmanager.register(_fixtures, "drywire")


def _old(name: str, new: str) -> None:
    warnings.warn(f"the fixture {name} is deprecated: use {new}", DeprecationWarning, stacklevel=3)


@pytest.fixture
def loop(drywire_opened: Opened) -> Any:
    """asyncio's event loop that runs the test; None on trio. Deprecated."""
    _old("loop", "asyncio.get_running_loop()")
    return drywire_opened.loop


@pytest.fixture
def test_client(aiohttp_client: ClientFactory) -> ClientFactory:
    """What `aiohttp_client` is; deprecated."""
    _old("test_client", "aiohttp_client")
    return aiohttp_client


@pytest.fixture
def test_server(aiohttp_server: ServerFactory) -> ServerFactory:
    """What `aiohttp_server` is; deprecated."""
    _old("test_server", "aiohttp_server")
    return aiohttp_server


@pytest.fixture
def raw_test_server(aiohttp_raw_server: RawServerFactory) -> RawServerFactory:
    """What `aiohttp_raw_server` is; deprecated."""
    _old("raw_test_server", "aiohttp_raw_server")
    return aiohttp_raw_server


@pytest.fixture
def unused_port(aiohttp_unused_port: Callable[[], int]) -> Callable[[], int]:
    """What `aiohttp_unused_port` is; deprecated."""
    _old("unused_port", "aiohttp_unused_port")
    return aiohttp_unused_port
