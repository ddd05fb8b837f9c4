"""Files as responses: how they are sent, and what is left when something goes wrong."""

import gc
import gzip
import logging
import os
import socket
import threading
import zlib
from datetime import UTC, datetime

import pytest

from drywire import web
from drywire.testing import session_for
from drywire_server import file_sending
from drywire_transports import current_runtime

from .asking import answers, get

TEXT = bytes(range(256)) * 4096  # 1 MiB
SMALL = b"a small file"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "large.bin").write_bytes(TEXT)
    (tmp_path / "small.txt").write_bytes(SMALL)
    (tmp_path / "empty").write_bytes(b"")
    for path in tmp_path.iterdir():
        os.utime(path, (784111777, 784111777))
    return tmp_path


@pytest.fixture
def ask(serving, answer_to, folder):
    """``await ask(name, *fields)``: what is answered for a file; `make` makes the response in place of FileResponse."""

    async def send(name, *fields, method="GET", make=web.FileResponse, **settings):
        async def handler(request):
            return make(folder / request.match_info["name"])

        app = web.Application()
        app.router.add_route("*", "/{name}", handler)
        async with serving(app, **settings) as url:
            data = await answer_to(url, get(f"/{name}", *fields, method=method))
        return answers(data, method)[0]

    return send


def descriptors(folder):
    """The files of a folder that this process has open."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if target.startswith(str(folder)):
            found.append(target)
    return found


proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="the system does not tell what is open")


@pytest.mark.parametrize(("name", "content"), [("large.bin", TEXT), ("small.txt", SMALL), ("empty", b"")])
async def test_a_file_is_sent_whole_and_described(ask, name, content):
    answer = await ask(name)
    assert (answer.status, answer.body) == (200, content)
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["Last-Modified"] == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"] == f'"{784111777 * 10**9:x}-{len(content):x}"'
    assert answer.headers["Vary"] is None
    head = await ask(name, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert {**head.headers, "Date": ""} == {**answer.headers, "Date": ""}


@proc
async def test_requests_follow_each_other_and_leave_nothing_open(serving, answer_to, folder):
    async def handler(request):
        return web.FileResponse(folder / "large.bin")

    app = web.Application()
    app.router.add_get("/", handler)
    requests = [
        ("GET", ()), ("GET", ("Range: bytes=10-19",)), ("HEAD", ()), ("GET", ("If-None-Match: *",)),
        ("GET", ('If-Match: "x"',)), ("GET", ("Range: bytes=9999999-",)),
        ("GET", ("Range: bytes=0-9, 500000-500009",)), ("GET", ()),
    ]  # fmt: skip
    data = b"".join(get("/", *fields, method=method, last=False) for method, fields in requests)
    async with serving(app) as url:
        found = answers(await answer_to(url, data), *(method for method, _ in requests))
        assert descriptors(folder) == []
    assert [answer.status for answer in found] == [200, 206, 200, 304, 412, 416, 206, 200]
    assert found[0].body == found[-1].body == TEXT
    assert found[1].body == TEXT[10:20]


async def test_over_tls_a_file_is_read_in_pieces(serving, folder, server_tls, client_tls):
    async def handler(request):
        return web.FileResponse(folder / "large.bin", chunk_size=100_000)

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app, ssl_context=server_tls) as url:
        runtime = current_runtime()
        stream = await runtime.connect_tcp("127.0.0.1", int(url.rpartition(":")[2]))
        stream = await stream.start_tls(client_tls, server_hostname="localhost")
        stream.read_deadline = runtime.now() + 10
        await stream.send(get("/"))
        data = b""
        while piece := await stream.receive():
            data += piece
        stream.abort()
    assert answers(data)[0].body == TEXT


async def test_in_memory_a_file_is_read_in_pieces(folder):
    async def handler(request):
        return web.FileResponse(folder / "large.bin", chunk_size=100_000)

    app = web.Application()
    app.router.add_get("/", handler)
    async with session_for(app) as session:
        async with session.get("http://a/") as response:
            assert await response.read() == TEXT
        async with session.get("http://a/", headers={"Range": "bytes=5-9"}) as response:
            assert (response.status, await response.read()) == (206, TEXT[5:10])


@pytest.mark.parametrize(
    ("field", "status", "part"),
    [
        ("Range: bytes=100-199", 206, slice(100, 200)),
        ("Range: bytes=-100", 206, slice(-100, None)),
        ("Range: bytes=1000000-", 206, slice(1000000, None)),
        ("Range: bytes=0-", 206, slice(None)),
        ("Range: lines=0-5", 200, slice(None)),
        ("Range: bytes=1048576-", 416, slice(0)),
        ("Range: bytes=5-2", 416, slice(0)),
    ],
)
async def test_one_range(ask, field, status, part):
    answer = await ask("large.bin", field)
    assert (answer.status, answer.body) == (status, TEXT[part])
    start, end, _ = part.indices(len(TEXT))
    said = {200: None, 206: f"bytes {start}-{end - 1}/{len(TEXT)}", 416: f"bytes */{len(TEXT)}"}
    assert answer.headers["Content-Range"] == said[status]


async def test_several_ranges(ask):
    answer = await ask("large.bin", "Range: bytes=600000-600099, 0-99, 50-149")
    kind, _, boundary = answer.headers["Content-Type"].partition("; boundary=")
    assert (answer.status, kind) == (206, "multipart/byteranges")
    assert answer.headers["Content-Range"] is None
    before, *parts, after = answer.body.split(f"--{boundary}".encode())
    assert (before, after) == (b"\r\n", b"--\r\n")
    head = b"\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes %d-%d/1048576\r\n\r\n%b\r\n"
    assert parts == [head % (600000, 600099, TEXT[600000:600100]), head % (0, 149, TEXT[:150])]


async def test_if_range_lets_a_range_count_or_not(ask):
    tag = f'"{784111777 * 10**9:x}-{len(TEXT):x}"'
    for value, status in [
        (tag, 206), ('"other"', 200), (f"W/{tag}", 200), ("Sun, 06 Nov 1994 08:49:37 GMT", 206),
        ("Sun, 06 Nov 1994 08:49:38 GMT", 200),
    ]:  # fmt: skip
        answer = await ask("large.bin", "Range: bytes=0-9", f"If-Range: {value}")
        assert (answer.status, len(answer.body)) == (status, 10 if status == 206 else len(TEXT))


async def test_conditions_come_before_ranges_and_in_their_order(ask):
    tag = f'"{784111777 * 10**9:x}-{len(SMALL):x}"'
    answer = await ask("small.txt", f"If-None-Match: {tag}", "Range: bytes=0-3")
    assert (answer.status, answer.headers["ETag"], answer.headers["Content-Type"]) == (304, tag, "text/plain")
    assert answer.headers["Content-Length"] is None
    answer = await ask("small.txt", 'If-Match: "x"', f"If-None-Match: {tag}")
    assert (answer.status, answer.body, answer.headers["ETag"]) == (412, b"", None)
    # One field in two lines is one list.
    assert (await ask("small.txt", 'If-None-Match: "x"', f"If-None-Match: {tag}")).status == 304
    assert (await ask("small.txt", f"If-None-Match: {tag}", "Content-Length: 0", method="POST")).status == 412


async def test_head_and_post_know_no_ranges(ask):
    for method in ("HEAD", "POST"):
        answer = await ask("small.txt", "Range: bytes=0-3", "Content-Length: 0", method=method)
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(SMALL)))


async def test_a_status_of_failure_has_no_conditions(ask):
    answer = await ask(
        "small.txt", "If-None-Match: *", "Range: bytes=0-3", make=lambda path: web.FileResponse(path, status=404)
    )
    assert (answer.status, answer.body) == (404, SMALL)


async def test_what_a_handler_says_of_the_file_stands(ask):
    def make(path):
        return web.FileResponse(
            path, headers={"ETag": '"mine"', "Content-Type": "a/b", "Vary": "Cookie"}, last_modified=0
        )

    answer = await ask("small.txt", make=make)
    assert [answer.headers[name] for name in ("ETag", "Content-Type", "Last-Modified")] == [
        '"mine"', "a/b", "Thu, 01 Jan 1970 00:00:00 GMT",
    ]  # fmt: skip
    assert (await ask("small.txt", 'If-None-Match: "mine"', make=make)).status == 304
    assert (await ask("small.txt", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT", make=make)).status == 200


def test_settings_that_cannot_be(folder):
    path = folder / "small.txt"
    with pytest.raises(ValueError, match="chunk_size must be at least 1"):
        web.FileResponse(path, 0)
    with pytest.raises(ValueError, match="content_type is not allowed beside"):
        web.FileResponse(path, headers={"Content-Type": "a/b"}, content_type="a/b")
    with pytest.raises(ValueError, match="no HTTP date"):
        web.FileResponse(path, last_modified="yesterday")
    with pytest.raises(ValueError, match="control character"):
        web.FileResponse(path, filename="a\r\nb")
    for moment in (datetime(1994, 11, 6, 8, 49, 37), datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC), 784111777.5):
        assert web.FileResponse(path, last_modified=moment).headers["Last-Modified"] == "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize("name", ["large.bin", "small.txt"])
async def test_a_file_is_compressed_as_it_is_sent(ask, name):
    def make(path):
        response = web.FileResponse(path)
        response.enable_compression()
        return response

    content = TEXT if name == "large.bin" else SMALL
    answer = await ask(name, make=make)
    assert (answer.body, answer.headers["Vary"]) == (content, "Accept-Encoding")
    assert not answer.headers["ETag"].startswith("W/")
    ranged = await ask(name, "Accept-Encoding: gzip", "Range: bytes=1-4", make=make)
    assert (ranged.status, ranged.body, ranged.headers["Content-Encoding"]) == (206, content[1:5], None)


async def test_compressed_it_has_another_tag(serving, answer_to, folder):
    async def handler(request):
        response = web.FileResponse(folder / "large.bin")
        response.enable_compression(web.ContentCoding.gzip)
        return response

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app) as url:
        head, _, body = (await answer_to(url, get("/").replace(b"1.1", b"1.0", 1))).partition(b"\r\n\r\n")
    assert b'ETag: W/"' in head
    assert b"Accept-Ranges: none" in head
    assert gzip.decompress(body) == TEXT
    assert zlib.crc32(TEXT) == int.from_bytes(body[-8:-4], "little")


async def test_the_disk_is_asked_in_threads(ask, folder, monkeypatch):
    """All but the one look of the constructor, for which a handler could not wait."""
    threads = set()
    real = os.open

    def watched(path, *args, **kwargs):
        if str(path).startswith(str(folder)):
            threads.add(threading.current_thread())
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", watched)
    assert (await ask("large.bin")).body == TEXT
    assert threads
    assert threading.main_thread() not in threads


@pytest.mark.parametrize(
    ("name", "fields", "length"),
    [
        ("large.bin", [], 2**20),
        ("small.txt", [], 12),
        ("small.txt", ["Range: bytes=2-4"], 3),
        ("small.txt", ["If-Match: x"], 0),
    ],
)
async def test_what_was_sent_is_counted(ask, name, fields, length):
    made = []

    def make(path):
        made.append(web.FileResponse(path))
        return made[0]

    assert len((await ask(name, *fields, make=make)).body) == made[0].body_length == length


async def test_sendfile_may_be_forbidden_by_the_environment(ask, monkeypatch):
    """DRYWIRE_NOSENDFILE, or AIOHTTP_NOSENDFILE; looked at once, when the server is imported."""
    monkeypatch.setattr(file_sending, "NO_SENDFILE", True)
    monkeypatch.setattr(os, "sendfile", None)
    assert (await ask("large.bin")).body == TEXT


@pytest.mark.skipif(not hasattr(os, "sendfile"), reason="the system has no sendfile")
async def test_the_kernel_sends_a_file_on_every_loop(ask, monkeypatch):
    sent = []
    real = os.sendfile
    monkeypatch.setattr(os, "sendfile", lambda *args: sent.append(real(*args)) or sent[-1])
    assert (await ask("large.bin")).body == TEXT
    assert sum(sent) == len(TEXT)


# When something goes wrong


async def read_head(stream):
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive()
    return data


class Held:
    """A server whose file is larger than what a connection holds, so that sending it waits for the client."""

    def __init__(self, url, path):
        self.port = int(url.rpartition(":")[2])
        self.path = path

    async def connect(self):
        stream = await current_runtime().connect_tcp("127.0.0.1", self.port)
        stream.read_deadline = current_runtime().now() + 15
        await stream.send(get("/"))
        return stream


@pytest.fixture
async def held(serving, folder):
    path = folder / "huge.bin"
    path.touch()
    os.truncate(path, 64 * 1024**2)

    async def handler(request):
        return web.FileResponse(path)

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app, write_timeout=1.0) as url:
        yield Held(url, path)


async def until(condition):
    runtime = current_runtime()
    limit = runtime.now() + 10
    while not condition():
        assert runtime.now() < limit
        await runtime.sleep_until(runtime.now() + 0.01)


@proc
async def test_a_client_that_goes_away_leaves_no_file_open(held, folder):
    stream = await held.connect()
    await read_head(stream)
    assert descriptors(folder)
    stream.abort()
    await until(lambda: not descriptors(folder))


@proc
async def test_a_client_that_does_not_read_is_cut_off(held, folder):
    stream = await held.connect()
    await until(lambda: descriptors(folder))
    begun = current_runtime().now()
    await until(lambda: not descriptors(folder))
    assert current_runtime().now() - begun < 5
    stream.abort()


async def test_a_file_that_shrinks_ends_the_connection_and_is_logged_once(held, caplog):
    caplog.set_level(logging.WARNING)
    stream = await held.connect()
    data = await read_head(stream)
    os.truncate(held.path, 1024)
    size = len(data)
    try:
        while piece := await stream.receive():
            size += len(piece)
    except ConnectionError:
        pass
    stream.abort()
    assert size < 64 * 1024**2
    await until(lambda: caplog.records)
    (record,) = caplog.records
    assert "huge.bin cannot be sent to its end" in record.getMessage()
    assert record.exc_info is None


@pytest.mark.parametrize("coding", ["gzip", "identity"])
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_a_compressed_file_that_shrinks_never_looks_whole(serving, answer_to, folder, caplog, version, coding):
    async def handler(request):
        response = web.FileResponse(folder / "large.bin")
        response.enable_compression()
        return response

    async def shrink(request, response):
        os.truncate(folder / "large.bin", 300_000)  # it is open by now, and its size known

    app = web.Application()
    app.router.add_get("/", handler)
    app.on_response_prepare.append(shrink)
    wanted = get("/", f"Accept-Encoding: {coding}", last=False).replace(b"1.1", version, 1)
    async with serving(app) as url:
        try:
            answer = await answer_to(url, wanted + get("/"))
        except ConnectionError:
            answer = b"\r\n\r\n"  # reset, which says it, too
    head, _, body = answer.partition(b"\r\n\r\n")
    assert not body.endswith(b"0\r\n\r\n")
    assert answer.count(b"HTTP/1.1") <= 1
    if coding == "identity" and head:
        assert b"Content-Length: 1048576" in head
    elif head and version == b"1.0":
        decompress = zlib.decompressobj(31)
        assert TEXT.startswith(decompress.decompress(body))
        assert not decompress.eof
    (record,) = caplog.records
    assert "large.bin cannot be sent to its end" in record.getMessage()


async def test_a_file_that_grows_or_is_removed_meanwhile_is_sent_as_it_was(held):
    stream = await held.connect()
    data = await read_head(stream)
    os.truncate(held.path, 65 * 1024**2)
    held.path.unlink()
    size = len(data) - data.index(b"\r\n\r\n") - 4
    while piece := await stream.receive():
        size += len(piece)
    stream.abort()
    assert size == 64 * 1024**2


@proc
async def test_a_response_that_is_not_sent_leaves_nothing_open(serving, answer_to, folder):
    @web.middleware
    async def replace(request, handler):
        await handler(request)  # and dropped
        return web.Response(text="another")

    app = web.Application(middlewares=[replace])
    app.router.add_static("/", folder)
    async with serving(app) as url:
        assert (await answer_to(url, get("/large.bin"))).endswith(b"another")
        gc.collect()
        assert descriptors(folder) == []


class HeldOpening:
    """Opening a file of `folder` waits, in its thread, until `go_on` is set."""

    def __init__(self, folder, monkeypatch):
        self.begun, self.go_on = threading.Event(), threading.Event()
        real = os.open

        def slow(path, *args, **kwargs):
            if str(path).startswith(str(folder)):
                self.begun.set()
                self.go_on.wait(10)
            return real(path, *args, **kwargs)

        monkeypatch.setattr(os, "open", slow)


@proc
@pytest.mark.parametrize("step", ["opening", "sending"])
async def test_cancelled_at_any_step_nothing_is_left_open(folder, monkeypatch, step):
    """The server is shut down, and has no patience, while a thread opens the file, or while the client takes it."""
    path = folder / "huge.bin"
    path.touch()
    os.truncate(path, 64 * 1024**2)

    async def handler(request):
        return web.FileResponse(path)

    opening = HeldOpening(folder, monkeypatch)
    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stream = await current_runtime().connect_tcp("127.0.0.1", runner.addresses[0][1])
    await stream.send(get("/"))
    await until(opening.begun.is_set)
    if step == "sending":
        opening.go_on.set()
        await until(lambda: descriptors(folder))
    await runner.cleanup()
    opening.go_on.set()  # the thread goes on alone
    await until(lambda: not descriptors(folder))
    stream.abort()


async def test_pieces_grow_only_for_a_client_that_takes_them(folder):
    """A write deadline is that of one piece."""
    sizes = []

    class Stream:
        write_deadline = 0.0

        async def send_file(self, file, offset, count):
            sizes.append(count)
            clock[0] += 5 if len(sizes) in (3, 4) else 0.1

    class Core:
        def send_buffers(self, event):
            assert len(event.data) == 10_000_000
            return [event.data]

    class Link:
        core, stream, settings = Core(), Stream(), web.ServerSettings(write_timeout=60)
        runtime = type("Clock", (), {"now": lambda self: clock[0]})()

    clock = [0.0]
    opened = type("Opened", (), {"file": None, "path": "a"})()
    await file_sending.send_part(Link(), opened, 0, 10_000_000, 256 * 1024)
    assert [size // 1024 for size in sizes] == [256, 1024, 4096, 4096, 293]


async def test_a_socket_path_has_no_file(ask, folder):
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("the system has no Unix sockets")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "s"))
        assert (await ask("s")).status == 403
