"""Each test gets an application of its own, on every event loop, and the database that POLLS_TEST_DATABASE names.

Without that, it is a file of SQLite in a temporary folder. A PostgreSQL that is named there loses its polls.
"""

import contextlib
import importlib.util
import os

import anyio
import pytest
from drywire.testing import session_for

from drywire_polls import Settings, make_app
from drywire_polls.db import Database
from drywire_polls.views import DATABASE

URL = os.environ.get("POLLS_TEST_DATABASE", "")


def installed(name):
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{name} is not installed here")


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {}), id="asyncio"),
        pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop", marks=installed("uvloop")),
        pytest.param(("trio", {}), id="trio", marks=installed("trio")),
    ]
)
def anyio_backend(request):
    return request.param


@pytest.fixture
def settings(tmp_path):
    """``settings(**changes)``: those of an application without questions."""

    def make(**changes):
        database = URL or f"sqlite:{tmp_path / 'polls.sqlite3'}"
        return Settings(**{"database": database, "sample_data": False, **changes})

    return make


@pytest.fixture
async def no_polls(settings):
    """Take away what another test has left in a database that outlives it."""
    if URL:
        async with Database.open(URL) as database:
            await database._run(lambda connection: connection.execute("DELETE FROM question"), writing=True)


class Site:
    """An application at work in memory: `get` and `post` return status and text, `database` is its own."""

    def __init__(self, app, session):
        self.session = session
        self.database = app[DATABASE]

    async def get(self, path, **options):
        async with self.session.get(path, allow_redirects=False, **options) as response:
            return response.status, await response.text()

    async def post(self, path, data=None, **options):
        async with self.session.post(path, data=data, allow_redirects=False, **options) as response:
            return response.status, response.headers.get("Location", "")

    async def ask(self, text="Tea?", choices=("Yes", "No")):
        """Add a question and return its path, and the ids of its choices."""
        number = await self.database.add_question(text, choices)
        return f"/poll/{number}", [choice.id for choice in (await self.database.question(number))[1]]

    async def votes(self, path):
        _, choices = await self.database.question(int(path.removeprefix("/poll/")))
        return [choice.votes for choice in choices]


@pytest.fixture
def running(settings, no_polls):
    """``async with running(**settings) as site``."""

    @contextlib.asynccontextmanager
    async def run(**changes):
        app = make_app(settings(**changes))
        async with session_for(app, base_url="http://polls.test") as session:
            # The application starts with its first connection.
            async with session.get("/static/style.css") as response:
                assert response.status == 200
            yield Site(app, session)

    return run


@pytest.fixture
async def site(running):
    async with running() as site:
        yield site


@pytest.fixture
def at_once():
    """``await at_once(n, function)``: call an async function n times at the same time, and return the results."""

    async def call(count, function):
        results = []

        async def once():
            results.append(await function())

        async with anyio.create_task_group() as tasks:
            for _ in range(count):
                tasks.start_soon(once)
        return results

    return call
