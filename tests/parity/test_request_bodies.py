"""Rows C2-04 to C2-15, C2-23 to C2-25, C2-36 and C2-47: what a request sends, and how."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import io
import json
import zlib

import pytest
from multidict import MultiDict

import drywire
from drywire import web

from ..client.conftest import OK, answering, eventually, scripted  # noqa: F401
from .mirror import asked, mirror, parts_of  # noqa: F401

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def text_file(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"line one\nline two\n")
    with path.open("rb") as file:
        yield file


async def pieces(*values):
    for value in values:
        yield value


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview], ids=lambda kind: kind.__name__)
async def test_c2_04_data_as_bytes_goes_as_it_is(mirror, kind):
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.post(url, data=kind(b"a\x00\xff")))
        assert seen.body == b"a\x00\xff"
        assert seen.headers["Content-Type"] == "application/octet-stream"
        assert seen.headers["Content-Length"] == "3"


async def test_c2_04_data_of_many_bytes_goes_without_a_warning(mirror):
    """Differs: large bytes are sent in pieces beside the wait for the response, so there is nothing to warn of."""
    body = bytes(range(256)) * 5000
    async with mirror() as url, drywire.ClientSession() as session:
        assert (await asked(session.post(url, data=body))).body == body


async def test_c2_05_data_as_str_is_text_in_utf_8(mirror):
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.post(url, data="\u00e9\u20ac"))
        assert seen.body == "\u00e9\u20ac".encode()
        assert seen.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("data", "body"),
    [
        ({"a": "1", "b c": "\u00e9&="}, b"a=1&b+c=%C3%A9%26%3D"),
        (MultiDict([("a", "1"), ("a", "2")]), b"a=1&a=2"),
        ([("b", "1"), ("a", "2"), ("b", "3")], b"b=1&a=2&b=3"),
        ({"number": 7, "real": 1.5}, b"number=7&real=1.5"),
    ],
    ids=["dict", "MultiDict", "pairs", "numbers"],
)
async def test_c2_06_data_as_a_mapping_or_pairs_is_a_form(mirror, data, body):
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.post(url, data=data))
        assert (seen.body, seen.headers["Content-Type"]) == (body, FORM)


async def test_c2_07_data_as_a_file_is_sent_with_its_size_and_closed(mirror, text_file, eventually):
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.post(url, data=text_file))
        assert seen.body == b"line one\nline two\n"
        assert seen.headers["Content-Length"] == str(len(seen.body))
        await eventually(lambda: text_file.closed)


async def test_c2_07_data_as_a_file_is_sent_from_where_it_stands(mirror, text_file):
    text_file.seek(5)
    async with mirror() as url, drywire.ClientSession() as session:
        assert (await asked(session.post(url, data=text_file))).body == b"one\nline two\n"
        assert (await asked(session.post(url, data=io.BytesIO(b"in memory")))).body == b"in memory"


async def test_c2_08_data_as_form_data_without_files_is_urlencoded(mirror):
    form = drywire.FormData({"a": "1"})
    form.add_field("b", "\u00e9")
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.post(url, data=form))
        assert (seen.body, seen.headers["Content-Type"]) == (b"a=1&b=%C3%A9", FORM)


async def test_c2_08_data_as_form_data_with_a_file_is_multipart(mirror):
    form = drywire.FormData()
    form.add_field("note", "text")
    form.add_field("file", b"\x00\x01", filename="data.bin", content_type="application/x-thing")
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.post(url, data=form))
        assert parts_of(seen) == [
            ("note", None, "text/plain", b"text"),
            ("file", "data.bin", "application/x-thing", b"\x00\x01"),
        ]


async def test_c2_09_data_as_an_async_generator_is_sent_chunk_by_chunk(scripted):
    async def talk(peer, script):
        script.heads.append(await peer.head())
        script.heads.append(await peer.chunks())
        await peer.send(OK)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.post(script.url, data=pieces(b"one", b"", b"two")) as response:
            assert await response.read() == b"ok"
    head, chunks = script.heads
    assert b"\r\nTransfer-Encoding: chunked\r\n" in head
    assert b"content-length" not in head.lower()
    assert b"".join(chunks) == b"onetwo"


async def test_c2_09_data_as_an_async_iterable_is_sent_chunk_by_chunk(mirror):
    class Numbers:
        async def __aiter__(self):
            for number in range(3):
                yield b"%d" % number

    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.post(url, data=Numbers()))
        assert (seen.body, seen.headers["Transfer-Encoding"]) == (b"012", "chunked")


async def test_c2_10_data_as_a_stream_hands_a_response_on(mirror):
    async def much(request):
        return web.Response(body=b"much" * 50_000)

    async with mirror(web.get("/much", much)) as url, drywire.ClientSession() as session:
        async with session.get(url + "/much") as response:
            seen = await asked(session.post(url, data=response.content))
            assert (seen.body, seen.headers["Transfer-Encoding"]) == (b"much" * 50_000, "chunked")


async def test_c2_11_data_as_a_plain_generator_is_refused(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        with pytest.raises(TypeError):
            await session.post(script.url, data=(piece for piece in (b"a", b"b")))
        assert not script.heads


async def test_c2_12_data_as_a_streamer_is_deprecated_and_what_it_writes(mirror):
    async def count(writer, upto):
        for number in range(upto):
            await writer.write(b"%d" % number)

    with pytest.warns(DeprecationWarning, match="streamer"):
        count = drywire.streamer(count)
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.post(url, data=count(5)))
        assert (seen.body, seen.headers["Transfer-Encoding"]) == (b"01234", "chunked")


async def test_c2_13_data_as_a_dict_with_an_open_file_is_multipart(mirror, text_file):
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.post(url, data={"file": text_file, "note": "text"}))
        assert parts_of(seen) == [
            ("file", "notes.txt", "text/plain", b"line one\nline two\n"),
            ("note", None, "text/plain", b"text"),
        ]


async def test_c2_14_files_uploads_files_beside_the_fields_of_data(mirror, text_file):
    """Differs: a document uploads by ``files=``, as requests does and aiohttp does not: it is taken here."""
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.post(url, data={"note": "text"}, files={"file": text_file}))
        assert sorted(parts_of(seen)) == [
            ("file", "notes.txt", "text/plain", b"line one\nline two\n"),
            ("note", None, "text/plain", b"text"),
        ]


async def test_c2_14_files_may_name_them_and_their_type(mirror):
    """Differs: a document uploads by ``files=``, as requests does and aiohttp does not: it is taken here."""
    async with mirror() as url, drywire.ClientSession() as session:
        files = [("a", ("one.bin", b"1")), ("a", ("two.txt", io.BytesIO(b"2"), "text/x-thing"))]
        seen = await asked(session.put(url, files=files))
        assert [(name, filename, content) for name, filename, _, content in parts_of(seen)] == [
            ("a", "one.bin", b"1"),
            ("a", "two.txt", b"2"),
        ]
        assert parts_of(seen)[1][2] == "text/x-thing"


@pytest.mark.parametrize("value", [{"a": [1, None, "\u00e9"]}, [], 0, "", False])
async def test_c2_15_json_is_serialised(mirror, value):
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.post(url, json=value))
        assert (json.loads(seen.body), seen.headers["Content-Type"]) == (value, "application/json")


async def test_c2_15_json_does_not_go_with_data(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        with pytest.raises(ValueError, match="data and json"):
            await session.post(script.url, json={}, data=b"x")
        assert not script.heads


@pytest.mark.parametrize(
    ("compress", "name", "bits"), [(True, b"deflate", 15), ("deflate", b"deflate", 15), ("gzip", b"gzip", 31)]
)
async def test_c2_23_compress_codes_the_body_and_sends_it_in_chunks(scripted, compress, name, bits):
    async def talk(peer, script):
        script.heads += await peer.request()
        await peer.send(OK)

    body = b"much of the same " * 1000
    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.post(script.url, data=body, compress=compress) as response:
            assert await response.read() == b"ok"
    head, sent = script.heads
    assert b"\r\nContent-Encoding: " + name + b"\r\n" in head
    assert b"\r\nTransfer-Encoding: chunked\r\n" in head
    assert zlib.decompress(sent, bits) == body
    assert len(sent) < len(body) // 10


async def test_c2_23_compress_does_not_go_with_a_content_encoding_header(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        with pytest.raises(ValueError, match=r"[Cc]ontent-[Ee]ncoding|[Cc]ompress"):
            await session.post(script.url, data=b"x", compress=True, headers={"Content-Encoding": "gzip"})
        assert not script.heads


async def test_c2_23_compress_means_nothing_where_there_is_no_body(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        async with session.get(script.url, compress=True):
            assert b"content-encoding" not in script.heads[0].lower()
            assert b"transfer-encoding" not in script.heads[0].lower()


async def test_c2_24_chunked_sends_a_body_of_known_size_in_chunks(mirror):
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.post(url, data=b"body", chunked=True))
        assert (seen.body, seen.headers["Transfer-Encoding"]) == (b"body", "chunked")
        assert "Content-Length" not in seen.headers


@pytest.mark.parametrize("header", ["Content-Length", "Transfer-Encoding"])
async def test_c2_24_chunked_does_not_go_with_a_header_of_framing(scripted, answering, header):
    value = {"Content-Length": "4", "Transfer-Encoding": "chunked"}[header]
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        with pytest.raises(ValueError, match="chunked"):
            await session.post(script.url, data=b"body", chunked=True, headers={header: value})
        assert not script.heads


async def test_c2_24_chunked_as_the_size_of_a_chunk_is_deprecated(mirror):
    async with mirror() as url, drywire.ClientSession() as session:
        request = session.post(url, data=b"body", chunked=1024)
        with pytest.warns(DeprecationWarning, match=r"[Cc]hunk"):
            seen = await asked(request)
        assert (seen.body, seen.headers["Transfer-Encoding"]) == (b"body", "chunked")


async def test_c2_25_expect100_holds_the_body_until_it_is_asked_for(scripted):
    async def talk(peer, script):
        head = await peer.head()
        script.heads.append(head)
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await peer.exactly(4) == b"body"
        await peer.send(OK)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.post(script.url, data=b"body", expect100=True) as response:
            assert await response.read() == b"ok"
    assert b"\r\nExpect: 100-continue\r\n" in script.heads[0]


async def test_c2_25_expect100_sends_no_body_that_is_not_wanted(scripted, eventually):
    async def talk(peer, script):
        await peer.head()
        await peer.send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 3\r\n\r\nno!")
        script.heads.append(await peer.exactly(4))

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.post(script.url, data=b"body", expect100=True) as response:
            assert (response.status, await response.read()) == (417, b"no!")
        await eventually(lambda: script.heads)
        assert script.heads == [b""]


async def test_c2_36_upload_tracker_tells_how_much_of_the_body_is_sent(mirror):
    tracker = drywire.UploadTracker()
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.post(url, data=pieces(b"a" * 300_000, b"b"), upload_tracker=tracker))
        assert len(seen.body) == 300_001
        assert (tracker.bytes_written, tracker.attempts) == (300_001, 1)
        assert tracker.upload_complete.done()


async def test_c2_47_upload_tracker_counts_the_attempts_of_one_request(mirror):
    async def moved(request):
        await request.read()
        return web.Response(status=307, headers={"Location": "/landed"})

    tracker = drywire.UploadTracker()
    assert (tracker.bytes_written, tracker.attempts, tracker.upload_complete.done()) == (0, 0, False)
    async with mirror(web.post("/moved", moved)) as url, drywire.ClientSession() as session:
        seen = await asked(session.post(url + "/moved", data=b"body", upload_tracker=tracker))
        assert (seen.target, seen.body) == ("/landed", b"body")
        assert (tracker.bytes_written, tracker.attempts) == (4, 2)
        await tracker.upload_complete


async def test_c2_47_upload_tracker_belongs_to_one_request(mirror):
    tracker = drywire.UploadTracker()
    async with mirror() as url, drywire.ClientSession() as session:
        await asked(session.post(url, data=b"body", upload_tracker=tracker))
        with pytest.raises(RuntimeError, match="UploadTracker"):
            await session.post(url, data=b"body", upload_tracker=tracker)
        assert (tracker.bytes_written, tracker.attempts) == (4, 1)


async def test_c2_47_upload_tracker_fails_where_the_body_was_never_sent_whole(scripted):
    async def talk(peer, script):
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!")
        await peer.ended()

    async def endless():
        while True:
            yield bytes(100_000)

    tracker = drywire.UploadTracker()
    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.post(script.url, data=endless(), upload_tracker=tracker) as response:
            assert response.status == 413
        with pytest.raises(drywire.UploadAbortedError):
            await tracker.upload_complete
        assert isinstance(tracker.upload_complete.exception(), drywire.UploadAbortedError)


@pytest.mark.parametrize(
    "options",
    [{"url": "http:///nowhere"}, {"compress": True, "headers": {"Content-Encoding": "gzip"}}, {"json": {}}],
    ids=["url", "compress", "json"],
)
async def test_c2_47_upload_tracker_fails_where_the_request_is_refused(options):
    tracker = drywire.UploadTracker()
    async with drywire.ClientSession() as session:
        with pytest.raises(ValueError, match=r"(?i)nowhere|encoding|json"):
            await session.post(**{"url": "http://name.invalid/", "data": b"x", "upload_tracker": tracker} | options)
    assert tracker.upload_complete.done()
    assert isinstance(tracker.upload_complete.exception(), drywire.UploadAbortedError)


async def test_c2_47_upload_tracker_fails_as_the_body_does(scripted):
    async def talk(peer, script):
        await peer.ended()

    async def broken():
        yield b"some"
        raise LookupError("no more")

    tracker = drywire.UploadTracker()
    async with scripted(talk) as script, drywire.ClientSession() as session:
        with pytest.raises((LookupError, drywire.ClientError)):
            await session.post(script.url, data=broken(), upload_tracker=tracker)
        assert tracker.upload_complete.done()
        assert tracker.upload_complete.exception() is not None
