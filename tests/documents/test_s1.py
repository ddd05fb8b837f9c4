"""The examples of seed-001, the client documentation of aiohttp 1.x, whose indentation is lost and restored here."""

import asyncio
import hashlib
import socket
import zlib

import pytest
from yarl import URL

import drywire

from ..client.forwarding import basic, logins, targets
from .internet import EVENTS
from .playing import ON_ASYNCIO, run_or_left_out

LEFT_OUT: dict[str, str] = {}


def test_each_example_is_run_or_left_out():
    run_or_left_out(LEFT_OUT, "S1", 45)


@pytest.fixture
async def events(session, internet):
    """The response that the document goes on with, GitHub's time-line."""
    async with session.get(internet.url + "/events") as resp:
        yield resp


# Make a request


async def test_s1_01_get_timeline(play):
    played = await play(
        """
        import drywire as aiohttp

        async with aiohttp.ClientSession() as session:
            async with session.get('https://api.github.com/events') as resp:
                print(resp.status)
                print(await resp.text())
        """
    )
    assert played.said == f"200\n{EVENTS}\n"


async def test_s1_02_other_methods(play, internet, session):
    # Slip: the document does not await them.
    await play(
        """
        await session.post('http://httpbin.org/post', data=b'data')

        await session.put('http://httpbin.org/put', data=b'data')
        await session.delete('http://httpbin.org/delete')
        await session.head('http://httpbin.org/get')
        await session.options('http://httpbin.org/get')
        await session.patch('http://httpbin.org/patch', data=b'data')
        """,
        session=session,
    )
    assert [(seen.method, seen.target, seen.body) for seen in internet.seen] == [
        ("POST", "/post", b"data"),
        ("PUT", "/put", b"data"),
        ("DELETE", "/delete", b""),
        ("HEAD", "/get", b""),
        ("OPTIONS", "/get", b""),
        ("PATCH", "/patch", b"data"),
    ]


async def test_s1_02_a_method_that_is_not_awaited_says_so(play, internet, session):
    with pytest.warns(RuntimeWarning, match="never awaited"):
        await play("session.delete('http://httpbin.org/delete')", session=session)
    assert internet.seen == []


# Parameters in URLs


async def test_s1_03_params_dict(play, session):
    # Slips: a URL is never equal to a text, and the order is that of the dict.
    await play(
        """
        params = {'key1': 'value1', 'key2': 'value2'}
        async with session.get('http://httpbin.org/get',
                               params=params) as resp:
            assert str(resp.url) == 'http://httpbin.org/get?key1=value1&key2=value2'
        """,
        session=session,
    )


async def test_s1_04_params_pairs(play, internet, session):
    # Slips: a URL is never equal to a text, and the order is that of the list.
    played = await play(
        """
        params = [('key', 'value1'), ('key', 'value2')]
        async with session.get('http://httpbin.org/get',
                               params=params) as r:
            assert str(r.url) == 'http://httpbin.org/get?key=value1&key=value2'
        """,
        session=session,
    )
    assert played["r"].url == URL(internet.url + "/get?key=value1&key=value2")


async def test_s1_05_params_text(play, internet, session):
    # Slip: a URL is never equal to a text.
    await play(
        """
        async with session.get('http://httpbin.org/get',
                               params='key=value+1') as r:
            assert str(r.url) == 'http://httpbin.org/get?key=value+1'
        """,
        session=session,
    )
    assert internet.last.target == "/get?key=value+1"


# The response's content


async def test_s1_06_text(play, session):
    played = await play(
        """
        async with session.get('https://api.github.com/events') as resp:
            print(await resp.text())
        """,
        session=session,
    )
    assert played.said.startswith('[{"created_at":"2015-06-12T14:06:22Z","public":true,"actor":{')


async def test_s1_06_text_in_an_encoding(play, session):
    async with session.get(play.url + "/windows-1251") as resp:
        played = await play("text = await resp.text(encoding='windows-1251')", resp=resp)
    assert played["text"] == "Привет, мир"


async def test_s1_07_read(play, events):
    played = await play("print(await resp.read())", resp=events)
    assert played.said == f"{EVENTS.encode()!r}\n"


async def test_s1_07_gzip_is_decoded(play, session):
    async with session.get(play.url + "/gzip") as resp:
        played = await play("print(await resp.read())", resp=resp)
    assert '"gzipped": true' in played.said


async def test_s1_08_json(play, session):
    played = await play(
        """
        async with session.get('https://api.github.com/events') as resp:
            print(await resp.json())
        """,
        session=session,
    )
    actor = {"login": "octocat"}
    assert played.said == f"{[{'created_at': '2015-06-12T14:06:22Z', 'public': True, 'actor': actor}]}\n"


async def test_s1_09_content_read(play, session):
    played = await play(
        """
        async with session.get('https://api.github.com/events') as resp:
            first = await resp.content.read(10)
        """,
        session=session,
    )
    assert played["first"] == EVENTS[:10].encode()


async def test_s1_10_download_to_a_file(play, events, tmp_path):
    await play(
        """
        with open(filename, 'wb') as fd:
            while True:
                chunk = await resp.content.read(chunk_size)
                if not chunk:
                    break
                fd.write(chunk)
        """,
        resp=events,
        filename="events.json",
        chunk_size=10,
    )
    assert (tmp_path / "events.json").read_text() == EVENTS


async def test_s1_11_release_by_async_with(play, session):
    played = await play(
        """
        async with session.get(url) as resp:
            pass
        """,
        session=session,
        url=play.url + "/get",
    )
    assert played["resp"].closed
    assert played["resp"].connection is None


async def test_s1_11_release_by_hand(play, session):
    resp = await session.get(play.url + "/image/png")
    await play("await resp.release()", resp=resp)
    assert resp.closed
    assert resp.connection is None


# What is sent


async def test_s1_12_headers(play, internet, session):
    await play(
        """
        import json
        url = 'https://api.github.com/some/endpoint'
        payload = {'some': 'data'}
        headers = {'content-type': 'application/json'}

        await session.post(url,
                           data=json.dumps(payload),
                           headers=headers)
        """,
        session=session,
    )
    assert internet.last.headers.getall("Content-Type") == ["application/json"]
    assert internet.last.json == {"some": "data"}


async def test_s1_13_cookies(play):
    await play(
        """
        url = 'http://httpbin.org/cookies'
        cookies = {'cookies_are': 'working'}
        async with ClientSession(cookies=cookies) as session:
            async with session.get(url) as resp:
                assert await resp.json() == {
                    "cookies": {"cookies_are": "working"}}
        """,
        ClientSession=drywire.ClientSession,
    )


async def test_s1_14_form(play, internet, session):
    played = await play(
        """
        payload = {'key1': 'value1', 'key2': 'value2'}
        async with session.post('http://httpbin.org/post',
                                data=payload) as resp:
            print(await resp.text())
        """,
        session=session,
    )
    assert '"form": {"key1": "value1", "key2": "value2"}' in played.said
    assert internet.last.headers["Content-Type"] == "application/x-www-form-urlencoded"


async def test_s1_15_json_text(play, internet, session):
    await play(
        """
        import json
        url = 'https://api.github.com/some/endpoint'
        payload = {'some': 'data'}

        async with session.post(url, data=json.dumps(payload)) as resp:
            ...
        """,
        session=session,
    )
    assert internet.last.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert internet.last.body == b'{"some": "data"}'


async def test_s1_16_multipart_file(play, internet, session, tmp_path):
    (tmp_path / "report.xls").write_bytes(b"\xd0\xcf rows")
    await play(
        """
        url = 'http://httpbin.org/post'
        files = {'file': open('report.xls', 'rb')}

        await session.post(url, data=files)
        """,
        session=session,
    )
    assert internet.last.parts == [("file", "report.xls", "application/vnd.ms-excel", b"\xd0\xcf rows")]


async def test_s1_17_form_data(play, internet, session, tmp_path):
    (tmp_path / "report.xls").write_bytes(b"\xd0\xcf rows")
    await play(
        """
        url = 'http://httpbin.org/post'
        data = FormData()
        data.add_field('file',
                       open('report.xls', 'rb'),
                       filename='report.xls',
                       content_type='application/vnd.ms-excel')

        await session.post(url, data=data)
        """,
        session=session,
        FormData=drywire.FormData,
    )
    assert internet.last.parts == [("file", "report.xls", "application/vnd.ms-excel", b"\xd0\xcf rows")]


async def test_s1_18_streaming_upload(play, internet, session, tmp_path):
    body = bytes(range(256)) * 4096
    (tmp_path / "massive-body").write_bytes(body)
    await play(
        """
        with open('massive-body', 'rb') as f:
            await session.post('http://some.url/streamed', data=f)
        """,
        session=session,
    )
    assert internet.last.body == body


async def test_s1_19_coroutine_that_yields(play, internet, session):
    # Slips: Python has no asyncio.coroutine any more, so that what yields chunks is an async generator, which reads by
    # await; and without a loop it yields the first chunk only.
    chunks = [b"one", b"two", b""]

    async def read_some_data_from_somewhere():
        return chunks.pop(0)

    await play(
        """
        async def my_coroutine():
            while True:
                chunk = await read_some_data_from_somewhere()
                if not chunk:
                    return
                yield chunk

        await session.post('http://httpbin.org/post', data=my_coroutine())
        """,
        session=session,
        read_some_data_from_somewhere=read_some_data_from_somewhere,
    )
    assert internet.last.headers["Transfer-Encoding"] == "chunked"
    assert internet.last.body == b"onetwo"


@pytest.mark.parametrize("anyio_backend", ON_ASYNCIO)
async def test_s1_20_feed_stream(play, internet, session):
    # Slips: the first request is not awaited, and nothing ends the stream, so that the second one would never end.
    before = asyncio.all_tasks()
    played = await play(
        """
        async def feed_stream(resp, stream):
            h = hashlib.sha256()

            while True:
                chunk = await resp.content.readany()
                if not chunk:
                    break
                h.update(chunk)
                stream.feed_data(chunk)

            stream.feed_eof()
            return h.hexdigest()

        resp = await session.get('http://httpbin.org/post')
        stream = StreamReader()
        loop.create_task(session.post('http://httpbin.org/post', data=stream))

        file_hash = await feed_stream(resp, stream)
        """,
        session=session,
        StreamReader=drywire.StreamReader,
        hashlib=hashlib,
        loop=asyncio.get_running_loop(),
    )
    await asyncio.gather(*asyncio.all_tasks() - before)
    assert [seen.method for seen in internet.seen] == ["GET", "POST"]
    assert hashlib.sha256(internet.last.body).hexdigest() == played["file_hash"]
    assert internet.last.json["origin"] == "127.0.0.1"


async def test_s1_21_chain_get_and_post(play, internet, session):
    await play(
        """
        r = await session.get('http://python.org')
        await session.post('http://httpbin.org/post',
                           data=r.content)
        """,
        session=session,
    )
    assert internet.last.target == "/post"
    assert internet.last.body == b"<h1>/</h1>"


async def test_s1_22_compressed_upload(play, wire, session):
    async with wire() as taken:
        played = await play(
            """
            async def my_coroutine(session, headers, my_data):
                data = zlib.compress(my_data)
                headers = {'Content-Encoding': 'deflate'}
                async with session.post('http://httpbin.org/post',
                                        data=data,
                                        headers=headers,
                                        compress=False):
                    pass
            """,
            zlib=zlib,
            at=taken.url,
        )
        await played["my_coroutine"](session, {}, b"my data" * 100)
    assert b"\r\nContent-Encoding: deflate\r\n" in taken.head
    assert zlib.decompress(taken.body) == b"my data" * 100


# Sessions


async def test_s1_23_cookies_are_shared(play):
    await play(
        """
        async with aiohttp.ClientSession() as session:
            await session.get(
                'http://httpbin.org/cookies/set?my_cookie=my_value')
            filtered = session.cookie_jar.filter_cookies('http://httpbin.org')
            assert filtered['my_cookie'].value == 'my_value'
            async with session.get('http://httpbin.org/cookies') as r:
                json_body = await r.json()
                assert json_body['cookies']['my_cookie'] == 'my_value'
        """,
        deprecated="filter_cookies",
    )


async def test_s1_24_headers_of_a_session(play):
    await play(
        """
        async with aiohttp.ClientSession(
            headers={"Authorization": "Basic bG9naW46cGFzcw=="}) as session:
            async with session.get("http://httpbin.org/headers") as r:
                json_body = await r.json()
                assert json_body['headers']['Authorization'] == \\
                    'Basic bG9naW46cGFzcw=='
        """
    )


def test_s1_25_unsafe_cookie_jar(script_anywhere, internet):
    played = script_anywhere(
        """
        jar = aiohttp.CookieJar(unsafe=True)
        session = aiohttp.ClientSession(cookie_jar=jar)
        """
    )

    async def visit():
        async with played["session"] as session:
            url = URL(internet.url).with_host("127.0.0.1")
            await session.get(url / "cookies/set" % {"my_cookie": "my_value"})
            async with session.get(url / "cookies") as r:
                assert await r.json() == {"cookies": {"my_cookie": "my_value"}}

    script_anywhere.run(visit)
    assert [cookie["domain"] for cookie in played["jar"]] == ["127.0.0.1"]


def test_s1_26_connector_of_a_session(script_anywhere, internet):
    played = script_anywhere(
        """
        conn = aiohttp.TCPConnector()
        session = aiohttp.ClientSession(connector=conn)
        """
    )

    async def visit():
        async with played["session"] as session:
            assert session.connector is played["conn"]
            async with session.get(internet.url + "/get") as resp:
                assert resp.status == 200

    script_anywhere.run(visit)
    assert played["conn"].closed


async def test_s1_27_limit_of_a_connector(play):
    # The document means connections to one endpoint, which is limit_per_host since aiohttp 2.
    for limit, read in (("30", 30), ("None", 0)):
        played = await play("conn = aiohttp.TCPConnector(limit=30)", shortened=[("30", limit)])
        assert played["conn"].limit == read


async def test_s1_28_nameservers(play, internet, dns_server):
    dns_server.add("known.example", "A 127.0.0.1")
    played = await play(
        """
        from drywire.resolver import AsyncResolver

        resolver = AsyncResolver(nameservers=["8.8.8.8", "8.8.4.4"])
        conn = aiohttp.TCPConnector(resolver=resolver)
        """,
        shortened=[('"8.8.8.8", "8.8.4.4"', f'"{dns_server.address}"')],
    )
    async with drywire.ClientSession(connector=played["conn"]) as session:
        async with session.get(URL(internet.url).with_host("known.example") / "get") as resp:
            assert resp.status == 200
    assert dns_server.asked("known.example") == 1


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")
async def test_s1_33_unix_domain_sockets(play, tmp_path):
    path = str(tmp_path / "socket")
    played = await play(
        """
        conn = aiohttp.UnixConnector(path='/path/to/socket')
        session = aiohttp.ClientSession(connector=conn)
        """,
        shortened=[("/path/to/socket", path)],
    )
    runner = drywire.web.AppRunner(drywire.web.Application())
    await runner.setup()
    try:
        await drywire.web.UnixSite(runner, path).start()
        connector = drywire.UnixConnector(path=played["conn"].path)
        async with drywire.ClientSession(connector=connector) as session:
            async with session.get("http://localhost/nothing") as resp:
                assert resp.status == 404
    finally:
        await runner.cleanup()


# Proxies


async def test_s1_34_proxy(play, internet, proxy):
    played = await play(
        """
        async with aiohttp.ClientSession() as session:
            async with session.get("http://python.org",
                                   proxy="http://some.proxy.com") as resp:
                print(resp.status)
        """,
        shortened=[("some.proxy.com", proxy.address)],
    )
    assert played.said == "200\n"
    assert targets(proxy) == [f"{internet.url}/".encode()]
    assert internet.last.target == "/"


async def test_s1_35_proxy_auth(play, internet, proxy):
    played = await play(
        """
        async with aiohttp.ClientSession() as session:
            proxy_auth = aiohttp.BasicAuth('user', 'pass')
            async with session.get("http://python.org",
                                   proxy="http://some.proxy.com",
                                   proxy_auth=proxy_auth) as resp:
                print(resp.status)
        """,
        shortened=[("some.proxy.com", proxy.address)],
    )
    assert played.said == "200\n"
    assert logins(proxy) == [basic("user:pass")]
    assert "Proxy-Authorization" not in internet.last.headers


async def test_s1_36_login_in_the_url_of_a_proxy(play, internet, proxy, session):
    # Slip: the document does not await it.
    await play(
        """
        await session.get("http://python.org",
                          proxy="http://user:pass@some.proxy.com")
        """,
        session=session,
        shortened=[("some.proxy.com", proxy.address)],
    )
    assert logins(proxy) == [basic("user:pass")]
    assert "Proxy-Authorization" not in internet.last.headers
