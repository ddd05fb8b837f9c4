"""Requests like the ones before: what is remembered of them never hides where they differ."""

import io

from multidict import CIMultiDict
from yarl import URL

import drywire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def seen_of(scripted, calls, answers=None, **settings):
    """Return head and body of each request that `calls` make of one session, and what it made of each answer."""
    seen, got = [], []

    async def talk(peer, script):
        for answer in answers or [OK] * len(calls):
            seen.append(await peer.request())
            await peer.send(answer)

    async with scripted(talk) as script, drywire.ClientSession(**settings) as session:
        for call in calls:
            async with call(session, script.url) as response:
                got.append((response.status, dict(response.headers), await response.text()))
        assert script.connections == 1
    return seen, got


def lines(head):
    return head.decode().split("\r\n")


async def test_bodies_of_other_lengths_are_framed_each_by_its_own(scripted):
    bodies = [{"n": 1}, {"n": 1}, {"name": "longer"}, {"n": 2}, [], "x" * 70_000]
    seen, _ = await seen_of(scripted, [lambda session, url, body=body: session.post(url, json=body) for body in bodies])
    for head, body in seen:
        assert f"Content-Length: {len(body)}" in lines(head)
        assert lines(head).count("Content-Type: application/json") == 1
    assert [len(body) for _, body in seen] == [8, 8, 18, 8, 2, 70_002]


async def test_methods_and_targets_are_those_of_the_call(scripted):
    calls = [
        lambda session, url: session.get(url + "a"),
        lambda session, url: session.get(url + "b?c=1"),
        lambda session, url: session.delete(url + "b?c=1"),
        lambda session, url: session.post(url + "a"),
        lambda session, url: session.get(url + "a"),
    ]
    seen, _ = await seen_of(scripted, calls)
    starts = [lines(head)[0] for head, _ in seen]
    assert starts == [f"{start} HTTP/1.1" for start in ("GET /a", "GET /b?c=1", "DELETE /b?c=1", "POST /a", "GET /a")]
    assert ["Content-Length: 0" in lines(head) for head, _ in seen] == [False, False, False, True, False]


async def test_a_head_is_asked_for_between_others(scripted):
    no_body = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    calls = [lambda session, url, verb=verb: getattr(session, verb)(url) for verb in ("get", "head", "get", "head")]
    seen, got = await seen_of(scripted, calls, [OK, no_body, OK, no_body])
    assert [lines(head)[0].split()[0] for head, _ in seen] == ["GET", "HEAD", "GET", "HEAD"]
    assert [text for _, _, text in got] == ["ok", "", "ok", ""]


async def test_fields_of_a_call_are_those_of_that_call(scripted):
    changing = CIMultiDict({"X-Call": "1"})

    def changed(session, url):
        changing["X-Call"] = "3"
        return session.get(url, headers=changing)

    def session_changed(session, url):
        session.headers["X-Session"] = "new"
        return session.get(url, headers={"X-Call": "1"})

    calls = [
        lambda session, url: session.get(url, headers=changing),
        lambda session, url: session.get(url, headers={"X-Call": "2"}),
        changed,
        lambda session, url: session.get(url, headers={"x-call": "1"}),
        lambda session, url: session.get(url, headers=[("X-Call", "1"), ("X-Call", "2")]),
        lambda session, url: session.get(url, headers={"X-Call": "1"}, skip_auto_headers=["User-Agent"]),
        session_changed,
        lambda session, url: session.post(url, headers={"X-Call": "1"}, data=b"body"),
        lambda session, url: session.get(url, headers={"X-Call": "1", "Connection": "keep-alive"}),
        lambda session, url: session.get(url),
    ]
    seen, _ = await seen_of(scripted, calls, headers={"X-Session": "old"})
    heads = [lines(head) for head, _ in seen]
    of_call = [[line for line in head if line.lower().startswith("x-call")] for head in heads]
    assert of_call[:4] == [["X-Call: 1"], ["X-Call: 2"], ["X-Call: 3"], ["x-call: 1"]]
    assert of_call[4:6] == [["X-Call: 1", "X-Call: 2"], ["X-Call: 1"]]
    assert [any(line.startswith("User-Agent") for line in head) for head in heads[4:7]] == [True, False, True]
    sessions = [line for head in heads for line in head if line.startswith("X-Session")]
    assert sessions == ["X-Session: old"] * 6 + ["X-Session: new"] * 4
    assert (seen[7][1], of_call[9]) == (b"body", [])


async def test_responses_that_differ_in_one_thing_are_told_apart(scripted):
    answers = [
        OK,
        OK,
        b"HTTP/1.1 404 OK\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 204 OK\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        OK,
    ]
    _, got = await seen_of(scripted, [lambda session, url: session.get(url)] * len(answers), answers)
    assert [(status, text) for status, _, text in got] == [
        (200, "ok"), (200, "ok"), (404, "no"), (204, ""), (200, "yes"), (200, "ok"), (200, "ok"),
    ]  # fmt: skip


async def test_a_response_of_10_like_one_of_11_ends_the_connection(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(OK)
        await peer.request()
        await peer.send(OK.replace(b"1.1", b"1.0"))
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        for _ in range(3):
            async with session.get(script.url) as response:
                assert await response.text() == "ok"
        assert script.connections == 2


async def test_a_url_is_told_as_it_was_given(answering, scripted):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        for given in (script.url, script.url[:-1], URL(script.url), URL(script.url[:-1])):
            async with session.get(given) as response:
                assert str(response.url) == str(given)


async def test_a_body_that_a_middleware_gave_is_closed_once_it_is_sent(answering, scripted):
    body = io.BytesIO(b"given later")
    closed = []

    class Given(drywire.BytesIOPayload):
        def _close(self):
            closed.append(True)

    async def give(request, send):
        await request.update_body(Given(body))
        return await send(request)

    async with (
        scripted(answering()) as script,
        drywire.ClientSession(middlewares=[give]) as session,
        session.post(script.url) as response,
    ):
        assert response.status == 200
    assert closed
