"""For suites that name `aiohttp.pytest_plugin`: its fixtures, old ones among them, and async tests that run by it.

    pytest_plugins = ["drywire.pytest_plugin"]

A test that is ``async def``, and async fixtures, run on asyncio's loop that the fixture `loop` gives, where no other
plugin takes the test: anyio's, pytest-asyncio and pytest-trio go first. What needs no such line where drywire is
installed is in `drywire.pytest_fixtures`.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
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
    from drywire_server.testing import ClientFactory as AiohttpClient
    from drywire_server.testing import RawServerFactory as AiohttpRawServer
    from drywire_server.testing import ServerFactory as AiohttpServer

__all__ = [
    "AiohttpClient",
    "AiohttpRawServer",
    "AiohttpServer",
    "aiohttp_client",
    "aiohttp_client_cls",
    "aiohttp_raw_server",
    "aiohttp_server",
    "aiohttp_unused_port",
    "drywire_runs",
    "fast",
    "loop",
    "loop_debug",
    "loop_factory",
    "raw_test_server",
    "test_client",
    "test_server",
    "unused_port",
]

_TYPES = {"AiohttpClient": "ClientFactory", "AiohttpRawServer": "RawServerFactory", "AiohttpServer": "ServerFactory"}


def __getattr__(name: str) -> Any:
    if name not in _TYPES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from drywire_server import testing

    return getattr(testing, _TYPES[name])


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the options of aiohttp's plugin."""
    group = parser.getgroup("drywire")
    with suppress(ValueError):  # another plugin has them
        group.addoption("--aiohttp-fast", action="store_true", help="collect no garbage after each test")
        group.addoption("--aiohttp-loop", default="pyloop", help="the loops of async tests: pyloop, uvloop, or all")
        group.addoption("--aiohttp-enable-loop-debug", action="store_true", help="run loops in asyncio's debug mode")


def pytest_configure(config: pytest.Config) -> None:
    """See that the fixtures themselves are there, also where drywire is not installed but only found."""
    if not config.pluginmanager.is_registered(_fixtures):
        config.pluginmanager.register(_fixtures, "drywire")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on each loop of ``--aiohttp-loop``, where it has the fixture `loop` or a client of the fixtures."""
    if not _has_loop(metafunc.fixturenames) or _has_own_loop(metafunc.definition) or _others_run(metafunc.definition):
        return
    from drywire_transports.on_asyncio.loops_for_tests import loop_factories

    factories = loop_factories(metafunc.config.getoption("aiohttp_loop", "pyloop"))
    if "loop_factory" not in metafunc.fixturenames:
        metafunc.fixturenames.append("loop_factory")
    metafunc.parametrize("loop_factory", list(factories.values()), ids=list(factories))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Take a test that nobody else does: one that is async, or that has the loop or a client of the fixtures."""
    if not isinstance(item, pytest.Function) or "drywire_runs" in item.fixturenames:
        return
    if (inspect.iscoroutinefunction(item.function) or _has_loop(item.fixturenames)) and not _others_run(item):
        item.fixturenames.append("drywire_runs")


def _has_loop(names: list[str]) -> bool:
    return "loop" in names or "drywire_opened" in names


def _has_own_loop(function: pytest.Function) -> bool:
    """Whether the test's suite has a fixture `loop` of its own, in place of the one here."""
    known = function.session._fixturemanager.getfixturedefs("loop", function)
    return known is not None and known[-1].func.__module__ != __name__


def _others_run(function: pytest.Function) -> bool:
    """Whether another plugin runs the test, and its fixtures."""
    config, marker = function.config, function.get_closest_marker
    if "anyio_backend" in function.fixturenames:
        return True
    if marker("anyio") and _loaded(config, "anyio", "anyio.pytest_plugin"):
        return True
    if _loaded(config, "asyncio", "pytest_asyncio.plugin"):
        mode = config.getoption("asyncio_mode", None) or config.getini("asyncio_mode")
        if marker("asyncio") or mode == "auto":
            return True
    return _loaded(config, "trio", "pytest_trio.plugin") and bool(marker("trio") or config.getini("trio_mode"))


def _loaded(config: pytest.Config, *names: str) -> bool:
    return any(config.pluginmanager.has_plugin(name) for name in names)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Generator[None, object, object]:
    """Run a fixture that is async on the loop of its test."""
    function = fixturedef.func  # another plugin that runs it has put something in its place that is not async
    if "drywire_runs" not in request.fixturenames or not _is_async(function):
        return (yield)
    loop = request.getfixturevalue("loop")
    if request.instance is not None and inspect.ismethod(function):
        function = function.__func__.__get__(request.instance)
    before, fixturedef.func = fixturedef.func, _run_by(loop, function)
    try:
        return (yield)
    finally:
        fixturedef.func = before


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _run_by(loop: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a fixture as pytest itself knows them, of one that is async."""

    def coroutine(**arguments: Any) -> Any:
        return loop.run_until_complete(function(**arguments))

    def generator(**arguments: Any) -> Iterator[Any]:
        made = function(**arguments)
        yield loop.run_until_complete(anext(made))
        with suppress(StopAsyncIteration):
            loop.run_until_complete(anext(made))
            pytest.fail(f"the fixture {function.__qualname__} yields more than once", pytrace=False)

    return generator if inspect.isasyncgenfunction(function) else coroutine


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object:
    """Run an async test on its loop."""
    if "drywire_runs" not in pyfuncitem.fixturenames or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    loop: Any = pyfuncitem.funcargs["drywire_runs"]
    loop.run_until_complete(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture
def drywire_runs(loop: Any) -> Any:
    """Return the loop of a test that this plugin runs; its name is among the fixtures of each of these."""
    return loop


@pytest.fixture
def fast(request: pytest.FixtureRequest) -> bool:
    """Whether pytest was given ``--aiohttp-fast``."""
    return bool(request.config.getoption("aiohttp_fast", False))


@pytest.fixture
def loop_debug(request: pytest.FixtureRequest) -> bool:
    """Whether pytest was given ``--aiohttp-enable-loop-debug``."""
    return bool(request.config.getoption("aiohttp_enable_loop_debug", False))


@pytest.fixture
def loop_factory() -> Callable[[], Any]:
    """What makes the event loop: asyncio's own, or what ``--aiohttp-loop`` says."""
    from drywire_transports.on_asyncio.loops_for_tests import loop_factories

    return loop_factories("pyloop")["pyloop"]


@pytest.fixture
def loop(
    request: pytest.FixtureRequest, loop_factory: Callable[[], Any], fast: bool, loop_debug: bool
) -> Iterator[Any]:
    """asyncio's event loop of a test that this plugin runs: ``loop.run_until_complete(...)`` in fixtures.

    Where another plugin runs the test it is the loop that runs already, None on trio, and deprecated.
    """
    if "drywire_runs" in request.fixturenames:
        from drywire_transports.on_asyncio.loops_for_tests import loop_context

        with loop_context(loop_factory, fast=fast) as made:
            if loop_debug:
                made.set_debug(True)
            yield made
        return
    _old("loop", "asyncio.get_running_loop()")
    if request.node.get_closest_marker("trio"):  # a fixture of pytest-trio has no value before its test runs
        yield None
        return
    opened: Opened = request.getfixturevalue("drywire_opened")
    yield opened.loop


def _old(name: str, new: str) -> None:
    warnings.warn(f"the fixture {name} is deprecated: use {new}", DeprecationWarning, stacklevel=3)


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
