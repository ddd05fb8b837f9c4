"""The examples of seed-002 on requests and responses of a server. What is left out of it: test_s2.py."""

import contextlib
import json
import sys
import types

import pytest

import drywire
from drywire import web


@pytest.fixture
def running(play, serving, monkeypatch):
    """``async with running(example) as ask``: its application at work; ``await ask(method, path, ...)`` asks it."""
    monkeypatch.setattr(web, "run_app", lambda app, **where: None)

    @contextlib.asynccontextmanager
    async def run(example, route=None, **names):
        app = web.Application()
        played = await play(example, web=web, app=app, json=json, **names)
        async with serving(played["app"]) as url, drywire.ClientSession() as session:

            async def ask(method, path, **options):
                async with session.request(method, url + path, **options) as response:
                    ask.response, ask.text = response, await response.text()
                return ask.text

            ask.played, ask.url = played, url
            yield ask

    return run


async def test_s2_26_path(running):
    example = """
        # 访问 http://127.0.0.1:8080/user/1001?name=张三
        from drywire import web
        async def handler(request):
            print("path请求路径:", request.path) # /user/1001
            print("path_as请求路径:", request.path_as) # /user/1001?name=张三
            return web.Response(text=f"Path: {request.path}")
        app = web.Application()
        app.add_routes([web.get("/user/{user_id}", handler)])
        web.run_app(app, host="127.0.0.1", port=8080)
        """
    async with running(example) as ask:
        await ask("GET", "/user/1001?name=张三")
        assert ask.response.status == 500  # there is no path_as: it means path_qs
        assert ask.played.said == "path请求路径: /user/1001\n"
    async with running(example.replace("path_as", "path_qs")) as ask:
        assert await ask("GET", "/user/1001?name=张三") == "Path: /user/1001"
        assert ask.played.said.endswith(": /user/1001?name=%E5%BC%A0%E4%B8%89\n")


async def test_s2_27_query(running):
    example = """
        async def handler(request):
            # 1. 获取单个查询参数
            name = request.query.get("name", "未知用户")
            age = request.query.get("age", 0) # 字符串类型,需手动转int
            # 2. 获取同名多值(如 ?tag=1&tag=2&tag=3)
            tags = request.query.getall("tag") # 返回列表:["1", "2", "3"]
            # 3. 转为普通字典(同名多值仅保留第一个)
            query_dict = dict(request.query) # 核心修正:替代不存在的 to_dict()
            # 4. 手动处理同名多值,转为 {key: list} 格式的字典
            query_multi_dict = {}
            for key in request.query.keys():
                query_multi_dict[key] = request.query.getall(key)
            return web.json_response({
                "single_value": {
                    "name": name,
                    "age": int(age) # 手动转换类型
                },
                "multi_value": {
                    "tags": tags
                },
                "query_dict": query_dict, # 单值字典
                "query_multi_dict": query_multi_dict # 多值字典
            })
        app = web.Application()
        app.add_routes([web.get("/query", handler)])
        if __name__ == "__main__":
            web.run_app(app, host="127.0.0.1", port=8080)
        """
    async with running(example) as ask:
        found = json.loads(await ask("GET", "/query?name=张三&tag=1&tag=2"))
        assert found["single_value"] == {"name": "张三", "age": 0}
        assert found["multi_value"] == {"tags": ["1", "2"]}
        assert found["query_dict"] == {"name": "张三", "tag": "1"}
        assert found["query_multi_dict"] == {"name": ["张三"], "tag": ["1", "2"]}


async def test_s2_28_match_info(running):
    example = """
        # http://127.0.0.1:8080/user/10086,响应:User ID: 10086
        async def handler(request):
            # 获取路由参数({user_id})
            user_id = request.match_info.get("user_id", "0")
            return web.Response(text=f"User ID: {user_id}")
        app = web.Application()
        app.add_routes([web.get("/user/{user_id}", handler)])
        web.run_app(app, host="127.0.0.1", port=8080)
        """
    async with running(example) as ask:
        assert await ask("GET", "/user/10086") == "User ID: 10086"


async def test_s2_29_url(running):
    example = """
        # 访问 http://127.0.0.1:8080/url?a=1
        async def handler(request):
            return web.json_response({
                "full_url": str(request.url),
                "host": request.url.host,
                "port": request.url.port,
                "scheme": request.url.scheme
            })
        app = web.Application()
        app.add_routes([web.get("/url", handler)])
        web.run_app(app, host="127.0.0.1", port=8080)
        """
    async with running(example) as ask:
        found = json.loads(await ask("GET", "/url?a=1"))
        assert found["full_url"] == f"{ask.url}/url?a=1"
        assert (found["host"], found["scheme"]) == ("127.0.0.1", "http")
        assert ask.url.endswith(f":{found['port']}")


async def test_s2_30_method(running):
    example = """
        # http://127.0.0.1:8080/method,响应:Method: POST
        async def handler(request):
            return web.Response(text=f"Method: {request.method}")
        app = web.Application()
        app.add_routes([
            web.post("/method", handler)
        ])
        web.run_app(app, host="127.0.0.1", port=8080)
        """
    async with running(example) as ask:
        assert await ask("POST", "/method") == "Method: POST"


async def test_s2_31_headers(running):
    example = """
        # http://127.0.0.1:8080/headers
        async def handler(request):
            # 获取请求头(大小写不敏感)
            user_agent = request.headers.get("User-Agent", "未知")
            content_type = request.headers.get("Content-Type", "无")
            token = request.headers.get("X-Token", "无")
            return web.json_response({
                "User-Agent": user_agent,
                "Content-Type": content_type,
                "X-Token": token
            })
        app = web.Application()
        app.add_routes([web.get("/headers", handler)])
        web.run_app(app, host="127.0.0.1", port=8080)
        """
    async with running(example) as ask:
        found = json.loads(await ask("GET", "/headers", headers={"x-token": "t", "user-agent": "me"}))
        assert found == {"User-Agent": "me", "Content-Type": "无", "X-Token": "t"}


async def test_s2_32_cookies(running):
    example = """
        # 客户端携带Cookie uid=1001;token=abc789 访问,响应:UID: 1001, Token: abc789
        async def handler(request):
            # 获取Cookie
            uid = request.cookies.get("uid", "").value if "uid" in request.cookies else "无"
            token = request.cookies.get("token", "").value if "token" in request.cookies else "无"
            return web.Response(text=f"UID: {uid}, Token: {token}")
        app = web.Application()
        app.add_routes([web.get("/cookies", handler)])
        web.run_app(app, host="127.0.0.1", port=8080)
        """
    async with running(example) as ask:
        found = await ask("GET", "/cookies", cookies={"uid": "1001", "token": "abc789"})
        assert found == "UID: 1001, Token: abc789"
    async with running(example) as ask:
        assert await ask("GET", "/cookies") == "UID: 无, Token: 无"


async def test_s2_33_remote(running):
    example = """
        async def handler(request):
            return web.Response(text=f"Your IP: {request.remote}")
        app = web.Application()
        app.add_routes([web.get("/ip", handler)])
        web.run_app(app, host="127.0.0.1", port=8080)
        """
    async with running(example) as ask:
        assert await ask("GET", "/ip") == "Your IP: 127.0.0.1"


async def test_s2_34_json(running):
    example = """
        # 测试:POST 提交 {"name":"张三","age":20},响应成功;提交非 JSON 数据,返回 400 错误
        async def handler(request):
            try:
                # 解析JSON请求体
                data = await request.json()
                name = data.get("name")
                age = data.get("age")
                return web.json_response({"code": 200, "msg": "成功", "data": data})
            except Exception as e:
                return web.json_response({"code": 400, "msg": f"解析失败:{str(e)}"}, status=400)
        app = web.Application()
        app.add_routes([web.post("/json", handler)])
        web.run_app(app, host="127.0.0.1", port=8080)
        """
    async with running(example) as ask:
        data = {"name": "张三", "age": 20}
        assert json.loads(await ask("POST", "/json", json=data)) == {"code": 200, "msg": "成功", "data": data}
        assert json.loads(await ask("POST", "/json", data=b"{"))["msg"].startswith("解析失败:Expecting property name")
        assert ask.response.status == 400


async def test_s2_35_post(running):
    example = """
        async def handler(request):
            # 解析表单数据
            form_data = await request.post()
            username = form_data.get("username")
            password = form_data.get("password")
            return web.json_response({"username": username, "password": password})
        app = web.Application()
        app.add_routes([web.post("/form", handler)])
        web.run_app(app, host="127.0.0.1", port=8080)
        """
    form = {"username": "张三", "password": "a b&c"}
    async with running(example) as ask:
        assert json.loads(await ask("POST", "/form", data=form)) == form
        multipart = drywire.FormData(form, default_to_multipart=True)
        assert json.loads(await ask("POST", "/form", data=multipart)) == form


async def test_s2_36_raw_data(running):
    example = """
        async def handler(request):
            # 读取原始二进制请求体
            raw_data = await request.read()
            return web.Response(
                text=f"原始数据长度:{len(raw_data)},内容:{raw_data.decode('utf-8')}",
                status=200
            )
        app = web.Application()
        app.add_routes([web.post("/raw", handler)])
        web.run_app(app, host="127.0.0.1", port=8080)
        """
    async with running(example) as ask:
        assert await ask("POST", "/raw", data="张".encode()) == "原始数据长度:3,内容:张"


async def test_s2_37_large_upload(running, tmp_path):
    example = """
        async def handler(request):
            # 流式读取请求体(每次1024字节)
            total_size = 0
            with open("large_file.bin", "wb") as f:
                while True:
                    chunk = await request.content.read(1024)
                    if not chunk:
                        break
                    total_size += len(chunk)
                    f.write(chunk)
            return web.Response(text=f"大文件接收完成,总大小:{total_size} 字节")
        app = web.Application(client_max_size=1024*1024*100) # 允许最大100MB请求体
        app.add_routes([web.post("/large_upload", handler)])
        web.run_app(app, host="127.0.0.1", port=8080)
        """
    async with running(example) as ask:
        data = b"x" * 2_000_000
        assert await ask("POST", "/large_upload", data=data) == "大文件接收完成,总大小:2000000 字节"
    assert (tmp_path / "large_file.bin").read_bytes() == data


async def test_s2_38_text(running):
    example = '''
        from drywire import web
        async def text_response_handler(request):
            # 2. HTML 响应(指定 content_type 为 text/html)
            html_content = """
            <html>
            <head><title>Test Page</title></head>
            <body><h1>Hello, aiohttp!</h1></body>
            </html>
            """
            return web.Response(
                text=html_content,
                content_type="text/html", # 关键:指定HTML类型
                status=200 # 状态码默认200
            )
        app = web.Application()
        app.add_routes([web.get("/text", text_response_handler)])
        web.run_app(app, host="127.0.0.1", port=8080)
        '''
    async with running(example) as ask:
        assert "<h1>Hello, aiohttp!</h1>" in await ask("GET", "/text")
        assert ask.response.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_s2_39_error_response(running):
    example = """
        async def error_response_handler(request):
            # 400 参数错误
            if "name" not in request.query:
                return web.Response(
                    text=json.dumps({"code": 400, "msg": "name参数必传"}, ensure_ascii=False),
                    content_type="application/json",
                    status=400 # 关键:400状态码
                )
            # 500 服务器错误
            try:
                1 / 0 # 模拟异常
            except Exception as e:
                return web.Response(
                    text=json.dumps({"code": 500, "msg": f"服务器错误:{str(e)}"}, ensure_ascii=False),
                    content_type="application/json",
                    status=500
                )
        app.add_routes([web.get("/error", error_response_handler)])
        """
    async with running(example) as ask:
        assert json.loads(await ask("GET", "/error")) == {"code": 400, "msg": "name参数必传"}
        assert json.loads(await ask("GET", "/error?name=a")) == {"code": 500, "msg": "服务器错误:division by zero"}
        assert ask.response.status == 500


async def test_s2_40_stream(running, tmp_path):
    example = """
        async def stream_response_handler(request):
            # 构建流式响应(生成器返回分块数据)
            async def stream_generator():
                # 模拟逐行返回大文件内容
                with open("large_file.txt", "r", encoding="utf-8") as f:
                    for line in f:
                        yield line.encode("utf-8") # 转为二进制分块
            return web.Response(
                body=stream_generator(), # 流式响应体(生成器)
                content_type="text/plain",
                chunked=True # 启用分块传输
            )
        app.add_routes([web.get("/stream", stream_response_handler)])
        """
    (tmp_path / "large_file.txt").write_text("一\n二\n" * 1000, "utf-8")
    async with running(example) as ask:
        assert await ask("GET", "/stream") == "一\n二\n" * 1000
        assert ask.response.headers["Transfer-Encoding"] == "chunked"
        assert ask.response.content_type == "text/plain"


async def test_s2_41_json_response(running):
    example = """
        from drywire import web
        async def basic_json_handler(request):
            # 业务数据(任意可序列化的Python对象)
            response_data = {
                "code": 200, # 自定义业务码
                "msg": "请求成功", # 提示信息
                "data": { # 业务数据体
                    "user_id": 10086,
                    "username": "张三",
                    "age": 25,
                    "tags": ["Python", "aiohttp"]
                }
            }
            # 构建JSON响应(核心:仅需传入data)
            return web.json_response(
                data=response_data, # 必填:要序列化的JSON数据
                status=200, # 可选:HTTP状态码,默认200
                headers={ # 可选:自定义响应头
                    "X-Request-Id": "abc123456", # 请求唯一标识
                    "X-App-Version": "1.0.0" # 应用版本
                }
            )
        app = web.Application()
        app.add_routes([web.get("/basic-json", basic_json_handler)])
        if __name__ == "__main__":
            web.run_app(app, host="127.0.0.1", port=8080)
        """
    async with running(example) as ask:
        assert json.loads(await ask("GET", "/basic-json"))["data"]["username"] == "张三"
        assert ask.response.headers["X-Request-Id"] == "abc123456"


async def test_s2_42_json_errors(running):
    example = """
        async def error_json_handler(request):
            # 模拟参数校验失败
            username = request.query.get("username")
            if not username:
                # 400 参数错误响应
                return web.json_response(
                    data={
                        "code": 40001, # 自定义错误码(区分不同错误)
                        "msg": "用户名不能为空",
                        "data": None
                    },
                    status=400, # HTTP状态码:400 Bad Request
                    reason="Missing Required Parameter" # 状态码描述(可选)
                )
            # 模拟服务器异常
            try:
                1 / 0 # 故意触发异常
            except Exception as e:
                # 500 服务器错误响应
                return web.json_response(
                    data={
                        "code": 50001,
                        "msg": f"服务器内部错误:{str(e)}",
                        "data": None
                    },
                    status=500 # HTTP状态码:500 Internal Server Error
                )
        app.add_routes([web.get("/error-json", error_json_handler)])
        """
    async with running(example) as ask:
        assert json.loads(await ask("GET", "/error-json"))["code"] == 40001
        assert (ask.response.status, ask.response.reason) == (400, "Missing Required Parameter")
        assert json.loads(await ask("GET", "/error-json?username=张三"))["code"] == 50001


async def test_s2_43_own_dumps(running, monkeypatch):
    example = """
        # 先安装:pip install ujson
        import ujson
        async def custom_dumps_handler(request):
            data = {"name": "李四", "score": 95.5}
            return web.json_response(
                data=data,
                dumps=ujson.dumps # 自定义序列化函数(替换默认的json.dumps)
            )
        app.add_routes([web.get("/custom-dumps", custom_dumps_handler)])
        """
    stand_in = types.ModuleType("ujson")
    stand_in.dumps = lambda data: json.dumps(data, separators=(",", ":"))
    monkeypatch.setitem(sys.modules, "ujson", stand_in)
    async with running(example) as ask:
        assert await ask("GET", "/custom-dumps") == '{"name":"\\u674e\\u56db","score":95.5}'
