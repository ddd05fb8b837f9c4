"""The plugin for pytest, in suites of its own, which run on anyio's plugin, on pytest-asyncio and on pytest-trio.

Each runs in a process of its own, and loads no plugins but those that it names. Rows B-09 to B-12.
"""

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from ..tree import SOURCE_ROOTS, environment

APP = """
import pytest
from drywire import web

async def hello(request):
    return web.Response(text="hello")

async def started(app):
    log.append("started")

async def cleaned_up(app):
    log.append("cleaned up")

def make_app():
    app = web.Application()
    app.router.add_get("/", hello)
    app.on_startup.append(started)
    app.on_cleanup.append(cleaned_up)
    return app

log = []
"""

SUITE = """
import drywire
from drywire.test_utils import TestClient

@pytest.fixture
async def client(drywire_client):
    client = await drywire_client(make_app(), headers={"X-Own": "1"})
    yield client
    assert not client.server.closed  # what was opened is closed after the fixtures that asked for it
    log.append("fixture")

async def test_client_of_a_fixture(client):
    assert client.session.headers["X-Own"] == "1"
    async with client.get("/") as response:
        assert await response.text() == "hello"

def test_it_was_closed():
    assert log == ["started", "fixture", "cleaned up"] * RUNS
    log.clear()

async def test_client(drywire_client):
    client = await drywire_client(make_app(), server_kwargs={"keepalive_timeout": 5})
    assert client.server.handler.settings.keepalive_timeout == 5
    assert (await client.get("/")).status == 200
    with pytest.raises(ValueError, match="needs an Application"):
        await drywire_client(5)
    with pytest.raises(TypeError, match="by keyword"):
        await drywire_client(client.server, 5)

async def test_in_memory(drywire_client):
    client = await drywire_client(make_app(), in_memory=True)
    assert (client.port, (await client.get("/")).status) == (80, 200)

async def test_server(drywire_server, drywire_client):
    server = await drywire_server(make_app())
    client = await drywire_client(server)
    assert client.server is server
    assert (await client.get("/")).status == 200
    async with drywire.ClientSession() as session, session.get(server.make_url("/")) as response:
        assert response.status == 200

async def test_raw_server(drywire_raw_server, drywire_client):
    client = await drywire_client(await drywire_raw_server(hello))
    assert (await client.get("/anything")).status == 200

async def test_unused_port(drywire_unused_port, drywire_server):
    port = drywire_unused_port()
    assert (await drywire_server(make_app(), port=port)).port == port

async def test_a_start_that_fails(drywire_client):
    app = make_app()
    app.on_startup.append(None)
    with pytest.raises(TypeError):
        await drywire_client(app)

def test_all_was_closed():
    assert (log.count("started"), log.count("cleaned up")) == (5 * RUNS, 4 * RUNS)

class TestInClass:
    @pytest.fixture
    def drywire_client_cls(self):
        class Own(TestClient):
            async def text(self, path):
                return await (await self.get(path)).text()
        return Own

    async def test_clients_of_ones_own_class(self, drywire_client):
        assert await (await drywire_client(make_app())).text("/") == "hello"

    async def test_by_the_other_name(self, aiohttp_client):
        assert await (await aiohttp_client(make_app())).text("/") == "hello"
"""

AIOHTTP_NAMES = """
from drywire.test_utils import TestClient

async def test_aiohttp_client(aiohttp_client):
    client = await aiohttp_client(make_app())
    assert type(client) is TestClient
    assert (await client.get("/")).status == 200

async def test_aiohttp_servers(aiohttp_server, aiohttp_raw_server, aiohttp_client, aiohttp_unused_port):
    port = aiohttp_unused_port()
    assert (await aiohttp_server(make_app(), port=port)).port == port
    client = await aiohttp_client(await aiohttp_raw_server(hello))
    assert (await client.get("/")).status == 200

class TestOwnClass:
    @pytest.fixture
    def aiohttp_client_cls(self):
        return type("Own", (TestClient,), {})

    async def test_client(self, aiohttp_client):
        assert type(await aiohttp_client(make_app())).__name__ == "Own"
"""

OLD_NAMES = """
OLD = pytest.mark.filterwarnings("ignore:the fixture:DeprecationWarning")

@OLD
async def test_old_names(test_client, test_server, raw_test_server, unused_port, loop):
    assert (await (await test_client(make_app())).get("/")).status == 200
    assert (await test_server(make_app(), port=unused_port())).started
    assert (await raw_test_server(hello)).started

@OLD
async def test_loop(loop):
    import sys
    if "trio" in sys.modules and sys.modules["trio"].lowlevel.in_trio_run():
        assert loop is None
    else:
        import asyncio
        assert loop is asyncio.get_running_loop()

def test_what_is_old_says_what_is_new(request):
    with pytest.warns(DeprecationWarning, match="the fixture unused_port is deprecated: use aiohttp_unused_port"):
        assert request.getfixturevalue("unused_port")()

async def test_function(aiohttp_client):
    with pytest.warns(DeprecationWarning, match="the application itself"):
        client = await aiohttp_client(lambda loop, *args, **kwargs: (kwargs["found"].append(args), make_app())[1],
                                      1, found=(found := []))
    assert (await client.get("/")).status == 200
    assert found == [(1,)]
"""


def needs(name):
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{name} is not installed here")


PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]

THREE_LOOPS = """
@pytest.fixture(params=["asyncio", "trio", ("asyncio", {"use_uvloop": True})])
def anyio_backend(request):
    return request.param
"""

ONE_LOOP = """
@pytest.fixture
def anyio_backend():
    return "asyncio"
"""

STRICT = """
import pytest_asyncio
async_fixture = pytest_asyncio.fixture
"""

ONE_SESSION = """
import pytest_asyncio
async_fixture = pytest_asyncio.fixture(loop_scope="session")
"""

# What runs async tests: options of pytest, what stands before each test, and in the module; how often each test runs.
# pytest-asyncio, which is in many suites, is loaded beside anyio's plugin, as it is found there too.
ANYIO = (["-p", "anyio.pytest_plugin", "-o", "anyio_mode=auto"], "", ONE_LOOP, 1)
BOTH = ["-p", "anyio.pytest_plugin", "-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function"]
RUNNERS = [
    pytest.param((ANYIO[0], "", THREE_LOOPS, 3), id="anyio", marks=[needs("trio"), needs("uvloop")]),
    pytest.param(
        ([*BOTH, "-o", "asyncio_mode=strict"], "@pytest.mark.anyio", THREE_LOOPS, 3),
        id="anyio-beside-pytest-asyncio",
        marks=[needs("trio"), needs("uvloop"), needs("pytest_asyncio")],
    ),
    pytest.param(
        ([*BOTH, "-o", "asyncio_mode=strict"], "@pytest.mark.asyncio", STRICT, 1),
        id="pytest-asyncio-strict",
        marks=needs("pytest_asyncio"),
    ),
    pytest.param(
        ([*BOTH, "-o", "asyncio_mode=auto", "-o", "asyncio_default_test_loop_scope=session"], "", ONE_SESSION, 1),
        id="pytest-asyncio-auto",
        marks=needs("pytest_asyncio"),
    ),
    pytest.param(
        (["-p", "pytest_trio.plugin"], "@pytest.mark.trio", "", 1), id="pytest-trio", marks=needs("pytest_trio")
    ),
]


@pytest.fixture
def suite(tmp_path):
    """``suite(code, runner)`` runs pytest on `code`, with our plugin as it is found where drywire is installed."""

    def run(code, runner=ANYIO, *more, plugin="drywire.pytest_fixtures"):
        options, mark, module, runs = runner
        code = re.sub(r"^( *)(async def test_)", rf"\1{mark}\n\1\2", code, flags=re.MULTILINE) if mark else code
        if "async_fixture" in module:
            code = code.replace("@pytest.fixture\nasync def", "@async_fixture\nasync def")
        (tmp_path / "test_it.py").write_text(f"{APP}{module}\nRUNS = {runs}\n{code}", "utf-8")
        done = subprocess.run(
            [*PYTEST, "-p", plugin, *options, *more, "--rootdir", str(tmp_path), "test_it.py"],
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
        assert done.returncode == 0, said
        return said

    return run


def passed(said):
    return int(re.search(r"(\d+) passed", said)[1])


@pytest.mark.parametrize("runner", RUNNERS)
def test_b_10_fixtures_by_every_name_whoever_runs_the_tests(suite, runner):
    """Our names, and aiohttp's.

    Differs: where anyio's plugin, pytest-asyncio or pytest-trio runs a test, the loop is theirs: the options
    `--aiohttp-fast`, `--aiohttp-loop` and `--aiohttp-enable-loop-debug` say nothing to them, and `loop` is the one that
    runs already. There is no `proactor_loop`: on Windows asyncio's own loop is such a one.
    """
    assert passed(suite(SUITE + AIOHTTP_NAMES, runner, plugin="drywire.pytest_plugin")) == 12 * runner[3] + 2


@pytest.mark.parametrize("runner", [RUNNERS[0]])
def test_old_fixtures_say_what_is_new(suite, runner):
    assert passed(suite(OLD_NAMES, runner, plugin="drywire.pytest_plugin")) == 3 * runner[3] + 1


def test_the_names_of_aiohttp_come_along_and_nothing_is_loaded_before_its_time(suite, tmp_path):
    early = """
import sys
assert "drywire.pytest_fixtures" in sys.modules
assert not sys.modules.keys() & {"drywire_client", "drywire_server", "drywire_transports"}
"""
    (tmp_path / "conftest.py").write_text(early, "utf-8")
    code = """
def test_old_names_need_the_plugin_by_name(request):
    for name in ("test_client", "test_server", "raw_test_server", "unused_port", "loop"):
        with pytest.raises(pytest.FixtureLookupError):
            request.getfixturevalue(name)
"""
    assert passed(suite(code + AIOHTTP_NAMES)) == 4


def test_the_plugin_by_its_old_place_is_no_trouble_where_pytest_has_found_the_other(suite):
    both = suite(AIOHTTP_NAMES, ANYIO, "-p", "drywire.pytest_fixtures", plugin="drywire.pytest_plugin")
    assert passed(both) == 3


def test_another_plugin_keeps_its_fixtures(suite, tmp_path):
    theirs = """
import pytest

@pytest.fixture
def aiohttp_client():
    return "theirs"
"""
    (tmp_path / "other.py").write_text(theirs, "utf-8")
    code = """
def test_it(aiohttp_client, drywire_unused_port, request):
    assert aiohttp_client == "theirs"
    assert drywire_unused_port()
    with pytest.raises(pytest.FixtureLookupError):
        request.getfixturevalue("aiohttp_server")
"""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["other"]', "utf-8")
    assert passed(suite(code)) == 1
