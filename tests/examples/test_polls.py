"""examples/polls/: its own tests, and a browser that votes, on SQLite and on a real PostgreSQL."""

import re
import signal
import subprocess
import sys

import pytest

import drywire

from .. import devtools
from ..documents.playing import installed
from ..tree import ROOT, environment
from .postgresql import postgresql  # noqa: F401 - a fixture
from .programs import running

POLLS = ROOT / "examples" / "polls"
LOADED = "document.readyState === 'complete' || new Promise(resolve => addEventListener('load', () => resolve(true)))"
LEFT = r"navigated|destroyed"
"""What is said of a page that has ended before its answer."""

CROSS_SITE = """
document.body.innerHTML = `<form action="{url}" method="post"><input name="choice" value="{choice}"></form>`;
document.forms[0].submit();
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'polls.sqlite3'}"
    url = request.getfixturevalue("postgresql")
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS choice, question")
    return url


def tables_of(url):
    import psycopg

    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in found}


@pytest.mark.timeout(120)
def test_its_own_tests_pass(database):
    plugins = ("no:cacheprovider", "no:asyncio", "no:trio")
    without = [word for plugin in plugins for word in ("-p", plugin)]
    command = [sys.executable, "-m", "pytest", "-q", *without, str(POLLS / "tests")]
    variables = {**environment(), "POLLS_TEST_DATABASE": database if database.startswith("postgresql") else ""}
    done = subprocess.run(command, cwd=POLLS, env=variables, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\n[1-9][0-9]+ passed", done.stdout), done.stdout
    if variables["POLLS_TEST_DATABASE"]:
        assert tables_of(database) == {"choice", "question"}  # it was this one


def url_of(process):
    """Return where it runs, which its first line says."""
    return re.fullmatch(r"=+ Running on (http://\S+) =+\n", process.stdout.readline())[1]


async def leaving(tab, statements):
    """Run what leads to another page, and return once all of that is loaded."""
    with pytest.raises(AssertionError, match=LEFT):  # this page ends before it has an answer
        await tab.evaluate(f"new Promise(() => {{ {statements} }})")
    await tab.evaluate(LOADED)


async def click(tab, selector):
    await leaving(tab, f"document.querySelector({selector!r}).click()")


async def text_of(tab, selector):
    return await tab.evaluate(f"document.querySelector({selector!r}).innerText")


LOOPS_AND_DATABASES = [
    pytest.param(("asyncio", {}), "sqlite", id="asyncio-sqlite"),
    pytest.param(("asyncio", {"use_uvloop": True}), "postgresql", id="uvloop-postgresql", marks=installed("uvloop")),
    pytest.param(("trio", {}), "sqlite", id="trio-sqlite", marks=installed("trio")),
    pytest.param(("trio", {}), "postgresql", id="trio-postgresql", marks=installed("trio")),
]


@pytest.mark.parametrize(("anyio_backend", "database"), LOOPS_AND_DATABASES, indirect=["database"])
async def test_a_browser_votes_and_sees_the_result(database, browser, anyio_backend):
    loop = "uvloop" if anyio_backend[1] else anyio_backend[0]
    with running("polls", "--port", "0", "--database", database, "--loop", loop) as process:
        url = url_of(process)
        async with devtools.opened(browser, url + "/") as (tab,):
            assert await tab.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") == "633.6px"
            await click(tab, ".questions li:last-child a")
            assert await text_of(tab, "h1") == "What's up?"
            await click(tab, "button")
            assert await text_of(tab, ".error") == "You did not choose."
            for _ in range(2):
                await tab.evaluate("document.querySelectorAll('label')[1].click()")
                await click(tab, "button")
                results = await tab.evaluate("location.pathname")
                votes = await tab.evaluate("[...document.querySelectorAll('.votes')].map(each => each.innerText)")
                await click(tab, "p:last-child a")
            assert (votes, results.endswith("/results")) == (["0", "2", "0"], True)
            choice = await tab.evaluate("document.querySelector('input').value")
            await another_site_cannot_vote(browser, f"{url}{results.replace('results', 'vote')}", choice)
        async with drywire.ClientSession() as session, session.get(url + results) as response:
            assert re.findall(r'class="votes">(\d+)<', await response.text()) == ["0", "2", "0"]
        process.send_signal(signal.SIGTERM)


async def another_site_cannot_vote(browser, url, choice):
    async with devtools.opened(browser, "data:text/html,<body></body>") as (tab,):
        await leaving(tab, CROSS_SITE.format(url=url, choice=choice))
        assert await text_of(tab, "body") == "403: this form belongs to another site"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--database", "mysql://ada:tea@host/polls"], "database must begin with sqlite: or postgresql://\n"),
        (["--database", "sqlite:/none/polls"], "polls: cannot open /none/polls: unable to open database file\n"),
        (["--config", "/none.toml"], "polls: cannot read /none.toml: No such file or directory\n"),
    ],
)
def test_what_cannot_start_says_why_in_a_line(options, error):
    done = subprocess.run([sys.executable, POLLS, *options], env=environment(), capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("polls: ")
    assert done.stderr.endswith(error)
    assert done.stderr.count("\n") == 1
