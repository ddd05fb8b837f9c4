"""Every async test runs on asyncio, on uvloop and on trio, and must leave nothing behind on any of them.

A test is async by being `async def`: anyio's plugin runs it (``anyio_mode = "auto"``). Warnings are errors, so what a
test forgets to close fails that test, and not one that happens to run later.
"""

import asyncio
import gc
import importlib.util
import inspect
import ssl

import hypothesis
import pytest
import trustme

from .devtools import browser  # noqa: F401 - a fixture of every folder
from .serving import answer_to, serving  # noqa: F401 - fixtures of every folder

# A loaded machine is no reason for a property to fail; pytest-timeout stops what hangs.
hypothesis.settings.register_profile("drywire", deadline=None)
hypothesis.settings.load_profile("drywire")

LOOP_TURNS = 20
"""How often the loop may turn after a test until its tasks have ended: enough for a cancellation to pass through."""


def _installed(name):
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{name} is not installed here")


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {}), id="asyncio"),
        pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop", marks=_installed("uvloop")),
        pytest.param(("trio", {}), id="trio", marks=_installed("trio")),
    ]
)
def anyio_backend(request):
    return request.param


def _is_async(function):
    # hypothesis stands in front of the function that it calls with examples
    handle = getattr(function, "hypothesis", None)
    return inspect.iscoroutinefunction(handle.inner_test if handle else function)


def pytest_collection_finish(session):
    """Take what is loaded by now out of the collector's sight: collecting after each test is then quick."""
    gc.collect()
    gc.freeze()


def pytest_pycollect_makeitem(collector, name, obj):
    """Give `no_task_left` to the async tests by name: were it autouse, it would start a loop for the others too."""
    if collector.istestfunction(obj, name) and _is_async(obj):
        pytest.mark.usefixtures("no_task_left")(obj)


@pytest.fixture(autouse=True)
def garbage_is_collected(request):
    """Collect after the loop is closed, so that a ResourceWarning comes up in the test that earned it.

    What was there before the test is out of the collector's sight: with twenty thousand tests behind it, a collection
    would take longer than most tests. What pytest itself has let go of since the last test goes before that: frozen, it
    would stay for ever, tasks too, which asyncio looks through each time that it closes a loop.
    """
    if not _is_async(request.function):
        yield
        return
    gc.collect()
    gc.freeze()
    yield
    gc.collect()


@pytest.fixture
async def no_task_left(anyio_backend_name):
    """Fail a test after which tasks are still running. On trio a task cannot outlive its nursery."""
    if anyio_backend_name != "asyncio":
        yield
        return
    before = _tasks()
    yield
    for _ in range(LOOP_TURNS):
        if not _tasks() - before:
            return
        await asyncio.sleep(0)
    left = "\n".join(f"  {task!r}" for task in _tasks() - before)
    if left:
        pytest.fail(f"tasks still run after the test:\n{left}")


def _tasks():
    """Return all tasks of the loop but those in which anyio's plugin waits for a test or a fixture to end."""
    return {task for task in asyncio.all_tasks() if not task.get_coro().__qualname__.startswith("TestRunner.")}


@pytest.fixture(scope="session")
def ca():
    """A certificate authority that `client_tls` trusts."""
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(ca):
    """An SSL context for servers named localhost, 127.0.0.1 or ::1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1", "::1").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def client_tls(ca):
    """An SSL context for clients that verify, and trust `ca`."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context
