"""A server to practise on: it tells what it was asked, redirects, sets cookies, wants logins, fails, and dawdles.

python examples/practice_server.py [--port 8080] [--trio]

The snippets of docs/client.md use it through `run`, which starts it on a free port, runs a client, and stops it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import hmac
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal
from urllib.parse import parse_qsl

from multidict import MultiDict

import drywire
import drywire_transports
from drywire import web
from drywire_transports import StreamBroken, current_runtime

LOGIN = b64encode(b"ada:lovelace").decode()
REALM, NONCE = "practice", "a-nonce-of-this-server"
CONTENT = b"".join(b"%07d\n" % number for number in range(32 * 1024))  # 256 KiB
ETAG = f'"{hashlib.sha256(CONTENT).hexdigest()[:16]}"'


async def tell(request: web.Request) -> web.Response:
    """Tell what was asked; without the fields that every request has."""
    usual = {"Host", "Accept", "Accept-Encoding", "User-Agent", "Content-Length", "Content-Type", "Transfer-Encoding"}
    told: dict[str, Any] = {"method": request.method, "path": request.path}
    if request.query:
        told["query"] = _plain(MultiDict(request.query))
    headers = {name: value for name, value in request.headers.items() if name not in usual}
    if headers:
        told["headers"] = headers
    return web.json_response({**told, **await _body(request)})


async def _body(request: web.Request) -> dict[str, Any]:
    if request.content_type == "multipart/form-data":
        form: MultiDict[Any] = MultiDict()
        async for part in drywire.MultipartReader(request.headers, request.content):
            assert isinstance(part, drywire.BodyPartReader)
            data = await part.read(decode=True)
            name = part.name or ""
            form.add(name, data.decode() if part.filename is None else f"file {part.filename!r}, {len(data)} bytes")
        return {"form": _plain(form)}
    size, start = 0, b""
    async for piece in request.content.iter_any():
        size += len(piece)
        start = start or piece
    if not size:
        return {}
    if request.content_type == "application/json":
        return {"json": json.loads(start)}
    if request.content_type == "application/x-www-form-urlencoded":
        return {"form": _plain(MultiDict(parse_qsl(start.decode())))}
    return {"body": f"{size} bytes of {request.content_type}"}


def _plain(fields: MultiDict[Any]) -> dict[str, Any]:
    """Return a value for each name, a list where it has several."""
    return {name: all_[0] if len(all_ := fields.getall(name)) == 1 else all_ for name in dict.fromkeys(fields)}


async def status(request: web.Request) -> web.Response:
    return web.Response(status=int(request.match_info["status"]), text="as you wished\n")


async def redirect(request: web.Request) -> web.Response:
    left = int(request.match_info["times"])
    return web.Response(status=302, headers={"Location": f"/redirect/{left - 1}" if left > 1 else "/anything"})


async def set_cookie(request: web.Request) -> web.Response:
    pairs = [("Set-Cookie", f"{name}={value}; Path=/") for name, value in request.query.items()]
    return web.Response(headers=MultiDict(pairs), text="set\n")


def same(said: str, wanted: str) -> bool:
    """Whether the two are equal; how long that takes does not tell how much of them is."""
    return hmac.compare_digest(said.encode("utf-8", "surrogateescape"), wanted.encode())


async def basic(request: web.Request) -> web.Response:
    if not same(request.headers.get("Authorization", ""), f"Basic {LOGIN}"):
        return web.Response(status=401, headers={"WWW-Authenticate": f'Basic realm="{REALM}"'})
    return web.Response(text="welcome, ada\n")


async def digest(request: web.Request) -> web.Response:
    """Let in who knows that ada's password is lovelace, and does not say it (RFC 7616)."""
    said = dict(re.findall(r'(\w+)="?([^",]+)"?', request.headers.get("Authorization", "")))

    def hashed(*parts: str) -> str:
        return hashlib.sha256(":".join(parts).encode()).hexdigest()

    known = hashed("ada", REALM, "lovelace")
    asked = hashed(request.method, request.raw_path)
    wanted = hashed(known, NONCE, said.get("nc", ""), said.get("cnonce", ""), "auth", asked)
    if not same(said.get("response", ""), wanted):
        challenge = f'Digest realm="{REALM}", nonce="{NONCE}", qop="auth", algorithm=SHA-256'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})
    return web.Response(text="welcome, ada\n")


async def compressed(request: web.Request) -> web.Response:
    return web.Response(body=gzip.compress(CONTENT), headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})


async def content(request: web.Request) -> web.Response:
    """Give 256 KiB of numbered lines, from where Range says on; ``?cut=N`` hangs up after N bytes of it."""
    start, headers = 0, {"ETag": ETAG, "Accept-Ranges": "bytes"}
    wished = re.fullmatch(r"bytes=([0-9]{1,9})-", request.headers.get("Range", ""))
    if wished and request.headers.get("If-Range", ETAG) == ETAG:
        start = int(wished[1])
        if start >= len(CONTENT):
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(CONTENT)}"})
        headers["Content-Range"] = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
    cut = int(request.query.get("cut", "0"))
    if not cut:
        return web.Response(status=206 if start else 200, body=CONTENT[start:], headers=headers)
    response = web.StreamResponse(status=206 if start else 200, headers=headers)
    response.content_length = len(CONTENT) - start
    await response.prepare(request)
    await response.write(CONTENT[start : start + cut])
    raise StreamBroken("as you wished")  # what a server sees of a client that has gone, so it hangs up and says nothing


async def lines(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    for number in range(int(request.match_info["count"])):
        await response.write(b'{"number": %d}\n' % number)
    await response.write_eof()
    return response


async def delay(request: web.Request) -> web.Response:
    runtime = current_runtime()
    await runtime.sleep_until(runtime.now() + float(request.match_info["seconds"]))
    return web.Response(text="at last\n")


def flaky() -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return a handler that is unavailable for each name so many times, and then works."""
    failed: dict[str, int] = {}

    async def handler(request: web.Request) -> web.Response:
        name, times = request.match_info["name"], int(request.match_info["times"])
        failed[name] = failed.get(name, 0) + 1
        if failed[name] <= times:
            return web.Response(status=503, headers={"Retry-After": request.query.get("after", "0")}, text="not now\n")
        return web.Response(text=f"worked at attempt {failed.pop(name)}\n")

    return handler


def make_app() -> web.Application:
    app = web.Application()
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        app.router.add_route(method, "/anything{rest:.*}", tell)
        app.router.add_route(method, r"/status/{status:[2-5]\d\d}", status)
        app.router.add_route(method, r"/flaky/{name}/{times:\d}", flaky())
    app.add_routes(
        [
            web.get(r"/redirect/{times:\d}", redirect),
            web.get("/set-cookie", set_cookie),
            web.get("/basic", basic),
            web.get("/digest", digest),
            web.get("/compressed", compressed),
            web.get("/content", content),
            web.get(r"/lines/{count:\d{1,4}}", lines),
            web.get(r"/delay/{seconds:\d(\.\d{1,3})?}", delay),
        ]
    )
    return app


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """Serve on a free port of this machine until the block ends; give the URL, with a slash at its end."""
    runner = web.AppRunner(make_app(), shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"{site.name}/"
    finally:
        await runner.cleanup()


def run(main: Callable[[str], Awaitable[None]], backend: Literal["asyncio", "trio"] = "asyncio") -> None:
    """Run ``main(url)`` with a practice server at `url`, on the loop of that name."""

    async def both() -> None:
        async with serving() as url:
            await main(url)

    drywire_transports.run(both, backend=backend)


def program() -> None:
    parser = argparse.ArgumentParser(description="a server to practise on")
    parser.add_argument("--port", type=int, default=8080, help="0 for a free one")
    parser.add_argument("--trio", action="store_true", help="on trio instead of asyncio")
    options = parser.parse_args()
    web.run_app(
        make_app(),
        host="127.0.0.1",
        port=options.port,
        backend="trio" if options.trio else "asyncio",
        print=lambda text: print(text, flush=True),
    )


if __name__ == "__main__":
    program()
