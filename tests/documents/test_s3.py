"""The examples of seed-003, a Chinese tutorial; characters that were lost in it are guessed."""
# ruff: noqa: F811, RUF001 - the examples keep the punctuation of their language

import asyncio
import json
import logging
import re
from pathlib import Path

import pytest
from yarl import URL

import drywire

from ..server.programs import LOOPS, program  # noqa: F401 - a fixture
from .internet import CHAPTERS, PICTURE, SECOND
from .playing import run_or_left_out

LEFT_OUT = {
    "S3-01": "requests, not aiohttp",
}


def test_each_example_is_run_or_left_out():
    run_or_left_out(LEFT_OUT, "S3", 16)


def test_s3_02_requests_at_once(script, internet):
    played = script(
        """
        # 异步请求示例（aiohttp + asyncio）
        #!/usr/bin/env python
        # -*- coding: utf-8 -*-
        # 作者：钢铁知识库
        import asyncio
        import time
        import datetime
        import drywire as aiohttp

        async def async_http():
            # 声明一个支持异步的上下文管理器
            async with aiohttp.ClientSession() as session:
                res = await session.get('http://httpbin.org/delay/2')
                print(f'当前时间：{datetime.datetime.now()}, status_code = {res.status}')

        async def main():
            tasks = [async_http() for _ in range(5)]
            start = time.time()
            await asyncio.gather(*tasks)
            print(f'aiohttp异步耗时：{time.time() - start}')

        if __name__ == '__main__':
            # Python 3.7 以后可以直接使用 asyncio.run
            asyncio.run(main())
        """
    )
    assert played.said.count("status_code = 200") == 5
    assert internet.most_open == 5
    assert float(re.search(r"耗时：([\d.]+)", played.said)[1]) < 5 * 2 * SECOND


def test_s3_03_get(script_anywhere):
    played = script_anywhere(
        """
        #!/usr/bin/env python
        # -*- coding: utf-8 -*-
        # 作者：钢铁知识库
        import asyncio
        import drywire as aiohttp

        async def get_api(session, url):
            # 声明一个支持异步的上下文管理器
            async with session.get(url) as response:
                # 读取响应文本需要 await，因为是协程
                return await response.text(), response.status

        async def main():
            async with aiohttp.ClientSession() as session:
                html, status = await get_api(session, 'http://httpbin.org/delay/2')
                print(f'html: {html[:50]}')
                print(f'status : {status}')

        if __name__ == '__main__':
            asyncio.run(main())
        """
    )
    assert re.fullmatch(r'html: \{"args".{43}\nstatus : 200\n', played.said)


def test_s3_04_params(script_anywhere):
    played = script_anywhere(
        """
        #!/usr/bin/env python
        # -*- coding: utf-8 -*-
        import drywire as aiohttp
        import asyncio

        async def main():
            params = {'name': '钢铁知识库', 'age': 23}
            async with aiohttp.ClientSession() as session:
                async with session.get('https://www.httpbin.org/get', params=params) as res:
                    print(await res.json())  # 读取 JSON 需要 await

        if __name__ == '__main__':
            asyncio.run(main())
        """
    )
    assert eval(played.said)["args"] == {"name": "钢铁知识库", "age": "23"}


async def test_s3_05_other_methods(play, internet, session):
    # Slip: the document does not await them.
    await play(
        """
        # 其它方法示例
        await session.post('http://httpbin.org/post', data=b'data')
        await session.put('http://httpbin.org/put', data=b'data')
        await session.delete('http://httpbin.org/delete')
        await session.head('http://httpbin.org/get')
        await session.options('http://httpbin.org/get')
        await session.patch('http://httpbin.org/patch', data=b'data')
        """,
        session=session,
    )
    assert [seen.method for seen in internet.seen] == ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]


def test_s3_06_ways_to_read(script_anywhere):
    played = script_anywhere(
        """
        #!/usr/bin/env python
        # -*- coding: utf-8 -*-
        import drywire as aiohttp
        import asyncio

        async def main():
            data = {'name': '钢铁知识库', 'age': 23}
            async with aiohttp.ClientSession() as session:
                async with session.post('https://www.httpbin.org/post', data=data) as response:
                    print('status:', response.status)            # 状态码
                    print('headers:', response.headers)          # 响应头
                    print('body:', await response.text())        # 文本
                    print('bytes:', await response.read())       # 二进制
                    print('json:', await response.json())        # JSON

        if __name__ == '__main__':
            asyncio.run(main())
        """
    )
    said = dict(line.split(": ", 1) for line in played.said.splitlines())
    assert said["status"] == "200"
    assert "application/json" in said["headers"]
    answer = json.loads(said["body"])
    assert answer["form"] == {"name": "钢铁知识库", "age": "23"}
    assert json.loads(eval(said["bytes"])) == eval(said["json"]) == answer


def test_s3_07_timeout(script_anywhere):
    example = """
        #!/usr/bin/env python
        # -*- coding: utf-8 -*-
        import drywire as aiohttp
        import asyncio

        async def main():
            # 设置 1 秒的超时
            timeout = aiohttp.ClientTimeout(total=1)
            async with aiohttp.ClientSession(timeout=timeout) as session:
                async with session.get('https://www.httpbin.org/delay/2') as response:
                    print('status:', response.status)

        if __name__ == '__main__':
            asyncio.run(main())
        """
    with pytest.raises(TimeoutError):
        script_anywhere(example, shortened=[("total=1", f"total={SECOND}")])
    assert script_anywhere(example, shortened=[("total=1", "total=60")]).said == "status: 200\n"


def test_s3_08_semaphore(script, internet):
    played = script(
        """
        #!/usr/bin/env python
        # -*- coding: utf-8 -*-
        # 作者：钢铁知识库
        import asyncio
        from datetime import datetime
        import drywire as aiohttp

        # 声明最大并发量
        semaphore = asyncio.Semaphore(2)

        async def get_api(session):
            async with semaphore:
                print(f'scrapting...{datetime.now()}')
                async with session.get('https://www.baidu.com') as response:
                    await asyncio.sleep(2)

        async def main():
            async with aiohttp.ClientSession() as session:
                tasks = [asyncio.create_task(get_api(session)) for _ in range(10)]
                await asyncio.gather(*tasks)

        if __name__ == '__main__':
            asyncio.run(main())
        """,
        shortened=[("sleep(2)", "sleep(0.02)")],
    )
    assert played.said.count("scrapting...") == 10
    assert len(internet.seen) == 10
    assert internet.most_open <= 2


def test_s3_09_novel(script, internet, caplog):
    caplog.set_level(logging.INFO)
    script(
        """
        #!/usr/bin/env python
        # -*- coding: utf-8 -*-
        # 作者：钢铁知识库
        import asyncio
        import json
        import logging
        import drywire as aiohttp
        import requests

        # 日志格式
        logging.basicConfig(level=logging.INFO, format='%(asctime)s - %(levelname)s: %(message)s')

        # 章节目录api
        b_id = '4308080950'
        url = f'https://dushu.baidu.com/api/pc/getCatalog?data={{"book_id":"{b_id}"}}'
        headers = {
            "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/104.0.0.0 Safari/537.36"
        }

        # 并发声明
        semaphore = asyncio.Semaphore(5)

        async def download(title, b_id, cid):
            # 组装详情页 URL
            data = json.dumps({"book_id": b_id, "cid": f"{b_id}|{cid}"})
            detail_url = f'https://dushu.baidu.com/api/pc/getChapterContent?data={data}'
            async with semaphore:
                async with aiohttp.ClientSession(headers=headers) as session:
                    async with session.get(detail_url) as response:
                        res = await response.json()
                        # 这里写入数据库（略）
                        logging.info('title=%s, length=%s', title, len(res['data']['novel']['content']))

        async def main():
            res = requests.get(url, headers=headers)
            tasks = []
            for item in res.json()['data']['novel']['items']:  # 拿到小说目录cid
                title = item['title']
                cid = item['cid']
                tasks.append(download(title, b_id, cid))
            await asyncio.gather(*tasks)

        if __name__ == '__main__':
            asyncio.run(main())
        """  # noqa: E501
    )
    said = {record.getMessage() for record in caplog.records if record.name == "root"}
    assert said == {f"title={title}, length={10 * len(title)}" for title in CHAPTERS.values()}
    assert all(seen.headers["User-Agent"].startswith("Mozilla/5.0 (Windows") for seen in internet.seen)


def test_s3_10_timeouts_by_phase(script):
    example = """
        #!/usr/bin/env python
        # -*- coding: utf-8 -*-
        # 更细粒度的超时：分别控制连接、建立、读取超时
        import asyncio
        import drywire as aiohttp

        async def main():
            # total=None 表示不设置总超时，仅控制阶段
            timeout = aiohttp.ClientTimeout(total=None, connect=3, sock_connect=3, sock_read=5)
            async with aiohttp.ClientSession(timeout=timeout) as session:
                try:
                    async with session.get('https://httpbin.org/delay/2') as resp:
                        print('status:', resp.status)
                except asyncio.TimeoutError:
                    # 任何阶段触发超时都会抛出 TimeoutError
                    print('超时了')

        if __name__ == '__main__':
            asyncio.run(main())
        """
    assert script(example).said == "status: 200\n"
    assert script(example, shortened=[("sock_read=5", f"sock_read={SECOND / 2}")]).said == "超时了\n"


def test_s3_11_connector(script, internet):
    script(
        """
        #!/usr/bin/env python
        # -*- coding: utf-8 -*-
        # 通过连接器限制总并发和主机并发，并启用 DNS 缓存
        import asyncio
        import drywire as aiohttp

        async def fetch(session, url):
            async with session.get(url) as resp:
                return await resp.text()

        async def main():
            connector = aiohttp.TCPConnector(limit=100, limit_per_host=10, ttl_dns_cache=300)
            async with aiohttp.ClientSession(connector=connector) as session:
                tasks = [fetch(session, 'https://httpbin.org/get') for _ in range(50)]
                await asyncio.gather(*tasks)

        if __name__ == '__main__':
            asyncio.run(main())
        """
    )
    assert len(internet.seen) == 50
    assert internet.most_open <= 10


def test_s3_12_proxy_and_ssl(script_anywhere, internet, server_tls, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, internet.url)
    example = """
        #!/usr/bin/env python
        # -*- coding: utf-8 -*-
        # 代理方式：
        # 1) 从系统环境变量读取代理（HTTP_PROXY/HTTPS_PROXY）：trust_env=True
        # 2) 在请求级别指定 proxy 参数
        # 3) 关闭 SSL：生产环境建议使用默认验证；如确需跳过验证，可传 ssl=False（不安全）
        import asyncio
        import drywire as aiohttp

        async def main():
            async with aiohttp.ClientSession(trust_env=True) as session:
                # 指定代理示例：proxy='http://127.0.0.1:7890'
                async with session.get('https://httpbin.org/ip', proxy=None, ssl=True) as resp:
                    print(await resp.json())

            # 如必须跳过 SSL 验证（不安全，谨慎使用）
            async with aiohttp.ClientSession() as session:
                async with session.get('https://self-signed.badssl.com/', ssl=False) as resp:
                    print('status:', resp.status)

        if __name__ == '__main__':
            asyncio.run(main())
        """
    with internet.secured(server_tls) as url:
        played = script_anywhere(example, shortened=[("https://self-signed.badssl.com", url)])
    assert played.said == "{'origin': '127.0.0.1'}\nstatus: 200\n"
    # The first one went to the server as to a proxy, the second one straight.
    assert [seen.target for seen in internet.seen] == [f"{internet.url}/ip", "/"]


RETRY = """
    #!/usr/bin/env python
    # -*- coding: utf-8 -*-
    # 使用简单的 for 循环做重试和指数退避，避免临时网络抖动导致失败
    import asyncio
    import drywire as aiohttp

    async def get_with_retry(session, url, retries=3, base_delay=0.5):
        for i in range(retries):
            try:
                async with session.get(url) as resp:
                    # 可根据状态码决定是否重试，例如 5xx 重试
                    if 500 <= resp.status < 600:
                        raise aiohttp.ClientResponseError(
                            request_info=resp.request_info, history=resp.history,
                            status=resp.status, message='server error')
                    return await resp.text()
            except (aiohttp.ClientError, asyncio.TimeoutError) as e:
                if i == retries - 1:
                    raise
                # 指数退避
                await asyncio.sleep(base_delay * (2 ** i))

    async def main():
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            html = await get_with_retry(session, 'https://httpbin.org/status/500')
            print(html[:80])

    if __name__ == '__main__':
        asyncio.run(main())
    """


def test_s3_13_retry(script, internet):
    with pytest.raises(drywire.ClientResponseError) as caught:
        script(RETRY, shortened=[("base_delay=0.5", "base_delay=0.01")])
    assert len(internet.seen) == 3
    assert (caught.value.status, caught.value.message, caught.value.history) == (500, "server error", ())
    assert caught.value.request_info.url == URL(internet.url + "/status/500")


def test_s3_13_retry_that_helps(script, internet):
    internet.failures = 2
    shortened = [("base_delay=0.5", "base_delay=0.01"), ("status/500", "flaky")]
    assert script(RETRY, shortened=shortened).said == "at last\n"
    assert [seen.target for seen in internet.seen] == ["/flaky"] * 3


def test_s3_14_download(script_anywhere):
    script_anywhere(
        """
        #!/usr/bin/env python
        # -*- coding: utf-8 -*-
        # 使用流式读取按块写入文件，避免一次性读入内存
        import asyncio
        import drywire as aiohttp

        async def download(url, filepath):
            async with aiohttp.ClientSession() as session:
                async with session.get(url) as resp:
                    resp.raise_for_status()
                    with open(filepath, 'wb') as f:
                        async for chunk in resp.content.iter_chunked(8192):
                            f.write(chunk)

        async def main():
            await download('https://httpbin.org/image/png', 'image.png')

        if __name__ == '__main__':
            asyncio.run(main())
        """
    )
    assert Path("image.png").read_bytes() == PICTURE


SERVER = """
#!/usr/bin/env python
# -*- coding: utf-8 -*-
# 最小可运行的 aiohttp 服务端示例
# 访问: http://127.0.0.1:8080/hello
import asyncio
from drywire import web

async def hello(request):
    name = request.query.get('name', 'world')
    return web.json_response({'msg': f'Hello, {name}!'});

async def init_app():
    app = web.Application()
    app.router.add_get('/hello', hello)
    return app

def main():
    web.run_app(init_app(), host='127.0.0.1', port=8080)

if __name__ == '__main__':
    # Windows/conda 环境可直接运行
    main()
"""


@pytest.mark.parametrize("loop", LOOPS)
def test_s3_15_server(program, loop):
    server = program("-c", SERVER.replace("8080)", f"0, backend={loop!r})"))
    assert server.get("/hello?name=Trae") == (200, '{"msg": "Hello, Trae!"}')
    assert server.get("/hello") == (200, '{"msg": "Hello, world!"}')
    assert server.end() == (0, "")


def test_s3_16_client_of_the_server(script_anywhere, internet):
    # The server is that of S3-15, but for the function that runs it.
    server = script_anywhere(
        """
        from drywire import web

        async def hello(request):
            name = request.query.get('name', 'world')
            return web.json_response({'msg': f'Hello, {name}!'});

        async def init_app():
            app = web.Application()
            app.router.add_get('/hello', hello)
            return app
        """
    )
    with internet.serving(asyncio.run(server["init_app"]())) as url:
        played = script_anywhere(
            """
            # 简单客户端调用示例
            #!/usr/bin/env python
            # -*- coding: utf-8 -*-
            import asyncio
            import drywire as aiohttp

            async def main():
                async with aiohttp.ClientSession() as session:
                    async with session.get('http://127.0.0.1:8080/hello', params={'name': 'Trae'}) as resp:
                        print(await resp.json())

            if __name__ == '__main__':
                asyncio.run(main())
            """,
            at=url,
        )
    assert played.said == "{'msg': 'Hello, Trae!'}\n"
