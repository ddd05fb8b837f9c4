"""The database by itself: transactions, connections, and what ends with what."""

import os
import re

import anyio
import pytest

from drywire_polls.db import Database, RecordNotFound, Unavailable
from drywire_polls.settings import POSTGRESQL, SettingsError

URL = os.environ.get("POLLS_TEST_DATABASE", "")


@pytest.fixture
async def database(settings, no_polls):
    async with Database.open(settings().database, 3) as database:
        yield database


async def test_there_are_no_more_connections_than_may_be_and_they_are_used_again(database, at_once):
    number = await database.add_question("Tea?", ["Yes"])
    made = []
    connect = database._kind.connect

    def counted():
        made.append(1)
        return connect()

    database._kind.connect = counted
    assert len(await at_once(30, lambda: database.question(number))) == 30
    assert len(made) <= 2  # and the one that has made the tables
    assert 1 <= len(database._idle) <= 3


async def test_what_fails_has_changed_nothing(database):
    def fail(connection):
        database._add_question(connection, "Tea?", ["Yes"])
        raise LookupError("planted")

    with pytest.raises(LookupError, match="planted"):
        await database._run(fail, writing=True)
    assert await database.questions() == []
    assert await database.add_question("Coffee?", ["Yes"])


async def test_a_wrong_statement_does_not_spoil_the_next(database):
    with pytest.raises(database._kind.error):
        await database._run(lambda connection: connection.execute("SELECT nothing FROM nowhere"))
    assert await database.questions() == []


async def test_a_question_takes_its_choices_with_it(database):
    number = await database.add_question("Tea?", ["Yes"])
    (choice,) = (await database.question(number))[1]
    await database._run(lambda connection: connection.execute("DELETE FROM question"), writing=True)
    with pytest.raises(RecordNotFound, match=f"there is no question {number}"):
        await database.question(number)
    with pytest.raises(RecordNotFound, match=f"question {number} has no choice {choice.id}"):
        await database.vote(number, choice.id)


async def test_a_vote_that_is_cancelled_is_counted_or_not_and_leaves_its_connection(database):
    number = await database.add_question("Tea?", ["Yes"])
    (choice,) = (await database.question(number))[1]
    counted = 0
    for turns in range(4):

        async def vote():
            nonlocal counted
            await database.vote(number, choice.id)
            counted += 1

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(vote)
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    (choice,) = (await database.question(number))[1]
    assert counted <= choice.votes <= 4
    assert len(database._idle) == 1


async def test_two_that_start_at_the_same_time_make_the_tables_and_the_samples_once(settings, no_polls, at_once):
    async def start():
        async with Database.open(settings().database) as database:
            await database.add_samples()
            return [question.text for question in await database.questions()]

    assert await at_once(4, start) == [["Which event loop do you run?", "What's up?"]] * 4


async def test_a_database_that_cannot_be_had_is_an_error_that_says_so(tmp_path):
    (tmp_path / "text").write_text("this is no database" * 100)
    cases = {
        f"sqlite:{tmp_path / 'none' / 'polls'}": "cannot open .*unable to open database file",
        f"sqlite:{tmp_path / 'text'}": "cannot make the tables: file is not a database",
    }
    for url, error in cases.items():
        with pytest.raises(Unavailable, match=error):
            async with Database.open(url):
                raise NotImplementedError


async def test_postgresql_that_cannot_be_had_is_an_error_without_the_password(tmp_path):
    pytest.importorskip("psycopg", reason="psycopg is not installed here", exc_type=ImportError)
    with pytest.raises(Unavailable, match="cannot connect to PostgreSQL") as caught:
        async with Database.open(f"postgresql://ada:tea@/polls?host={tmp_path}"):
            raise NotImplementedError
    assert not re.search("tea", str(caught.value).replace(str(tmp_path), ""))
    with pytest.raises(SettingsError, match="database is no URL that PostgreSQL knows"):
        async with Database.open("postgresql://ada:tea@host?wrong=tea"):
            raise NotImplementedError


@pytest.mark.skipif(not URL.startswith(POSTGRESQL), reason="POLLS_TEST_DATABASE names no PostgreSQL")
async def test_a_server_that_was_started_anew_is_connected_to_anew(database):
    async with Database.open(URL) as other:
        (number,) = await database._run(lambda connection: connection.execute("SELECT pg_backend_pid()").fetchone())
        end = f"SELECT pg_terminate_backend({number}, 5000)"
        assert await other._run(lambda connection: connection.execute(end).fetchone()) == (True,)
    assert await database.questions() == []
