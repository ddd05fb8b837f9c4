"""The examples of seed-004, a Chinese rendering of the documents of aiohttp 2.x."""
# ruff: noqa: RUF001 - the examples keep the punctuation of their language

import asyncio
import hashlib
import zlib

import pytest

import drywire

from .internet import EVENTS
from .playing import ON_ASYNCIO, run_or_left_out

LEFT_OUT = {
    "S4-04": "the language, not aiohttp: async def beside yield from",
    "S4-39": "commands of a shell",
    "S4-43": "SQLAlchemy, not aiohttp, and misspelt; examples/polls has these tables",
}


def test_each_example_is_run_or_left_out():
    run_or_left_out(LEFT_OUT, "S4", 50)


# Requests


def test_s4_02_client(script, internet):
    # Slip: the document does not import aiohttp.
    played = script(
        """
        import asyncio
        import async_timeout
        import drywire as aiohttp

        async def fetch(session, url):
            with async_timeout.timeout(10):
                async with session.get(url) as response:
                    #返回 访问到的页面
                    return await response.text()

        async def main():
            #使用ClientSession创建一个连接对象session
            async with aiohttp.ClientSession() as session:
                #将连接对象和网址传入
                # html = await fetch(session, 'http://python.org')  #访问python官网
                html = await fetch(session, 'http://127.0.0.1:8080/')  #访问python官网
                # 答应拿到的html页面
                print(html)

        loop = asyncio.get_event_loop()
        loop.run_until_complete(main())
        loop.run_until_complete(main())
        """
    )
    assert played.said == "<h1>/</h1>\n" * 2
    assert len(internet.seen) == 2


def test_s4_05_client_request(script):
    played = script(
        """
        import drywire as aiohttp
        import asyncio
        import async_timeout

        async def fetch(session,url):
            with async_timeout.timeout(10):
                async with session.get(url) as resp:
                    return await resp.text()

        async def main():
            async with aiohttp.ClientSession() as session:
                html = await fetch(session,'https://api.github.com/events')
                print(html)


        loop = asyncio.get_event_loop()
        loop.run_until_complete(main())
        loop.run_until_complete(main())
        """
    )
    assert played.said == f"{EVENTS}\n" * 2


async def test_s4_06_methods(play, internet, session):
    # Slip: the document does not await them.
    await play(
        """
        await session.post('http://httpbin.org/post', data=b'data') #将代码修改为

        await session.put('http://httpbin.org/put', data=b'data')
        await session.delete('http://httpbin.org/delete')
        await session.head('http://httpbin.org/get')
        await session.options('http://httpbin.org/get')
        await session.patch('http://httpbin.org/patch', data=b'data')
        """,
        session=session,
    )
    assert [(seen.method, seen.body) for seen in internet.seen] == [
        ("POST", b"data"),
        ("PUT", b"data"),
        ("DELETE", b""),
        ("HEAD", b""),
        ("OPTIONS", b""),
        ("PATCH", b"data"),
    ]


async def test_s4_07_json(play, internet):
    # Slips: the document gives no URL, and the block has no body.
    await play(
        """
        async with aiohttp.ClientSession() as session:
            async with session.post('http://httpbin.org/post', json={'test': 'object'}):
                pass
        """
    )
    assert internet.last.json == {"test": "object"}
    assert internet.last.headers["Content-Type"] == "application/json"


async def test_s4_08_params_dict(play, session):
    # Slip: the order is that of the dict.
    await play(
        """
        params = {'key1': 'value1', 'key2': 'value2'}
        async with session.get('http://httpbin.org/get',
                               params=params) as resp:
            assert str(resp.url) == 'http://httpbin.org/get?key1=value1&key2=value2'
        """,
        session=session,
    )


async def test_s4_09_params_pairs(play, internet, session):
    # Slip: the order is that of the list.
    await play(
        """
        params = [('key', 'value1'), ('key', 'value2')]
        async with session.get('http://httpbin.org/get',
                               params=params) as r:
            assert str(r.url) == 'http://httpbin.org/get?key=value1&key=value2'
        """,
        session=session,
    )
    assert internet.last.target == "/get?key=value1&key=value2"


# The response's content


def test_s4_10_text(script):
    played = script(
        """
        import drywire as aiohttp
        import asyncio
        async def main():
            async with aiohttp.ClientSession() as session:
                async with session.get('https://api.github.com/events') as resp:
                   print(await resp.text())


        loop = asyncio.get_event_loop()
        loop.run_until_complete(main())
        loop.run_until_complete(main())
        """
    )
    assert played.said == f"{EVENTS}\n" * 2


async def test_s4_11_text_in_an_encoding(play, session):
    async with session.get(play.url + "/windows-1251") as resp:
        played = await play("text = await resp.text(encoding='windows-1251')", resp=resp)
    assert played["text"] == "Привет, мир"


async def test_s4_11_read(play, session):
    async with session.get(play.url + "/events") as resp:
        played = await play("print(await resp.read())", resp=resp)
    assert played.said == f"{EVENTS.encode()!r}\n"


async def test_s4_11_json(play, session):
    played = await play(
        """
        async with session.get('https://api.github.com/events') as resp:
            print(await resp.json())  #直接给你反序列化
        """,
        session=session,
    )
    assert eval(played.said)[0]["created_at"] == "2015-06-12T14:06:22Z"


async def test_s4_12_content_read(play, session):
    played = await play(
        """
        async with session.get('https://api.github.com/events') as resp:
            first = await resp.content.read(10)
        """,
        session=session,
    )
    assert played["first"] == EVENTS[:10].encode()


async def test_s4_12_download_to_a_file(play, session, tmp_path):
    async with session.get(play.url + "/events") as resp:
        await play(
            """
            with open(filename, 'wb') as fd:
                while True:
                    chunk = await resp.content.read(chunk_size)
                    if not chunk:
                        break
                    fd.write(chunk)
            """,
            resp=resp,
            filename="events.json",
            chunk_size=10,
        )
    assert (tmp_path / "events.json").read_text() == EVENTS


# What is sent


async def test_s4_13_headers(play, internet, session):
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


async def test_s4_14_cookies(play):
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


async def test_s4_15_form(play, internet, session):
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


async def test_s4_15_json_text(play, internet, session):
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


async def test_s4_16_multipart_file(play, internet, session, tmp_path):
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


async def test_s4_16_form_data(play, internet, session, tmp_path):
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


async def test_s4_17_streaming_upload(play, internet, session, tmp_path):
    body = bytes(range(256)) * 4096
    (tmp_path / "massive-body").write_bytes(body)
    await play(
        """
        with open('massive-body', 'rb') as f:
           await session.post('http://httpbin.org/post', data=f)
        """,
        session=session,
    )
    assert internet.last.body == body


async def test_s4_18_streamer(play, internet, session, tmp_path):
    body = bytes(range(256)) * 1024
    (tmp_path / "huge_file").write_bytes(body)
    await play(
        """
        @aiohttp.streamer
        def file_sender(writer, file_name=None):
            with open(file_name, 'rb') as f:
                chunk = f.read(2**16)
                while chunk:
                    yield from writer.write(chunk)
                    chunk = f.read(2**16)

        # 之后你可以使用’file_sender‘传递给data:

        async with session.post('http://httpbin.org/post',
                                data=file_sender(file_name='huge_file')) as resp:
            print(await resp.text())
        """,
        session=session,
        deprecated="streamer",
    )
    assert internet.last.headers["Transfer-Encoding"] == "chunked"
    assert internet.last.body == body


@pytest.mark.parametrize("anyio_backend", ON_ASYNCIO)
async def test_s4_19_feed_stream(play, internet, session):
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


async def test_s4_20_chain_get_and_post(play, internet, session):
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


async def test_s4_21_compressed_upload(play, wire, session):
    # Slip: the document lacks the colon after post(...).
    async with wire() as taken:
        played = await play(
            """
            async def my_coroutine(session, headers, my_data):
                data = zlib.compress(my_data)
                headers = {'Content-Encoding': 'deflate'}
                async with session.post('http://httpbin.org/post',
                                        data=data,
                                        headers=headers):
                    pass
            """,
            zlib=zlib,
            at=taken.url,
        )
        await played["my_coroutine"](session, {}, b"my data" * 100)
    assert b"\r\nContent-Encoding: deflate\r\n" in taken.head
    assert zlib.decompress(taken.body) == b"my data" * 100
