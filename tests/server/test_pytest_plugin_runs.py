"""The plugin for pytest by its old place, which runs async tests itself where no other plugin does."""

import importlib.util
import os
import re
import subprocess
import sys
from typing import NamedTuple

import pytest

from ..tree import ROOT, SOURCE_ROOTS, environment

PYTEST = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider"]

CONFTEST = """
import pytest
from drywire import web

pytest_plugins = ["drywire.pytest_plugin"]

async def hello(request):
    return web.Response(text="hello")

@pytest.fixture
def app():
    app = web.Application()
    app.router.add_get("/", hello)
    return app
"""

ALONE = """
import asyncio

import pytest
from drywire.pytest_plugin import AiohttpClient
from drywire.test_utils import TestClient, TestServer

log = []

async def test_without_fixtures():
    await asyncio.sleep(0)
    log.append(type(asyncio.get_running_loop()).__module__)

def test_it_ran():
    assert log == ["asyncio.unix_events"]
    log.clear()

@pytest.fixture
def cli(loop, aiohttp_client: AiohttpClient, app):
    return loop.run_until_complete(aiohttp_client(app))

@pytest.fixture
async def slow(cli, loop):
    assert asyncio.get_running_loop() is loop
    yield (await cli.get("/")).status
    assert asyncio.get_running_loop() is loop
    assert not cli.server.closed
    log.append(type(loop).__module__)

async def test_client_of_a_synchronous_fixture(cli, loop, fast, loop_debug):
    assert loop is asyncio.get_running_loop()
    assert (fast, loop_debug, loop.get_debug()) == (True, True, True)
    async with cli.get("/") as response:
        assert await response.text() == "hello"

async def test_async_fixture(slow):
    assert slow == 200

def test_by_hand(loop, slow, app):
    client = TestClient(TestServer(app))
    loop.run_until_complete(client.start_server())
    try:
        assert loop.run_until_complete(client.get("/")).status == slow
    finally:
        loop.run_until_complete(client.close())

def test_all_ran_on_each_loop():
    assert [name.partition(".")[0] for name in log] == ["asyncio", "uvloop"] * 2

async def test_servers(aiohttp_server, aiohttp_raw_server, aiohttp_unused_port, app):
    assert (await aiohttp_server(app, port=(port := aiohttp_unused_port()))).port == port
    async def handler(request):
        raise AssertionError
    assert (await aiohttp_raw_server(handler)).started

@pytest.mark.asyncio
@pytest.mark.parametrize("n", [1, 2])
async def test_marked_for_a_plugin_that_is_not_there(slow, n):
    assert slow == 200

class TestMethods:
    @pytest.fixture
    async def own(self):
        self.value = 1
        return self

    @pytest.fixture(autouse=True)
    async def each(self, request):
        self.node = request.node
        yield

    async def test_method(self, own, request):
        assert own is self
        assert (self.value, self.node) == (1, request.node)

async def test_that_fails(slow):
    assert slow == 404

@pytest.fixture
async def twice():
    yield 1
    yield 2

async def test_fixture_that_yields_twice(twice):
    assert twice == 1
"""

OWN_LOOP = """
import asyncio

import pytest
from drywire.test_utils import loop_context

@pytest.fixture(scope="module")
def loop():
    with loop_context() as made:
        yield made

@pytest.fixture(scope="module")
async def once():
    yield asyncio.get_running_loop()

async def test_first(once, loop):
    assert asyncio.get_running_loop() is loop is once

async def test_second(once, aiohttp_client, app):
    assert asyncio.get_running_loop() is once
    assert (await (await aiohttp_client(app)).get("/")).status == 200
"""

AMONG_OTHERS = """
import asyncio
import sys

import pytest
import pytest_asyncio

OLD = pytest.mark.filterwarnings("ignore:the fixture loop:DeprecationWarning")

@pytest.fixture
def cli(loop, aiohttp_client, app):
    return loop.run_until_complete(aiohttp_client(app))

async def test_unmarked(cli, loop):
    assert (await cli.get("/")).status == 200
    assert asyncio.get_running_loop() is loop

@OLD
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_of_anyio(loop, aiohttp_client, app, anyio_backend):
    assert (await (await aiohttp_client(app)).get("/")).status == 200
    assert loop is (asyncio.get_running_loop() if anyio_backend == "asyncio" else None)

@pytest_asyncio.fixture
async def theirs():
    return asyncio.get_running_loop()

@OLD
@pytest.mark.asyncio
async def test_of_pytest_asyncio(loop, theirs, aiohttp_client, app):
    assert (await (await aiohttp_client(app)).get("/")).status == 200
    assert loop is asyncio.get_running_loop() is theirs

@OLD
@pytest.mark.trio
async def test_of_pytest_trio(loop, aiohttp_client, app):
    assert sys.modules["trio"].lowlevel.in_trio_run()
    assert (await (await aiohttp_client(app)).get("/")).status == 200
    assert loop is None

def test_synchronous():
    pass
"""


OUTCOMES = ("PASSED", "FAILED", "ERROR")


class Ran(NamedTuple):
    """What a suite printed, and the names of its tests by how they ended."""

    said: str
    passed: list
    failed: list
    errors: list


@pytest.fixture
def suite(tmp_path):
    """``suite({file: code}, *options)`` runs pytest on these files, with no plugins but those that are named."""

    def run(files, *options):
        for name, code in {"conftest.py": CONFTEST, **files}.items():
            (tmp_path / name).write_text(code, "utf-8")
        (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    asyncio: of a plugin\nfilterwarnings = error\n")
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-v",
                "-p",
                "no:cacheprovider",
                *options,
                "--rootdir",
                str(tmp_path),
                *files,
            ],
            cwd=tmp_path,
            env={
                **environment(),
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "PYTHONPATH": os.pathsep.join([*map(str, SOURCE_ROOTS), *sys.path]),  # where this process finds plugins
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        said = done.stdout + done.stderr
        outcomes = re.findall(r"^test_\w+\.py::(\S+) (PASSED|FAILED|ERROR)\b", done.stdout, re.MULTILINE)
        return Ran(said, *(sorted(name for name, outcome in outcomes if outcome == wanted) for wanted in OUTCOMES))

    return run


def of_the_docs():
    """Return the suite of docs/testing.md that names the plugin."""
    text = (ROOT / "docs" / "testing.md").read_text("utf-8")
    codes = re.findall(r"```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    [suite] = [code for code in codes if "pytest_plugins" in code]
    return suite


def needs(name):
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{name} is not installed here")


@needs("uvloop")
def test_b_09_the_plugin_by_its_old_place_runs_async_tests(suite):
    """With no other plugin for async tests, on each loop, with fixtures of a suite's own loop, and aiohttp's options.

    Differs: a test is run whatever warnings it gives; aiohttp's plugin fails it for a RuntimeWarning, and warns that it
    is deprecated itself.
    """
    options = ["--aiohttp-loop=all", "--aiohttp-fast", "--aiohttp-enable-loop-debug"]
    files = {"test_alone.py": ALONE, "test_own_loop.py": OWN_LOOP, "test_of_the_docs.py": of_the_docs()}
    found = suite(files, *options)
    loops = [f"{name}[{loop}]" for name in ("test_async_fixture", "test_by_hand") for loop in ("pyloop", "uvloop")]
    wanted = {*loops, "test_greet[pyloop]", "test_without_fixtures", "test_it_ran", "test_first", "test_second"}
    assert wanted <= {*found.passed}, found.said
    assert found.failed == ["test_that_fails[pyloop]", "test_that_fails[uvloop]"]
    assert found.errors == ["test_fixture_that_yields_twice"]
    assert "the fixture twice yields more than once" in found.said
    assert len(found.passed) == 21, found.said


@needs("pytest_asyncio")
@needs("pytest_trio")
def test_other_plugins_for_async_tests_go_first(suite):
    plugins = ["anyio.pytest_plugin", "pytest_asyncio.plugin", "pytest_trio.plugin"]
    options = [option for plugin in plugins for option in ("-p", plugin)]
    found = suite({"test_among.py": AMONG_OTHERS}, *options, "-o", "asyncio_default_fixture_loop_scope=function")
    assert len(found.passed) == 6, found.said
    assert not found.failed + found.errors, found.said


def test_a_loop_that_is_not_there_is_named(suite):
    found = suite({"test_own_loop.py": "async def test(loop):\n    pass\n"}, "--aiohttp-loop=quickloop")
    assert "no event loop is called 'quickloop' here; there is pyloop" in found.said
    assert not found.passed
