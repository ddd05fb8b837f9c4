"""The pages that drywire and aiohttp serve side by side; `web` is the one's module or the other's."""

import json
import tempfile
from pathlib import Path

FILE_SIZE = 1 << 20


def application(web, kind):
    """Return an application: "plain" has a greeting, a file and a place for JSON, "api" JSON behind middlewares."""

    async def hello(request):
        return web.Response(text="Hello, world!")

    async def count(request):
        data = await request.json()
        return web.json_response({"fields": len(data)})

    async def item(request):
        return web.json_response({"user": request.match_info["name"], "item": int(request.match_info["item"])})

    async def file(request):
        return web.FileResponse(path)

    if kind == "api":
        app = web.Application(middlewares=[web.middleware(one) for one in (_first, _second, _third)])
        app.router.add_get("/users/{name}/items/{item}", item)
        return app
    path = Path(tempfile.gettempdir()) / "drywire-benchmark-file.bin"
    if not path.exists() or path.stat().st_size != FILE_SIZE:
        path.write_bytes(bytes(FILE_SIZE))
    app = web.Application()
    app.router.add_get("/", hello)
    app.router.add_get("/file", file)
    app.router.add_post("/json", count)
    return app


async def _first(request, handler):
    response = await handler(request)
    response.headers["X-Frame-Options"] = "DENY"
    return response


async def _second(request, handler):
    if request.headers.get("Authorization") == "nobody":
        raise PermissionError
    return await handler(request)


async def _third(request, handler):
    return await handler(request)


BODY = json.dumps({"name": "reader", "numbers": list(range(20)), "text": "x" * 900})
"""What is posted: about 1 KiB."""
