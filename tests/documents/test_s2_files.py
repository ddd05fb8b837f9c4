"""The examples of seed-002 on files, and what a client gets of them. What is left out of it: test_s2.py."""

import asyncio
import sys
import types
from pathlib import Path

import pytest

from drywire import web

from ..server.asking import answers, get
from .playing import ON_ASYNCIO


@pytest.fixture
def folder(tmp_path):
    """Where the example's own file is said to lie, and its files are."""
    for name in ("test.jpg", "input/image_0.jpg", "large_video.mp4", "secret_doc.pdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


@pytest.fixture
def asking(play, serving, answer_to, folder):
    """``await asking(example, *requests)``: what its application answers to each."""

    async def ask(example, *requests):
        app = web.Application()
        names = {"web": web, "Path": Path, "app": app, "__file__": str(folder / "server.py")}
        played = await play(example, **names)
        async with serving(played["app"]) as url:
            return [answers(await answer_to(url, request))[0] for request in requests]

    return ask


async def test_s2_44_preview(asking):
    (answer,) = await asking(
        """
        # 访问 http://127.0.0.1:8080/preview-image,浏览器直接显示图片
        from drywire import web
        from pathlib import Path
        # 确保文件存在(test.jpg,可替换为自己的文件路径)
        FILE_PATH = Path(__file__).parent / "test.jpg"
        async def file_preview_handler(request):
            # 构建FileResponse(核心:仅需传入文件路径)
            return web.FileResponse(
                path=FILE_PATH, # 必填:文件路径(Path对象/字符串均可)
                status=200, # 可选:默认200
                cache_control="max-age=3600" # 可选:浏览器缓存1小时
            )
        app = web.Application()
        app.add_routes([web.get("/preview-image", file_preview_handler)])
        if __name__ == "__main__":
            web.run_app(app, host="127.0.0.1", port=8080)
        """,
        get("/preview-image"),
    )
    assert (answer.status, answer.body) == (200, b"test.jpg")
    assert answer.headers["Cache-Control"] == "max-age=3600"
    assert answer.headers["Content-Type"] == "image/jpeg"


async def test_s2_45_download(asking):
    (answer,) = await asking(
        """
        # 访问 http://127.0.0.1:8080/download-zip,浏览器自动下载文件,文件名显示为 我的压缩包.zip(而非原文件名 test.zip)
        from drywire import web
        from pathlib import Path
        async def file_download_handler(request):
            # 原文件:test.zip,下载时显示为 "我的压缩包.zip"
            zip_path = Path(__file__).parent / "input" / "image_0.jpg"
            # 构建下载响应
            return web.FileResponse(
                path=zip_path,
                headers={
                    # 强制下载(优先级高于浏览器默认预览行为)
                    "Content-Disposition": 'attachment; filename="我的压缩包.zip"'
                }
            )
        app = web.Application()
        app.add_routes([web.get("/download-zip", file_download_handler)])
        if __name__ == "__main__":
            web.run_app(app, host="127.0.0.1", port=8080)
        """,
        get("/download-zip"),
    )
    assert answer.body == b"input/image_0.jpg"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="我的压缩包.zip"'


async def test_s2_46_large_file(asking):
    whole, part = await asking(
        """
        async def large_file_handler(request):
            # 超大文件路径(如 2GB 的视频文件)
            large_file_path = Path(__file__).parent / "large_video.mp4"
            return web.FileResponse(
                path=large_file_path,
                chunk_size=1048576, # 调整分块大小为 1MB(默认256KB,大文件可调大)
                allow_range=True, # 开启断点续传(默认True,可省略)
                content_type="video/mp4" # 手动指定MIME类型(确保视频播放器识别)
            )
        app.add_routes([web.get("/large-video", large_file_handler)])
        """,
        get("/large-video"),
        get("/large-video", "Range: bytes=6-"),
    )
    assert (whole.status, whole.body, whole.headers["Content-Type"]) == (200, b"large_video.mp4", "video/mp4")
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, b"video.mp4", "bytes 6-14/15")


async def test_s2_47_missing_file(asking):
    (answer,) = await asking(
        """
        async def safe_file_handler(request):
            file_path = Path(__file__).parent / "non_exist_file.txt"
            try:
                # 尝试返回文件
                return web.FileResponse(path=file_path)
            except web.HTTPNotFound:
                # 文件不存在时,返回自定义JSON错误
                return web.json_response(
                    data={
                        "code": 40401,
                        "msg": "文件不存在",
                        "data": None
                    },
                    status=404
                )
        app.add_routes([web.get("/safe-file", safe_file_handler)])
        """,
        get("/safe-file"),
    )
    assert answer.status == 404
    assert answer.body == b'{"code": 40401, "msg": "\\u6587\\u4ef6\\u4e0d\\u5b58\\u5728", "data": null}'


async def test_s2_48_token(asking):
    refused, answer = await asking(
        """
        async def auth_file_handler(request):
            # 1. 权限校验:获取请求头中的Token
            token = request.headers.get("X-Token")
            if token != "valid_token_123":
                # 无权限:返回403错误
                return web.json_response(
                    data={"code": 40301, "msg": "无访问权限"},
                    status=403
                )
            # 2. 权限通过:返回文件
            file_path = Path(__file__).parent / "secret_doc.pdf"
            return web.FileResponse(path=file_path)
        app.add_routes([web.get("/auth-file", auth_file_handler)])
        """,
        get("/auth-file"),
        get("/auth-file", "X-Token: valid_token_123"),
    )
    assert (refused.status, answer.status) == (403, 200)
    assert (answer.body, answer.headers["Content-Type"]) == (b"secret_doc.pdf", "application/pdf")


@pytest.mark.parametrize("anyio_backend", ON_ASYNCIO)
async def test_s2_49_temporary_file(play, serving, answer_to, tmp_path, monkeypatch):
    # Slip: nothing keeps the task from removing the file before it is sent. Here it waits until a client has it.
    sent = asyncio.Event()

    async def remove(path):
        await sent.wait()
        path.unlink()
        removed.set()

    removed = asyncio.Event()
    aiofiles = types.ModuleType("aiofiles")
    aiofiles.os = types.ModuleType("aiofiles.os")
    aiofiles.os.remove = remove
    monkeypatch.setitem(sys.modules, "aiofiles", aiofiles)
    monkeypatch.setitem(sys.modules, "aiofiles.os", aiofiles.os)
    played = await play(
        """
        import aiofiles.os
        async def temp_file_handler(request):
            temp_path = Path("temp_file.txt")
            resp = web.FileResponse(path=temp_path)
            # 响应完成后删除临时文件
            async def cleanup():
                await aiofiles.os.remove(temp_path)
            request.loop.create_task(cleanup())
            return resp
        """,
        web=web,
        Path=Path,
    )
    (tmp_path / "temp_file.txt").write_text("temporary")
    app = web.Application()
    app.router.add_get("/", played["temp_file_handler"])
    async with serving(app) as url:
        with pytest.warns(DeprecationWarning, match=r"request\.loop"):
            answer = answers(await answer_to(url, get("/")))[0]
    sent.set()
    await removed.wait()
    assert (answer.body, list(tmp_path.glob("*.txt"))) == (b"temporary", [])
