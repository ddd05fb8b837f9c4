"""The examples of seed-002 that are whole programs; what is left out of that document: test_s2.py.

The last ones are pairs of a client and its server. Of a server its handler is played, by the test's own application:
what runs it belongs to issue 7.
"""

import json
from pathlib import Path

import pytest

import drywire
from drywire import web

from .internet import Seen


def serving(internet, route):
    """Serve one route, as the second half of an example does."""
    app = web.Application()
    app.add_routes([route])
    return internet.serving(app)


def test_s2_14_all_of_it(script, internet):
    played = script(
        """
        import asyncio
        import drywire as aiohttp
        from drywire import ClientTimeout, TCPConnector, BasicAuth
        async def fetch_url(session, url):
            try:
                async with session.get(url) as response:
                    return await response.json()
            except Exception as e:
                return f"请求失败: {str(e)}"
        async def main():
            # 1. 精细化超时配置
            timeout = ClientTimeout(
                connect=5, # 建立TCP连接的超时时间
                sock_read=10, # 从套接字读取响应数据的超时时间
                total=20 # 整个请求的生命周期超时
            )
            # 2. 高并发连接池配置
            connector = TCPConnector(
                limit=200, # 全局最大并发连接数
                limit_per_host=20, # 每个域名的最大连接数
                ttl_dns_cache=0 # DNS 缓存超时
            )
            # 3. 全局请求头
            headers = {
                "User-Agent": "Python-Aiohttp/3.9.1",
                "Accept": "application/json",
                "X-App-Version": "1.0.0"
            }
            # 4. 初始化ClientSession
            try:
                async with aiohttp.ClientSession(
                    base_url="https://api.example.com",
                    headers=headers,
                    timeout=timeout,
                    connector=connector,
                    proxy="http://proxy:8080", # 按需开启代理
                    # proxy_auth=BasicAuth("admin", "123456"), # 代理需要认证时开启
                    # auth=BasicAuth("user", "pass123"), # 接口需要基础认证时开启
                    raise_for_status=True,
                    auto_decompress=True,
                    trust_env=False
                ) as session:
                    # 高并发请求10个接口
                    tasks = [fetch_url(session, f"/get?num={i}") for i in range(10)]
                    results = await asyncio.gather(*tasks, return_exceptions=True)
                    return results
            except Exception as eg:
                print(f"Partial failures: {eg}")
        if __name__ == '__main__':
            results = asyncio.run(main())
        """
        # The document drops what main() returns; here it is looked at.
    )
    assert played.said == ""
    assert [result["args"] for result in played["results"]] == [{"num": str(i)} for i in range(10)]
    # The proxy is asked by the whole URL.
    assert {seen.target for seen in internet.seen} == {f"{internet.url}/get?num={i}" for i in range(10)}
    assert all(seen.headers["X-App-Version"] == "1.0.0" for seen in internet.seen)


def test_s2_15_get(script_anywhere, internet):
    played = script_anywhere(
        """
        import asyncio
        import drywire as aiohttp
        # 全局超时配置
        timeout = aiohttp.ClientTimeout(total=10)
        async def demo_get(session):
            params = {"name": "张三", "age": 20} # 查询参数:自动拼接为 ?name=张三&age=20
            # 单次请求头(覆盖全局)
            headers = {"Accept": "application/json"}
            try:
                # 2. 发起 GET 请求,await 等待响应
                async with session.get(
                    url="https://httpbin.org/get",
                    params=params,
                    headers=headers,
                    timeout=timeout
                ) as response:
                    if response.status == 200:
                        text = await response.text() # 获取文本响应,如 HTML/JSON 字符串
                        # json_data = await response.json() # 如果响应是 JSON,用这个
                        # binary_data = await response.read() # 获取二进制数据(如图片)
                        return text
            except aiohttp.ClientError as e:
                raise aiohttp.ClientError(f"Error fetching {response.url}: {str(e)}")
        async def main():
            # 1. 创建 ClientSession(异步上下文管理器),自动管理连接池
            async with aiohttp.ClientSession(
                headers={"User-Agent": "aiohttp-demo/1.0"}, # 全局请求头
                timeout=timeout
            ) as session:
                await demo_get(session)
        if __name__ == '__main__':
            result = asyncio.run(main())
        """
    )
    assert internet.last.headers["User-Agent"] == "aiohttp-demo/1.0"
    assert internet.last.headers.getall("Accept") == ["application/json"]

    async def again():
        async with drywire.ClientSession() as session:
            return await played["demo_get"](session)

    assert json.loads(script_anywhere.run(again))["args"] == {"name": "张三", "age": "20"}


def test_s2_16_post(script_anywhere, internet):
    # Slip: each request returns, so that the next ones are never made; here each prints what it would return.
    Path("demo.txt").write_text("demo")
    played = script_anywhere(
        """
        import asyncio
        import drywire as aiohttp
        # 全局超时配置
        timeout = aiohttp.ClientTimeout(total=10)
        async def demo_post(session):
            # 2.1 JSON 请求体
            json_data = {"name": "张三", "age": 20}
            try:
                async with session.post(
                    url="https://httpbin.org/post",
                    json=json_data, # 自动序列化 JSON,设置 Content-Type: application/json
                    timeout=timeout
                ) as response:
                    if response.status == 200:
                        print(await response.json())
            except aiohttp.ClientError as e:
                raise aiohttp.ClientError(f"Error fetching {response.url}: {str(e)}")
            # 2.2 表单请求体(设置 Content-Type: application/x-www-form-urlencoded)
            form_data = {"gender": "male", "city": "Beijing"}
            try:
                async with session.post(
                    url="https://httpbin.org/post",
                    data=form_data,
                    timeout=timeout
                ) as response:
                    if response.status == 200:
                        print(await response.json())
            except aiohttp.ClientError as e:
                raise aiohttp.ClientError(f"Error fetching {response.url}: {str(e)}")
            # 2.3 多表单/文件上传(设置 Content-Type: multipart/form-data; boundary=----)
            multipart_data = aiohttp.FormData()
            multipart_data.add_field("username", "user")
            multipart_data.add_field("password", "pass123456")
            multipart_data.add_field("text_field", "测试文本")
            # 上传文件(本地文件路径)
            multipart_data.add_field(
                "file_field",
                open("demo.txt", "rb"), # 二进制模式打开
                filename="demo.txt", # 文件名
                content_type="text/plain" # MIME类型
            )
            try:
                async with session.post(
                    url="https://httpbin.org/post",
                    data=multipart_data,
                    timeout=timeout
                ) as response:
                    if response.status == 200:
                        print(await response.json())
            except aiohttp.ClientError as e:
                raise aiohttp.ClientError(f"Error fetching {response.url}: {str(e)}")
        async def main():
            # 1. 创建 ClientSession(异步上下文管理器),自动管理连接池
            async with aiohttp.ClientSession(
                headers={"User-Agent": "aiohttp-demo/1.0"}, # 全局请求头
                timeout=timeout
            ) as session:
                await demo_post(session)
        if __name__ == '__main__':
            result = asyncio.run(main())
        """
    )
    first, second, third = map(eval, played.said.splitlines())
    assert (first["json"], first["headers"]["Content-Type"]) == ({"name": "张三", "age": 20}, "application/json")
    assert second["form"] == {"gender": "male", "city": "Beijing"}
    assert second["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert third["form"] == {"username": "user", "password": "pass123456", "text_field": "测试文本"}
    assert third["files"] == {"file_field": "demo"}
    assert third["headers"]["Content-Type"].startswith("multipart/form-data; boundary=")
    assert internet.last.parts[-1] == ("file_field", "demo.txt", "text/plain", b"demo")


def test_s2_17_requests_at_once(script, internet):
    played = script(
        """
        import asyncio
        import drywire as aiohttp
        async def fetch_url(session, url):
            async with session.get(url) as response:
                if response.status != 200:
                    raise Exception(f"Error fetch {url}; status code: {response.status}")
                # return await response.text()
                return response.status
        async def main():
            url_list = [
                "https://httpbin.org/get?num=1",
                "https://httpbin.org/get?num=2",
                "https://httpbin.org/get?num=3"
            ]
            try:
                async with aiohttp.ClientSession() as session:
                    tasks =[fetch_url(session, url) for url in url_list]
                    results = await asyncio.gather(*tasks, return_exceptions=True)
            except Exception as eg:
                print(f"Partial failures: {eg}")
            for url, result in zip(url_list, results):
                print(f"{url}: {result}")
        if __name__ == '__main__':
            asyncio.run(main())
        """
    )
    assert played.said == "".join(f"{internet.url}/get?num={number}: 200\n" for number in (1, 2, 3))


TENACITY = """
    import drywire as aiohttp
    import asyncio
    from tenacity import retry, stop_after_attempt, wait_exponential, retry_if_exception_type
    # 重试规则:最多3次,指数退避(1s→2s→4s),仅捕获ClientError
    @retry(
        stop=stop_after_attempt(3),
        wait=wait_exponential(multiplier=1, min=1, max=4),
        retry=retry_if_exception_type(aiohttp.ClientError)
    )
    async def fetch_with_retry(session, url):
        async with session.get(url, timeout=5) as resp:
            resp.raise_for_status()
            return await resp.text()
    async def main():
        async with aiohttp.ClientSession() as session:
            try:
                result = await fetch_with_retry(session, "https://httpbin.org/get")
                print("请求成功:", result[:50])
            except aiohttp.ClientError as e:
                print("3次重试后仍失败:", e)
    asyncio.run(main())
    """


def test_s2_18_retry(script_anywhere, internet):
    assert script_anywhere(TENACITY).said.startswith('请求成功: {"args"')
    assert len(internet.seen) == 1


@pytest.mark.parametrize(("failures", "said"), [(2, "请求成功: at last\n"), (3, "3次重试后仍失败: 500, message=")])
def test_s2_18_retry_of_failures(script_anywhere, internet, failures, said):
    internet.failures = failures
    played = script_anywhere(TENACITY, shortened=[("https://httpbin.org/get", "https://httpbin.org/flaky")])
    assert played.said.startswith(said)
    assert len(internet.seen) == 3


def test_s2_25_download(script_anywhere):
    played = script_anywhere(
        """
        import drywire as aiohttp
        import asyncio
        async def download_large_file():
            async with aiohttp.ClientSession() as session:
                async with session.get("https://httpbin.org/stream/100", timeout=60) as resp:
                    # 流式读取(每次1024字节)
                    with open("large_file.txt", "wb") as f:
                        while True:
                            chunk = await resp.content.read(1024)
                            if not chunk:
                                break
                            f.write(chunk)
            print("大文件下载完成")
        asyncio.run(download_large_file())
        """
    )
    assert played.said == "大文件下载完成\n"
    lines = Path("large_file.txt").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(100))


# A client and its server


def test_s2_50_get(script_anywhere, internet):
    server = script_anywhere(
        '''
        from drywire import web
        # 1. 定义请求处理函数
        async def handle(request):
            """
            使用web.request解析请求传递到服务端的参数
            """
            name = request.query.get('name', '未知用户')
            age = request.query.get('age', 0)
            print(f"接收到的参数为:{request.query}")
            return web.Response(
                text=f"请求用户为:{name}, 年龄是:{age}",
                status=200
            )
        '''
    )
    with serving(internet, web.get("/get", server["handle"])) as url:
        played = script_anywhere(
            """
            import asyncio
            import drywire as aiohttp
            # 全局超时配置
            timeout = aiohttp.ClientTimeout(total=10)
            async def demo_get(session):
                params = {"name": "张三", "age": 20} # 查询参数:自动拼接为 ?name=张三&age=20
                # 单次请求头(覆盖全局)
                headers = {"Accept": "application/json"}
                try:
                    # 2. 发起 GET 请求,await 等待响应
                    async with session.get(
                        url="http://127.0.0.1:8080/get",
                        params=params,
                        headers=headers,
                        timeout=timeout
                    ) as response:
                        if response.status == 200:
                            return await response.text() # 获取文本响应,如 HTML/JSON 字符串
                except aiohttp.ClientError as e:
                    raise aiohttp.ClientError(f"Error fetching {response.url}: {str(e)}")
            async def main():
                # 1. 创建 ClientSession(异步上下文管理器),自动管理连接池
                async with aiohttp.ClientSession(
                    headers={"User-Agent": "aiohttp-demo/1.0"}, # 全局请求头
                    timeout=timeout
                ) as session:
                    res = await demo_get(session)
                    print("获取到服务器的返回结果:")
                    print(res)
            if __name__ == '__main__':
                asyncio.run(main())
            """,
            at=url,
        )
    assert played.said == "获取到服务器的返回结果:\n请求用户为:张三, 年龄是:20\n"


def test_s2_51_post_form(script_anywhere, internet):
    # The handler does what the document's does, without request.post(), which belongs to issue 7.
    async def handle(request):
        form_data = (await Seen.of(request)).form
        data = {"gender": form_data.get("gender"), "city": form_data.get("city")}
        return web.json_response({"code": "200", "msg": "请求成功", "data": data})

    with serving(internet, web.post("/post", handle)) as url:
        played = script_anywhere(
            """
            import asyncio
            import json
            import drywire as aiohttp
            # 全局超时配置
            timeout = aiohttp.ClientTimeout(total=10)
            async def demo_post(session):
                form_data = {"gender": "male", "city": "Beijing"}
                # 单次请求头
                headers = {"Accept": "application/x-www-form-urlencoded"}
                try:
                    # 2. 发起 post 请求,await 等待响应
                    async with session.post(
                        url="http://127.0.0.1:8080/post",
                        data=form_data,
                        headers=headers,
                        timeout=timeout
                    ) as response:
                        if response.status == 200: # HTTP 状态码判断
                            return await response.json() # 获取服务端返回的 JSON 响应数据
                except aiohttp.ClientError as e:
                    raise aiohttp.ClientError(f"Error fetching {response.url}: {str(e)}")
            async def main():
                # 1. 创建 ClientSession(异步上下文管理器),自动管理连接池
                async with aiohttp.ClientSession(
                    headers={"User-Agent": "aiohttp-demo/1.0"}, # 全局请求头
                    timeout=timeout
                ) as session:
                    result = await demo_post(session)
                    print("获取到服务器的返回结果:")
                    print(json.dumps(result, indent=2, ensure_ascii=False))
            if __name__ == '__main__':
                asyncio.run(main())
            """,
            at=url,
        )
    title, _, result = played.said.partition("\n")
    assert title == "获取到服务器的返回结果:"
    assert json.loads(result)["data"] == {"gender": "male", "city": "Beijing"}


def test_s2_52_post_form_data(script_anywhere, internet):
    # The handler does what the document's does, without request.post(), which belongs to issue 7.
    async def handle(request):
        form_data = (await Seen.of(request)).form
        data = {"username": form_data.get("username"), "password": form_data.get("password")}
        return web.json_response({"code": "200", "msg": "请求成功", "data": data})

    with serving(internet, web.post("/post", handle)) as url:
        played = script_anywhere(
            """
            import asyncio
            import json
            import drywire as aiohttp
            # 全局超时配置
            timeout = aiohttp.ClientTimeout(total=10)
            async def demo_post(session):
                multipart_data = aiohttp.FormData()
                multipart_data.add_field("username", "user")
                multipart_data.add_field("password", "pass123456")
                # 单次请求头
                headers = {"Content-Type": "application/x-www-form-urlencoded"}
                try:
                    # 2. 发起 post 请求,await 等待响应
                    async with session.post(
                        url="http://127.0.0.1:8080/post",
                        data=multipart_data,
                        headers=headers,
                        timeout=timeout
                    ) as response:
                        if response.status == 200: # HTTP 状态码判断
                            return await response.json() # 获取服务端返回的 JSON 响应数据
                except aiohttp.ClientError as e:
                    raise aiohttp.ClientError(f"Error fetching {response.url}: {str(e)}")
            async def main():
                # 1. 创建 ClientSession(异步上下文管理器),自动管理连接池
                async with aiohttp.ClientSession(
                    headers={"User-Agent": "aiohttp-demo/1.0"}, # 全局请求头
                    timeout=timeout
                ) as session:
                    result = await demo_post(session)
                    print("获取到服务器的返回结果:")
                    print(json.dumps(result, indent=2, ensure_ascii=False))
            if __name__ == '__main__':
                asyncio.run(main())
            """,
            at=url,
        )
    title, _, result = played.said.partition("\n")
    assert title == "获取到服务器的返回结果:"
    assert json.loads(result)["data"] == {"username": "user", "password": "pass123456"}


def test_s2_53_post_json(script_anywhere, internet):
    server = script_anywhere(
        '''
        from drywire import web
        # 1. 定义请求处理函数
        async def handle(request):
            """
            使用web.request解析请求传递到服务端的参数
            案例中客户端发送了post请求
            """
            data = await request.json()
            name = data.get('name')
            age = data.get('age')
            print(f"异步服务端接收到的参数: name={name}, age={age}")
            response_data = {
                "code": "200",
                "msg": "请求成功",
                "data": {
                    "username": name,
                    "user_age": age
                }
            }
            # 使用json_response响应客户端请求
            return web.json_response(
                data=response_data, # 响应数据
                status=200
            )
        '''
    )
    # Slip: the document registers its handler for GET.
    with serving(internet, web.post("/post", server["handle"])) as url:
        played = script_anywhere(
            """
            import asyncio
            import json
            import drywire as aiohttp
            # 全局超时配置
            timeout = aiohttp.ClientTimeout(total=10)
            async def demo_post(session):
                json_data = {"name": "张三", "age": 20}
                # 单次请求头
                headers = {"Accept": "application/json"}
                try:
                    # 2. 发起 GET 请求,await 等待响应
                    async with session.post(
                        url="http://127.0.0.1:8080/post",
                        json=json_data,
                        headers=headers,
                        timeout=timeout
                    ) as response:
                        if response.status == 200: # HTTP 状态码判断
                            return await response.json() # 获取服务端返回的 JSON 响应数据
                except aiohttp.ClientError as e:
                    raise aiohttp.ClientError(f"Error fetching {response.url}: {str(e)}")
            async def main():
                # 1. 创建 ClientSession(异步上下文管理器),自动管理连接池
                async with aiohttp.ClientSession(
                    headers={"User-Agent": "aiohttp-demo/1.0"}, # 全局请求头
                    timeout=timeout
                ) as session:
                    result = await demo_post(session)
                    print("获取到服务器的返回结果:")
                    print(json.dumps(result, indent=2, ensure_ascii=False))
            if __name__ == '__main__':
                asyncio.run(main())
            """,
            at=url,
        )
    assert server.said == "异步服务端接收到的参数: name=张三, age=20\n"
    title, _, result = played.said.partition("\n")
    assert title == "获取到服务器的返回结果:"
    assert json.loads(result)["data"] == {"username": "张三", "user_age": 20}


def test_s2_54_web_socket(script_anywhere, internet):
    server = script_anywhere(
        """
        from drywire import web
        async def websocket_handler(request):
            # 升级为WebSocket连接
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            # 监听消息
            async for msg in ws:
                if msg.type == web.WSMsgType.TEXT:
                    # 回复消息
                    print(f"服务器收到消息:{msg.data}")
                    await ws.send_str(f"thanks, hava a good day!")
                    if msg.data == "close":
                        await ws.close()
                elif msg.type == web.WSMsgType.ERROR:
                    print(f"WebSocket错误:{ws.exception()}")
            print("WebSocket连接关闭")
            return ws
        """
    )
    # Slip: the document's client waits for "服务器收到:close", which its server never sends; here, for what it sends.
    with serving(internet, web.get("/ws", server["websocket_handler"])) as url:
        played = script_anywhere(
            """
            import drywire as aiohttp
            import asyncio
            async def websocket_client():
                async with aiohttp.ClientSession() as session:
                    # 连接WebSocket服务器
                    async with session.ws_connect("http://127.0.0.1:8080/ws") as ws:
                        # 发送消息
                        await ws.send_str("Hello, WebSocket!")
                        # 接收回复
                        async for msg in ws:
                            if msg.type == aiohttp.WSMsgType.TEXT:
                                print(f"客户端收到:{msg.data}")
                                if msg.data == "thanks, hava a good day!":
                                    await ws.close()
                                    break
                            elif msg.type == aiohttp.WSMsgType.ERROR:
                                break
            asyncio.run(websocket_client())
            """,
            at=url,
        )
    assert played.said == "客户端收到:thanks, hava a good day!\n"
    assert server.said == "服务器收到消息:Hello, WebSocket!\nWebSocket连接关闭\n"
