"""The hosts of the documents' examples, all in one: httpbin.org, api.github.com, example.org and the rest.

It is a server of ours, in a thread with a loop of its own, so that it answers whatever loop an example runs on, also
where the example starts that loop itself.
"""

import asyncio
import contextlib
import email
import email.policy
import functools
import gzip
import html
import json
import threading
import urllib.parse
from dataclasses import dataclass
from http.cookies import SimpleCookie

from multidict import CIMultiDict

from drywire import web

__all__ = ["EVENTS", "PICTURE", "SECOND", "Internet", "Seen"]

SECOND = 0.1
"""How long a second of ``/delay/{seconds}`` takes here, in seconds."""

EVENTS = '[{"created_at":"2015-06-12T14:06:22Z","public":true,"actor":{"login":"octocat"}}]'
"""GitHub's public time-line."""

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100

CHAPTERS = {"1": "In the beginning", "2": "Meanwhile", "3": "In the end"}
"""The novel on dushu.baidu.com: titles by the ids of their chapters."""

COMMANDS = ("hello", "again", "close cmd")
"""What ``/websocket`` sends."""


@dataclass
class Seen:
    """A request as the server got it."""

    method: str
    target: str
    headers: CIMultiDict
    body: bytes

    @classmethod
    async def of(cls, request):
        """Return what a handler got."""
        return cls(request.method, request.raw_path, CIMultiDict(request.headers), await request.read())

    @property
    def parts(self):
        """The parts of a multipart body, as tuples of name, file name, content type and content."""
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = email.message_from_bytes(head + self.body, policy=email.policy.HTTP)
        assert message.get_content_type() == "multipart/form-data"
        assert not message.defects
        return [
            (
                part.get_param("name", header="content-disposition"),
                part.get_filename(),
                part.get_content_type(),
                part.get_payload(decode=True),
            )
            for part in message.iter_parts()
        ]

    @property
    def form(self):
        """The fields of a form that are no files, by name."""
        if self.headers.get("Content-Type", "").startswith("multipart/form-data"):
            return {name: content.decode() for name, filename, _, content in self.parts if filename is None}
        if self.headers.get("Content-Type") == "application/x-www-form-urlencoded":
            return dict(urllib.parse.parse_qsl(self.body.decode(), keep_blank_values=True))
        return {}

    @property
    def files(self):
        """The files of a form as text, by field name."""
        if not self.headers.get("Content-Type", "").startswith("multipart/form-data"):
            return {}
        return {name: content.decode("latin-1") for name, filename, _, content in self.parts if filename is not None}

    @property
    def json(self):
        """The body as JSON, None where it is none."""
        with contextlib.suppress(ValueError):
            return json.loads(self.body)

    @property
    def cookies(self):
        """The cookies of the request, by name."""
        return {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("Cookie", "")).items()}


# What httpbin.org answers


def told(seen):
    path, _, query = seen.target.partition("?")
    is_form = bool(seen.form or seen.files)
    return {
        "args": dict(urllib.parse.parse_qsl(query, keep_blank_values=True)),
        "data": "" if is_form else seen.body.decode("latin-1"),
        "files": seen.files,
        "form": seen.form,
        "headers": {name.title(): value for name, value in seen.headers.items()},
        "json": None if is_form else seen.json,
        "origin": "127.0.0.1",
        "url": urllib.parse.urljoin(f"http://{seen.headers['Host']}/", path),
    }


async def tell(request, seen):
    return web.json_response(told(seen))


async def allow(request, seen):
    return web.Response(headers={"Allow": "GET, HEAD, OPTIONS"})


async def tell_origin(request, seen):
    return web.json_response({"origin": told(seen)["origin"]})


async def tell_headers(request, seen):
    return web.json_response({"headers": told(seen)["headers"]})


async def tell_cookies(request, seen):
    return web.json_response({"cookies": seen.cookies})


async def set_cookies(request, seen):
    fields = CIMultiDict({"Location": "/cookies"})
    for name, value in request.query.items():
        fields.add("Set-Cookie", f"{name}={value}; Path=/")
    return web.Response(status=302, headers=fields)


async def delay(request, seen):
    await asyncio.sleep(int(request.match_info["seconds"]) * SECOND)
    return web.json_response(told(seen))


async def status(request, seen):
    return web.Response(status=int(request.match_info["status"]))


async def zipped(request, seen):
    body = json.dumps({"gzipped": True, "padding": "x" * 1000}).encode()
    fields = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    return web.Response(body=gzip.compress(body), headers=fields)


async def lines(request, seen):
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    for number in range(int(request.match_info["count"])):
        await response.write(json.dumps({"id": number, "url": "/stream"}).encode() + b"\n")
    await response.write_eof()
    return response


async def picture(request, seen):
    return web.Response(body=PICTURE, headers={"Content-Type": "image/png"})


async def log_in(request, seen):
    user = request.match_info["user"]
    if seen.headers.get("Authorization") != "Basic dXNlcjpwYXNzMTIz":  # user:pass123
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="Fake Realm"'})
    return web.json_response({"authenticated": True, "user": user})


# What the other hosts answer


async def events(request, seen):
    return web.Response(body=EVENTS.encode(), headers={"Content-Type": "application/json; charset=utf-8"})


async def russian(request, seen):
    return web.Response(body="Привет, мир".encode("windows-1251"), headers={"Content-Type": "text/html"})


async def take(request, seen):
    return web.json_response({"size": len(seen.body)})


async def bake(request, seen):
    return web.Response(headers={"Set-Cookie": "example_cookie_name=example; Path=/"})


async def move(request, seen):
    return web.Response(status=301, headers={"Location": "/some/other/url/"})


async def catalogue(request, seen):
    book = json.loads(request.query["data"])["book_id"]
    items = [{"title": title, "cid": cid} for cid, title in CHAPTERS.items()]
    return web.json_response({"data": {"novel": {"book_id": book, "items": items}}})


async def chapter(request, seen):
    _, _, cid = json.loads(request.query["data"])["cid"].partition("|")
    return web.json_response({"data": {"novel": {"content": CHAPTERS[cid] * 10}}})


async def page(request, seen):
    return web.Response(text=f"<h1>{html.escape(request.path)}</h1>", headers={"Content-Type": "text/html"})


HANDLERS = {
    ("GET", "/get"): tell,
    ("OPTIONS", "/get"): allow,
    ("POST", "/post"): tell,
    ("PUT", "/put"): tell,
    ("PATCH", "/patch"): tell,
    ("DELETE", "/delete"): tell,
    ("GET", "/post"): tell,
    ("GET", "/headers"): tell_headers,
    ("GET", "/ip"): tell_origin,
    ("GET", "/cookies"): tell_cookies,
    ("GET", "/cookies/set"): set_cookies,
    ("GET", "/delay/{seconds}"): delay,
    ("GET", "/status/{status}"): status,
    ("GET", "/gzip"): zipped,
    ("GET", "/stream/{count}"): lines,
    ("GET", "/image/png"): picture,
    ("GET", "/basic-auth/{user}/{password}"): log_in,
    ("GET", "/events"): events,
    ("GET", "/windows-1251"): russian,
    ("POST", "/some/endpoint"): take,
    ("POST", "/streamed"): take,
    ("GET", "/some/cookie/setting/url"): bake,
    ("GET", "/some/redirect/"): move,
    ("GET", "/api/pc/getCatalog"): catalogue,
    ("GET", "/api/pc/getChapterContent"): chapter,
    ("GET", "/{rest:.*}"): page,
}


class Internet:
    """The server, and what it has seen since `forget`."""

    def __init__(self):
        self.seen = []
        self.messages = []
        """What WebSocket clients have said."""
        self.most_open = 0
        """How many requests were being answered at once."""
        self._open = set()
        self.failures = 0
        """How many requests for ``/flaky`` are still to be answered with 500."""

    def forget(self):
        """Forget what the last test has done, once the server has read what that test sent last."""
        self._wait(self._settle())
        self._open = set()
        self.seen.clear()
        self.messages.clear()
        self.most_open = self.failures = 0

    @property
    def last(self):
        """The last request."""
        return self.seen[-1]

    @contextlib.contextmanager
    def running(self):
        """Serve from a thread, as `url`."""
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            thread = threading.Thread(target=loop.run_forever, name="internet")
            thread.start()
            self._loop = loop
            try:
                with self.serving(self._app()) as url:
                    self.url = url
                    yield self
            finally:
                loop.call_soon_threadsafe(loop.stop)
                thread.join()

    @contextlib.contextmanager
    def serving(self, app, ssl_context=None):
        """Serve `app`, from the same thread, and yield its URL."""
        runner, url = self._wait(self._start(app, ssl_context))
        try:
            yield url
        finally:
            self._wait(runner.cleanup())

    def _wait(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=15)

    @contextlib.contextmanager
    def secured(self, ssl_context):
        """Serve the same hosts over TLS, and yield their URL."""
        with self.serving(self._app(), ssl_context) as url:
            yield url

    @staticmethod
    async def _settle():
        for _ in range(3):
            await asyncio.sleep(0)

    @staticmethod
    async def _start(app, ssl_context):
        runner = web.AppRunner(app, shutdown_timeout=2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context)
        await site.start()
        # By name: jars keep no cookies of an IP address.
        return runner, site.name.replace("127.0.0.1", "localhost")

    def _app(self):
        app = web.Application(client_max_size=2**24)
        app.router.add_get("/websocket", self._talk)
        app.router.add_get("/flaky", self._noting(self._fail_at_first))
        for (method, path), handler in HANDLERS.items():
            add = functools.partial(app.router.add_route, method) if method != "GET" else app.router.add_get
            add(path, self._noting(handler))
        return app

    def _noting(self, handler):
        async def handle(request):
            seen = await Seen.of(request)
            self.seen.append(seen)
            now_open = self._open  # a request that its client has given up may outlive the test
            now_open.add(request)
            self.most_open = max(len(self._open), self.most_open)
            try:
                return await handler(request, seen)
            finally:
                now_open.remove(request)

        return handle

    async def _fail_at_first(self, request, seen):
        if self.failures:
            self.failures -= 1
            return web.Response(status=500)
        return web.Response(text="at last")

    async def _talk(self, request):
        """Say each of `COMMANDS`, and wait for the answer to it."""
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        for command in COMMANDS:
            await ws.send_str(command)
            message = await ws.receive()
            if message.type is not web.WSMsgType.TEXT:
                break
            self.messages.append(message.data)
        return ws
