"""What pytest finds of drywire by itself: `drywire_client`, `drywire_server` and their kin, for tests on any loop.

Tests are run by anyio's plugin, pytest-asyncio or pytest-trio, whichever the test is marked for. Nothing of drywire is
loaded before a fixture is asked for. The fixtures by aiohttp's names come along, unless another plugin has them.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from drywire_server.testing import ClientFactory, Opened, RawServerFactory, ServerFactory

__all__ = [
    "drywire_client",
    "drywire_client_cls",
    "drywire_opened",
    "drywire_raw_server",
    "drywire_server",
    "drywire_unused_port",
]


@pytest.fixture
async def drywire_opened() -> AsyncIterator[Opened]:
    """What is closed when the test is over, the last first: servers and clients put themselves here."""
    from drywire_server.testing import Opened

    async with Opened() as opened:
        yield opened


@pytest.fixture
def drywire_server(drywire_opened: Opened) -> ServerFactory:
    """``server = await drywire_server(app)``: a `TestServer` that is started, and closed after the test."""
    from drywire_server.testing import ServerFactory

    return ServerFactory(drywire_opened)


@pytest.fixture
def drywire_raw_server(drywire_opened: Opened) -> RawServerFactory:
    """``server = await drywire_raw_server(handler)``: a `RawTestServer` that is started, and closed after the test."""
    from drywire_server.testing import RawServerFactory

    return RawServerFactory(drywire_opened)


@pytest.fixture
def drywire_client_cls() -> Callable[..., Any]:
    """The class that `drywire_client` makes clients of; to be overridden with one of your own."""
    from drywire.test_utils import TestClient

    return TestClient


@pytest.fixture
def drywire_client(drywire_opened: Opened, drywire_client_cls: Callable[..., Any]) -> ClientFactory:
    """``client = await drywire_client(app)``: a `TestClient` of an application or a server, closed after the test."""
    from drywire_server.testing import ClientFactory

    return ClientFactory(drywire_opened, drywire_client_cls)


@pytest.fixture
def drywire_unused_port() -> Callable[[], int]:
    """``port = drywire_unused_port()``: a TCP port that nobody uses."""
    from drywire_server.testing import unused_port

    return unused_port


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Offer the fixtures by aiohttp's names, unless another plugin does."""
    plugins = config.pluginmanager
    if not any(hasattr(plugin, "aiohttp_client") for plugin in plugins.get_plugins()):
        from drywire import pytest_aiohttp

        plugins.register(pytest_aiohttp, "drywire-aiohttp")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Generator[None, object, object]:
    """Let pytest-asyncio run `drywire_opened` for its tests: in its strict mode it takes only what it made itself."""
    marker = request.node.get_closest_marker("asyncio") if fixturedef.argname == "drywire_opened" else None
    plugins = request.config.pluginmanager
    plugin = plugins.get_plugin("asyncio") or plugins.get_plugin("pytest_asyncio.plugin")
    if marker is None or plugin is None or "anyio_backend" in request.fixturenames:
        return (yield)

    ours = fixturedef.func

    async def marked() -> AsyncIterator[Opened]:
        from drywire_server.testing import Opened

        async with Opened() as opened:
            yield opened

    plugin.fixture(loop_scope=_loop_scope(marker, request.config))(marked)
    fixturedef.addfinalizer(lambda: setattr(fixturedef, "func", ours))  # it looks at the mark when the test runs, too
    fixturedef.func = marked
    return (yield)


def _loop_scope(marker: pytest.Mark, config: pytest.Config) -> Any:
    """Return whose loop a test of pytest-asyncio runs on: its function's, its module's, and so on; None by default."""
    with suppress(ValueError, KeyError):  # versions before 0.26 have no such setting
        return marker.kwargs.get("loop_scope") or config.getini("asyncio_default_test_loop_scope")
    return None
