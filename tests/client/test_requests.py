"""What a request looks like on the wire."""

import sys

import pytest
from multidict import CIMultiDict

import drywire
from drywire_sansio import __version__

USER_AGENT = f"Python/{sys.version_info[0]}.{sys.version_info[1]} drywire/{__version__}".encode()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def sent(scripted):
    """``await sent(method, path, **options)``: the request that comes of it, as (head, body)."""

    async def send(method, path="", session=None, **options):
        seen = []

        async def talk(peer, script):
            seen.append(await peer.request())
            await peer.send(OK)
            await peer.ended()

        async with scripted(talk) as script, drywire.ClientSession(**(session or {})) as client:
            async with client.request(method, script.url + path, **options) as response:
                assert (response.status, await response.read()) == (200, b"ok")
        assert len(seen) == 1
        return seen[0][0].replace(b"127.0.0.1:%d" % script.port, b"HOST"), seen[0][1]

    return send


def fields(head):
    lines = head.split(b"\r\n")[1:-2]
    return {name.lower(): value for name, value in (line.split(b": ", 1) for line in lines)}


async def test_the_plainest_request_has_four_fields(sent):
    head, body = await sent("GET", "a/b?c=1#not-sent")
    assert head == b"GET /a/b?c=1 HTTP/1.1\r\nHost: HOST\r\nAccept: */*\r\n%b\r\nUser-Agent: %b\r\n\r\n" % (
        b"Accept-Encoding: gzip, deflate, br, zstd",
        USER_AGENT,
    )
    assert body == b""


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "DELETE"])
async def test_a_request_that_needs_no_body_says_no_length(sent, method):
    head, _ = await sent(method)
    assert head.startswith(method.encode() + b" / HTTP/1.1\r\n")
    assert not {b"content-length", b"transfer-encoding", b"content-type"} & fields(head).keys()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_a_request_that_could_have_a_body_says_that_it_has_none(sent, method):
    head, _ = await sent(method)
    assert fields(head)[b"content-length"] == b"0"


async def test_the_method_is_sent_in_capitals(sent):
    head, _ = await sent("get")
    assert head.startswith(b"GET / ")


@pytest.mark.parametrize(
    ("data", "body", "content_type"),
    [
        (b"bytes", b"bytes", b"application/octet-stream"),
        (bytearray(b"array"), b"array", b"application/octet-stream"),
        (memoryview(b"a view")[2:], b"view", b"application/octet-stream"),
        ("tëxt", "tëxt".encode(), b"text/plain; charset=utf-8"),
        ({"a": "1 2", "b": "ü"}, b"a=1+2&b=%C3%BC", b"application/x-www-form-urlencoded"),
        ([("a", "1"), ("a", "2")], b"a=1&a=2", b"application/x-www-form-urlencoded"),
    ],
    ids=["bytes", "bytearray", "memoryview", "str", "mapping", "pairs"],
)
async def test_data_in_memory_goes_out_with_its_length_and_type(sent, data, body, content_type):
    head, received = await sent("POST", data=data)
    assert received == body
    assert fields(head)[b"content-length"] == b"%d" % len(body)
    assert fields(head)[b"content-type"] == content_type


async def test_json_goes_out_as_the_session_writes_it(sent):
    head, body = await sent("POST", json={"a": "é"})
    assert (body, fields(head)[b"content-type"]) == (b'{"a": "\\u00e9"}', b"application/json")
    _, body = await sent("POST", session={"json_serialize": lambda value: f"<{value}>"}, json=1)
    assert body == b"<1>"


async def pieces(*values):
    for value in values:
        yield value


async def test_an_async_body_is_chunked(sent):
    head, body = await sent("POST", data=pieces(b"one", "twö", bytearray(b"3"), b"", memoryview(b"four")))
    assert body == b"one" + "twö".encode() + b"3four"
    assert fields(head)[b"transfer-encoding"] == b"chunked"
    assert b"content-length" not in fields(head)


async def test_an_async_body_whose_length_is_given_is_not_chunked(sent):
    head, body = await sent("POST", data=pieces(b"one", b"two"), headers={"Content-Length": "6"})
    assert body == b"onetwo"
    assert fields(head)[b"content-length"] == b"6"
    assert b"transfer-encoding" not in fields(head)


async def test_chunked_makes_any_body_chunked(sent):
    head, body = await sent("POST", data=b"whole", chunked=True)
    assert (body, fields(head)[b"transfer-encoding"]) == (b"whole", b"chunked")
    assert b"content-length" not in fields(head)


async def test_chunked_cannot_go_with_a_length(sent):
    async with drywire.ClientSession() as session:
        for name in ("Content-Length", "Transfer-Encoding"):
            with pytest.raises(ValueError, match="chunked"):
                await session.post("http://127.0.0.1/", data=b"x", chunked=True, headers={name: "1"})


@pytest.mark.parametrize(
    ("params", "target"),
    [
        ({"a": "1 2", "b": 3}, b"/p?x=0&a=1+2&b=3"),
        ([("a", "1"), ("a", "2")], b"/p?x=0&a=1&a=2"),
        ("a=b+c", b"/p?x=0&a=b+c"),
        (None, b"/p?x=0"),
    ],
    ids=["mapping", "pairs", "str", "none"],
)
async def test_params_are_added_to_the_query(sent, params, target):
    head, _ = await sent("GET", "p?x=0", params=params)
    assert head.split(b" ")[1] == target


async def test_headers_of_the_call_replace_those_of_the_session(sent):
    head, _ = await sent(
        "GET",
        session={"headers": {"X-One": "session", "X-Two": "session"}},
        headers=[("x-one", "a"), ("X-ONE", "b"), ("Accept", "text/html")],
    )
    names = [line.split(b":")[0] for line in head.split(b"\r\n")[1:-2]]
    assert names == [b"Host", b"X-Two", b"x-one", b"X-ONE", b"Accept", b"Accept-Encoding", b"User-Agent"]
    assert b"X-Two: session\r\nx-one: a\r\nX-ONE: b\r\nAccept: text/html\r\n" in head


async def test_automatic_headers_can_be_left_out_but_not_host_and_length(sent):
    head, _ = await sent(
        "POST",
        session={"skip_auto_headers": ["user-agent", "Host"]},
        data=b"x",
        skip_auto_headers=["Accept", "accept-encoding", "CONTENT-TYPE", "Content-Length"],
    )
    assert fields(head) == {b"host": b"HOST", b"content-length": b"1"}


async def test_a_host_header_of_the_call_is_the_only_one(sent):
    head, _ = await sent("GET", headers=CIMultiDict(host="example.com"))
    assert head.lower().count(b"host:") == 1
    assert fields(head)[b"host"] == b"example.com"


@pytest.mark.parametrize("value", ["a\r\nInjected: 1", "a\nb", "a\0b", "a\x7fb"])
async def test_a_header_value_with_control_characters_is_refused(scripted, answering, value):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        with pytest.raises(ValueError, match="X-A"):
            await session.get(script.url, headers={"X-A": value})
        assert script.connections == 0


@pytest.mark.parametrize("method", ["GE T", "GET\r\nX: 1", "", "GÉT"])
async def test_a_method_that_is_no_token_is_refused(scripted, answering, method):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        with pytest.raises(ValueError, match="method"):
            await session.request(method, script.url)
        assert script.connections == 0
        assert "0 in use" in repr(session.connector)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"data": b"x", "json": 1}, ValueError),
        ({"data": 5}, TypeError),
        ({"data": object()}, TypeError),
        ({"headers": {"X-A": 1}}, TypeError),
        ({"file": {}}, TypeError),
        ({"data": b"x", "files": {}}, TypeError),
        ({"ssl": "yes"}, TypeError),
        ({"timeout": "5"}, ValueError),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value.__name__,
)
async def test_an_option_that_is_not_valid_is_refused_before_anything_is_sent(scripted, answering, options, error):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        with pytest.raises(error):
            await session.post(script.url, **options)
        assert script.connections == 0


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("/relative", drywire.InvalidUrlClientError),
        ("http:///no-host", drywire.InvalidUrlClientError),
        ("http://host:port/", drywire.InvalidUrlClientError),
        ("ftp://example.com/", drywire.NonHttpUrlClientError),
        (b"http://example.com/", TypeError),
    ],
)
async def test_a_url_that_cannot_be_requested_is_refused(url, error):
    async with drywire.ClientSession() as session:
        with pytest.raises(error):
            await session.get(url)
