"""The examples of seed-002, a Chinese tutorial for aiohttp 3.9, whose indentation is lost and restored here.

Its first ones ask for paths of httpbin.org by relative URLs and give no base_url: they run as if they had named the
host (``relative=True``).
"""

import asyncio
import gzip
import json

import pytest
from yarl import URL

import drywire

from ..client.forwarding import basic, logins, targets
from ..client.socksing import socks
from .playing import ON_ASYNCIO, run_or_left_out

LEFT_OUT = {
    "S2-01": "commands of a shell",
}


def test_each_example_is_run_or_left_out():
    run_or_left_out(LEFT_OUT, "S2", 54)


# What a session is made with


async def test_s2_02_base_url(play, internet):
    played = await play(
        """
        # base_url
        async def main():
            # 配置基础URL为接口根地址
            async with aiohttp.ClientSession(base_url="https://api.httpbin.org") as session:
                # 实际请求:https://api.httpbin.org/get
                async with session.get("/get") as resp:
                    print(await resp.json())
                # 实际请求:https://api.httpbin.org/post
                async with session.post("/post", json={"key": "val"}) as resp:
                    print(await resp.json())
        """,
        main="main",
    )
    got, posted = map(eval, played.said.splitlines())
    assert got["url"] == internet.url + "/get"
    assert (posted["url"], posted["json"]) == (internet.url + "/post", {"key": "val"})


GLOBAL_HEADERS = """
    # headers
    async def main():
        # 全局请求头:统一UA+指定接收JSON+携带令牌
        global_headers = {
            "User-Agent": "Python-Aiohttp/3.9.1",
            "Accept": "application/json",
            "X-Token": "abc123def456"
        }
        async with aiohttp.ClientSession(headers=global_headers) as session:
            # 单次请求覆盖全局的Accept,新增Referer(最终头为合并+覆盖)
            async with session.get("/get", headers={"Accept": "*/*", "Referer": "https://xxx.com"}) as resp:
                print(dict(resp.request_info.headers)) # 查看最终发送的请求头
    """


async def test_s2_03_headers(play, internet):
    played = await play(GLOBAL_HEADERS, main="main", relative=True)
    expected = {
        "User-Agent": "Python-Aiohttp/3.9.1",
        "Accept": "*/*",
        "X-Token": "abc123def456",
        "Referer": "https://xxx.com",
    }
    for headers in (eval(played.said), internet.last.headers):
        assert expected.items() <= dict(headers).items()


async def test_s2_03_relative_url_without_base_url_says_what_to_do(play, internet):
    with pytest.raises(drywire.InvalidUrlClientError, match="base_url"):
        await play(GLOBAL_HEADERS, main="main")
    assert internet.seen == []


async def test_s2_04_cookies(play):
    played = await play(
        """
        # Cookie
        async def main():
            # 全局Cookie:携带登录态uid和token
            global_cookies = {"uid": "10086", "login_token": "xyz789"}
            async with aiohttp.ClientSession(cookies=global_cookies) as session:
                async with session.get("/cookies") as resp:
                    print(await resp.json()) # 查看服务端接收到的Cookie
        """,
        main="main",
        relative=True,
    )
    assert eval(played.said) == {"cookies": {"uid": "10086", "login_token": "xyz789"}}


async def test_s2_05_timeout_is_a_number(play):
    example = """
        # Timeout
        # 简化配置:直接传数字,指定总超时,整个请求从连接到读取完成的总时间
        async def main():
            # 全局总超时10秒:所有请求若10秒内未完成则抛超时异常
            async with aiohttp.ClientSession(timeout=10) as session:
                async with session.get("/delay/15") as resp: # 接口延迟15秒返回
                    print(await resp.json()) # 会抛出asyncio.TimeoutError
        """
    with pytest.raises(asyncio.TimeoutError):
        await play(example, main="main", relative=True, shortened=[("timeout=10", "timeout=0.1")])
    played = await play(example, main="main", relative=True, shortened=[("delay/15", "delay/0")])
    assert "/delay/0" in played.said


async def test_s2_06_timeouts_by_phase(play):
    example = """
        # 精细化配置:用ClientTimeout分阶段控制(推荐,更灵活)
        from drywire import ClientTimeout
        async def main():
            # 精细化超时配置:连接5秒+读取10秒+总超时30秒
            timeout = ClientTimeout(
                connect=5, # 建立TCP连接的超时时间
                sock_read=10, # 从套接字读取响应数据的超时时间
                total=30 # 整个请求的生命周期超时(兜底)
            )
            async with aiohttp.ClientSession(timeout=timeout) as session:
                async with session.get("/delay/8") as resp:
                    print(await resp.json()) # 读取超时(sock_read=10秒可正常,delay=12则超时)
        """
    played = await play(example, main="main", relative=True, shortened=[("delay/8", "delay/1")])
    assert "/delay/1" in played.said
    with pytest.raises(drywire.SocketTimeoutError):
        await play(example, main="main", relative=True, shortened=[("sock_read=10", "sock_read=0.1")])


@pytest.mark.parametrize("anyio_backend", ON_ASYNCIO)
async def test_s2_07_connector(play, internet):
    played = await play(
        """
        # connector
        # 高并发 + 禁用 DNS 缓存
        from drywire import TCPConnector
        async def main():
            # 配置连接池:全局最大200连接,每个域名20连接,禁用DNS缓存
            connector = TCPConnector(
                limit=200,
                limit_per_host=20,
                ttl_dns_cache=0
            )
            async with aiohttp.ClientSession(connector=connector) as session:
                # 高并发请求时,连接池会自动复用TCP连接,减少握手开销
                tasks = [session.get("/get") for _ in range(30)]
                results = await asyncio.gather(*tasks)
                print(f"成功请求{len(results)}次")
        """,
        main="main",
        relative=True,
        asyncio=asyncio,
    )
    assert played.said == "成功请求30次\n"
    assert len(internet.seen) == 30
    assert internet.most_open <= 20


async def test_s2_08_no_verification(play, internet, server_tls):
    example = """
        # 忽略SSL 证书验证,测试环境专用
        from drywire import TCPConnector
        async def main():
            # 禁用SSL验证(生产环境禁止使用!)
            connector = TCPConnector(ssl=False)
            async with aiohttp.ClientSession(connector=connector) as session:
                async with session.get("https://自签名证书的域名.com") as resp:
                    print(resp.status)
        """
    with internet.secured(server_tls) as url:
        shortened = [("https://自签名证书的域名.com", url)]
        assert (await play(example, main="main", shortened=shortened)).said == "200\n"
        with pytest.raises(drywire.ClientConnectorCertificateError):
            await play(example, main="main", shortened=[*shortened, ("ssl=False", "ssl=True")])


async def test_s2_09_proxy(play, internet, proxy):
    played = await play(
        """
        # proxy
        async def main():
            async with aiohttp.ClientSession(
                # HTTP代理(本地代理示例,根据实际代理地址修改)
                proxy="http://127.0.0.1:7890"
                # SOCKS5代理:proxy="socks5://127.0.0.1:7890"
            ) as session:
                async with session.get("/ip") as resp:
                    print(await resp.json()) # 查看代理后的出口IP
        """,
        main="main",
        relative=True,
        shortened=[("http://127.0.0.1:7890", f"http://{proxy.address}")],
    )
    assert eval(played.said) == {"origin": "127.0.0.1"}
    assert targets(proxy) == [f"{internet.url}/ip".encode()]


async def test_s2_09_socks5(play, internet, scripted):
    async with scripted(socks()) as proxy:
        played = await play(
            """
            # proxy
            async def main():
                async with aiohttp.ClientSession(
                    # SOCKS5代理:
                    proxy="socks5://127.0.0.1:7890"
                ) as session:
                    async with session.get("/ip") as resp:
                        print(await resp.json()) # 查看代理后的出口IP
            """,
            main="main",
            relative=True,
            shortened=[("127.0.0.1:7890", f"127.0.0.1:{proxy.port}")],
        )
        assert eval(played.said) == {"origin": "127.0.0.1"}
        assert proxy.asked == [("127.0.0.1", URL(internet.url).port)]


async def test_s2_10_proxy_auth(play, internet, proxy):
    played = await play(
        """
        # proxy_auth
        from drywire import BasicAuth
        async def main():
            async with aiohttp.ClientSession(
                proxy="http://127.0.0.1:7890",
                # 代理认证:用户名admin,密码123456
                proxy_auth=BasicAuth(login="admin", password="123456")
            ) as session:
                async with session.get("/ip") as resp:
                    print(await resp.json())
        """,
        main="main",
        relative=True,
        shortened=[("127.0.0.1:7890", proxy.address)],
    )
    assert eval(played.said) == {"origin": "127.0.0.1"}
    assert logins(proxy) == [basic("admin:123456")]
    assert "Proxy-Authorization" not in internet.last.headers


async def test_s2_11_auth(play):
    played = await play(
        """
        # auth
        from drywire import BasicAuth
        async def main():
            async with aiohttp.ClientSession(
                # HTTP基础认证:用户名user,密码pass123
                auth=BasicAuth("user", "pass123")
            ) as session:
                async with session.get("/basic-auth/user/pass123") as resp:
                    print(await resp.json()) # 鉴权成功返回{"authenticated":true,"user":"user"}
        """,
        main="main",
        relative=True,
    )
    assert eval(played.said) == {"authenticated": True, "user": "user"}


async def test_s2_12_raise_for_status(play):
    played = await play(
        """
        # raise_for_status
        async def main():
            async with aiohttp.ClientSession(raise_for_status=True) as session:
                try:
                    # 响应状态码404,会自动抛异常
                    async with session.get("/status/404") as resp:
                        data = await resp.json() # 不会执行到这一步
                except aiohttp.ClientResponseError as e:
                    print(f"请求失败:{e.status} - {e.message}") # 捕获并处理异常
        """,
        main="main",
        relative=True,
    )
    assert played.said == "请求失败:404 - Not Found\n"


async def test_s2_13_auto_decompress(play):
    played = await play(
        """
        # auto_decompress
        async def main():
            # 关闭自动解压,获取原始gzip压缩数据
            async with aiohttp.ClientSession(auto_decompress=False) as session:
                async with session.get("/gzip") as resp:
                    raw_data = await resp.read() # 原始二进制压缩数据
                    print(f"原始数据长度:{len(raw_data)}")
            # 开启自动解压(默认),直接读取解压后的文本
            async with aiohttp.ClientSession(auto_decompress=True) as session:
                async with session.get("/gzip") as resp:
                    text_data = await resp.text() # 已解压的文本
                    print(f"解压后文本长度:{len(text_data)}")
        """,
        main="main",
        relative=True,
    )
    raw, text = (int(line.partition(":")[2]) for line in played.said.splitlines())
    body = json.dumps({"gzipped": True, "padding": "x" * 1000})
    assert text == len(body)
    assert raw == len(gzip.compress(body.encode()))


# What a session says of itself


async def test_s2_19_base_url_is_read(play):
    played = await play(
        """
        # base_url
        async def main():
            async with aiohttp.ClientSession(base_url="https://api.httpbin.org") as session:
                # 查看基础URL(yarl.URL对象,可转字符串)
                print("基础URL(原始):", session._base_url)
                print("基础URL(字符串):", str(session._base_url))
                # 拼接路径(等价于 session.get("/get"))
                full_url = session._base_url / "get"
                print("拼接后的完整URL:", full_url)
        """,
        main="main",
    )
    base = URL(play.url)
    assert played.said == f"基础URL(原始): {base}\n基础URL(字符串): {base}\n拼接后的完整URL: {base / 'get'}\n"


async def test_s2_20_headers_of_a_session(play):
    played = await play(
        """
        # headers
        async def main():
            global_headers = {"User-Agent": "Aiohttp-Demo", "X-Token": "123456"}
            async with aiohttp.ClientSession(headers=global_headers) as session:
                # 查看全局请求头(整体)
                print("全局请求头:", dict(session.headers))
                # 动态修改请求头
                session.headers["User-Agent"] = "Demo-Aiohttp"
                # 按键查找(大小写不敏感)
                print("User-Agent:", session.headers.get("user-agent"))
                print("X-Token:", session.headers["X-Token"])
        """,
        main="main",
    )
    assert played.said.splitlines() == [
        "全局请求头: {'User-Agent': 'Aiohttp-Demo', 'X-Token': '123456'}",
        "User-Agent: Demo-Aiohttp",
        "X-Token: 123456",
    ]


async def test_s2_21_timeout_of_a_session(play):
    played = await play(
        """
        # timeout
        from drywire import ClientTimeout
        async def main():
            timeout = ClientTimeout(connect=5, sock_read=10, total=30)
            async with aiohttp.ClientSession(timeout=timeout) as session:
                # 查看全局超时配置
                print("全局超时对象:", session.timeout)
                print("连接超时(秒):", session.timeout.connect)
                print("读取超时(秒):", session.timeout.sock_read)
                print("总超时(秒):", session.timeout.total)
        """,
        main="main",
    )
    whole, *parts = played.said.splitlines()
    assert whole.startswith("全局超时对象: ClientTimeout(total=30, connect=5, sock_read=10")
    assert parts == ["连接超时(秒): 5", "读取超时(秒): 10", "总超时(秒): 30"]


async def test_s2_22_connector_of_a_session(play):
    played = await play(
        """
        # connector
        from drywire import TCPConnector
        async def main():
            connector = TCPConnector(limit=200, limit_per_host=20)
            async with aiohttp.ClientSession(connector=connector) as session:
                # 查看连接池配置
                print("连接池类型:", type(session.connector))
                print("全局最大连接数:", session.connector.limit)
                print("单域名最大连接数:", session.connector.limit_per_host)
                # 动态修改连接池配置(慎用,需确保线程安全)
                session.connector.limit = 150
                print("修改后全局最大连接数:", session.connector.limit)
        """,
        main="main",
    )
    kind, *limits = played.said.splitlines()
    assert kind.startswith("连接池类型: <class 'drywire")
    assert limits == ["全局最大连接数: 200", "单域名最大连接数: 20", "修改后全局最大连接数: 150"]


async def test_s2_23_closed_session(play):
    played = await play(
        """
        # closed
        async def main():
            session = aiohttp.ClientSession()
            # 初始状态:未关闭
            print("会话是否关闭(初始):", session.closed)
            # 发起请求
            async with session.get("https://api.httpbin.org/get") as resp:
                print("请求状态码:", resp.status)
            # 手动关闭会话
            await session.close()
            print("会话是否关闭(关闭后):", session.closed)
            # 尝试对已关闭的会话发起请求(会抛异常)
            try:
                async with session.get("https://api.httpbin.org/get") as resp:
                    pass
            except RuntimeError as e:
                print("异常:", e)
        """,
        main="main",
    )
    assert played.said.splitlines() == [
        "会话是否关闭(初始): False",
        "请求状态码: 200",
        "会话是否关闭(关闭后): True",
        "异常: Session is closed",
    ]


async def test_s2_24_cookie_jar(play):
    # Slip: the parameter is not called url. That it may be a text is what S0-10 promises, too.
    played = await play(
        """
        # cookie
        async def main():
            async with aiohttp.ClientSession() as session:
                # 1. 手动添加Cookie
                session.cookie_jar.update_cookies(
                    {"uid": "10086", "login_token": "abc789"},
                    response_url="https://api.httpbin.org" # 指定Cookie生效的URL(可选)
                )
                # 2. 查看所有Cookie
                print("会话所有Cookie:", session.cookie_jar._cookies)
                # 3. 筛选指定URL的Cookie
                filtered_cookies = session.cookie_jar.filter_cookies("https://api.httpbin.org")
                print("指定URL的Cookie:", {k: v.value for k, v in filtered_cookies.items()})
                # 4. 发起请求,验证Cookie是否携带
                async with session.get("https://api.httpbin.org/cookies") as resp:
                    print("服务端接收的Cookie:", await resp.json())
                # 5. 清空Cookie
                session.cookie_jar.clear()
                print("清空后Cookie:", session.cookie_jar._cookies)
        """,
        main="main",
        deprecated="filter_cookies",
    )
    kept, filtered, received, cleared = (line.partition(": ")[2] for line in played.said.splitlines())
    assert all(word in kept for word in ("localhost", "uid", "10086", "login_token", "abc789"))
    assert eval(filtered) == {"uid": "10086", "login_token": "abc789"}
    assert eval(received) == {"cookies": {"uid": "10086", "login_token": "abc789"}}
    assert "uid" not in cleared
