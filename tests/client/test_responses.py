"""What a response tells, and what it does with its connection."""

import asyncio
import json

import pytest
from yarl import URL

import drywire
from drywire_transports import current_runtime


def response(body=b"", *fields, status=b"200 OK"):
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (
        status,
        b"".join(field + b"\r\n" for field in fields),
        len(body),
        body,
    )


async def test_a_response_tells_what_its_head_said(scripted, answering):
    raw = b"HTTP/1.0 299 Quite fine\r\ncontent-TYPE: Text/HTML; charset=Latin-1\r\nX-A: 1\r\nX-A: \xc3\xa9\r\n\r\nbody"

    async def talk(peer, script):
        await peer.request()
        await peer.send(raw)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.get(script.url + "p#fragment", headers={"X-B": "2"}) as answer:
            assert (answer.status, answer.reason, answer.ok, answer.method) == (299, "Quite fine", True, "GET")
            assert answer.version == (1, 0)
            assert answer.url == URL(script.url + "p")
            assert answer.real_url == URL(script.url + "p#fragment")
            assert answer.host == "127.0.0.1"
            assert answer.headers.getall("x-a") == ["1", "é"]
            assert answer.raw_headers[0] == (b"content-TYPE", b"Text/HTML; charset=Latin-1")
            assert (answer.content_type, answer.charset) == ("text/html", "latin-1")
            assert answer.content_length is None
            assert answer.history == ()
            info = answer.request_info
            assert (info.url, info.method, info.headers["X-B"]) == (answer.url, "GET", "2")
            assert info.real_url == answer.real_url
            assert await answer.read() == b"body"
            assert repr(answer) == f"<ClientResponse({script.url}p) [299 Quite fine]>"


async def test_the_content_type_has_a_default(scripted, answering):
    async with scripted(answering(response(b"x"))) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as answer:
            assert (answer.content_type, answer.charset) == ("application/octet-stream", None)
            assert answer.get_encoding() == "utf-8"


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        (b"text/plain; charset=latin-1", b"\xe9", "é"),
        (b"text/plain", "é".encode(), "é"),
        (b"text/plain; charset=no-such", "é".encode(), "é"),
    ],
)
async def test_text_is_decoded_by_the_charset_that_is_said(scripted, answering, content_type, body, text):
    async with scripted(answering(response(body, b"Content-Type: " + content_type))) as script:
        async with drywire.ClientSession() as session, session.get(script.url) as answer:
            assert await answer.text() == text
            assert await answer.text("ascii", "replace")  # the body is kept


async def test_json_is_decoded_where_the_type_says_json(scripted, answering):
    for kind in (b"application/json", b"application/problem+json; charset=utf-8"):
        async with scripted(answering(response(b'{"a": 1}', b"Content-Type: " + kind))) as script:
            async with drywire.ClientSession() as session, session.get(script.url) as answer:
                assert await answer.json() == {"a": 1}
                assert await answer.json(loads=len) == 8


async def test_json_of_another_type_needs_to_be_asked_for(scripted, answering):
    async with scripted(answering(response(b"[1]", b"Content-Type: text/html"))) as script:
        async with drywire.ClientSession() as session, session.get(script.url) as answer:
            with pytest.raises(drywire.ContentTypeError) as caught:
                await answer.json()
            assert caught.value.status == 200
            assert "text/html" in caught.value.message
            assert await answer.json(content_type=None) == [1]
            assert await answer.json(content_type="text/html") == [1]


async def test_blank_json_is_none_and_broken_json_is_an_error(scripted, answering):
    for body in (b" \r\n", b"{"):
        async with scripted(answering(response(body, b"Content-Type: application/json"))) as script:
            async with drywire.ClientSession() as session, session.get(script.url) as answer:
                if body == b"{":
                    with pytest.raises(json.JSONDecodeError):
                        await answer.json()
                else:
                    assert await answer.json() is None


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello world",
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
    ],
    ids=["length", "chunked", "until close", "after interim responses"],
)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "byte by byte"])
async def test_each_framing_is_read_however_it_arrives(scripted, raw, whole):
    async def talk(peer, script):
        await peer.request()
        for piece in [raw] if whole else [raw[at : at + 1] for at in range(len(raw))]:
            await peer.send(piece)
            if not whole:
                await current_runtime().sleep_until(current_runtime().now())

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as answer:
            assert (answer.status, await answer.read()) == (200, b"hello world")
            assert answer.closed
            assert answer.connection is None


async def test_a_body_can_be_read_piece_by_piece(scripted, answering):
    body = b"first line\nsecond line\nthe last"
    async with scripted(answering(response(body))) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as answer:
            assert await answer.content.readline() == b"first line\n"
            assert await answer.content.readexactly(6) == b"second"
            assert await answer.read() == b" line\nthe last"
            assert answer.content.at_eof()
        async with session.get(script.url) as answer:
            assert [len(piece) async for piece in answer.content.iter_chunked(10)] == [10, 10, 10, 1]
        async with session.get(script.url) as answer:
            assert [line async for line in answer.content] == body.splitlines(keepends=True)
        async with session.get(script.url) as answer:
            with pytest.raises(asyncio.IncompleteReadError):
                await answer.content.readexactly(100)


async def test_iter_chunks_keeps_the_borders_of_chunks(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await peer.send(b"3\r\ntwo\r\n0\r\n\r\n")

    async with scripted(talk) as script, drywire.ClientSession() as session, session.get(script.url) as answer:
        got, chunk = [], b""
        async for data, ends in answer.content.iter_chunks():
            chunk += data
            if ends:
                got.append(chunk)
                chunk = b""
        assert got == [b"one", b"two"]


async def test_a_response_in_use_cannot_be_read_by_two(scripted, eventually):
    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        await peer.head()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as answer:
            runtime = current_runtime()
            first = runtime.spawn(answer.content.read)
            await runtime.sleep_until(runtime.now() + 0.02)
            with pytest.raises(RuntimeError):
                await answer.content.read()
            assert not first.done
            first.cancel()
            assert await first.wait(runtime.now() + 5)
            assert answer.content.exception() is None  # the second reader's mistake does not spoil the body


@pytest.mark.parametrize("status", [400, 404, 500])
async def test_raise_for_status_raises_what_was_answered(scripted, answering, status):
    raw = response(b"no", b"X-A: 1", status=b"%d Oh no" % status)
    async with scripted(answering(raw)) as script, drywire.ClientSession() as session:
        answer = await session.get(script.url)
        with pytest.raises(drywire.ClientResponseError) as caught:
            answer.raise_for_status()
        assert answer.closed
        assert (caught.value.status, caught.value.message) == (status, "Oh no")
        assert caught.value.headers["X-A"] == "1"
        assert str(caught.value) == f"{status}, message='Oh no', url='{script.url}'"
        with pytest.raises(drywire.ClientResponseError):
            await session.get(script.url, raise_for_status=True)
        async with session.get(script.url, raise_for_status=False) as answer:
            assert not answer.ok
    async with scripted(answering(raw)) as script, drywire.ClientSession(raise_for_status=True) as session:
        with pytest.raises(drywire.ClientResponseError):
            await session.get(script.url)
        async with session.get(script.url, raise_for_status=False) as answer:
            assert answer.status == status


async def test_inside_async_with_a_refusal_can_still_be_read(scripted, eventually):
    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 400 Bad\r\nContent-Length: 6\r\n\r\nbec")
        await eventually(lambda: script.heads)
        await peer.send(b"ause")

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as answer:
            with pytest.raises(drywire.ClientResponseError):
                answer.raise_for_status()
            script.heads.append(b"go on")
            assert await answer.content.readexactly(6) == b"becaus"


async def test_raise_for_status_takes_a_function(scripted, answering):
    seen = []

    async def check(answer):
        seen.append(answer.status)
        raise LookupError("as checked")

    async with scripted(answering()) as script, drywire.ClientSession(raise_for_status=check) as session:
        with pytest.raises(LookupError, match="as checked"):
            await session.get(script.url)
        async with session.get(script.url, raise_for_status=False):
            assert seen == [200]


async def test_release_may_be_awaited_and_repeated(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        answer = await session.get(script.url)
        await answer.release()
        answer.release()
        answer.close()
        assert answer.closed


async def test_what_was_not_read_of_a_closed_response_cannot_be_read(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as answer:
            pass
        assert answer.closed
        for read in (answer.read, answer.text, answer.json):
            with pytest.raises(drywire.ClientConnectionError, match="closed"):
                await read()


async def test_head_has_a_length_and_no_body(scripted, answering):
    async with scripted(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")) as script:
        async with drywire.ClientSession() as session:
            for _ in range(2):
                async with session.head(script.url) as answer:
                    assert (answer.content_length, await answer.read()) == (99, b"")
            assert script.connections == 1


async def test_a_broken_server_can_be_read_by_the_name_of_its_quirk(scripted, answering):
    raw = b"HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 2\r\n\r\nok"
    async with scripted(answering(raw)) as script:
        async with drywire.ClientSession() as session:
            with pytest.raises(drywire.ClientResponseError, match="white space before the colon"):
                await session.get(script.url)
        connector = drywire.TCPConnector(quirks=[drywire.Quirk.SPACE_BEFORE_COLON])
        async with drywire.ClientSession(connector=connector) as session, session.get(script.url) as answer:
            assert answer.headers["X-A"] == "1"
            assert await answer.text() == "ok"


async def test_the_limits_on_responses_can_be_raised(scripted, answering):
    raw = b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 9000 + b"\r\nContent-Length: 2\r\n\r\nok"
    async with scripted(answering(raw)) as script:
        async with drywire.ClientSession() as session:
            with pytest.raises(drywire.ClientResponseError, match=r"Limits\.field_line"):
                await session.get(script.url)
        connector = drywire.TCPConnector(limits=drywire.Limits(field_line=10_000))
        async with drywire.ClientSession(connector=connector) as session, session.get(script.url) as answer:
            assert len(answer.headers["X-A"]) == 9000
