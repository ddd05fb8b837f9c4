"""Forms that are sent to a server: everything is counted before it is kept, and nothing stays open."""

import gc
import os
from pathlib import Path

import pytest

from drywire import web
from drywire_transports import current_runtime

KIND = "Content-Type: multipart/form-data; boundary=x"


@pytest.fixture
def posted(serving, answer_to):
    """``await posted(body)``: status and answer for a form, and in ``posted.requests`` what the handler got."""

    async def post(body, kind=KIND, eof=False, **settings):
        async def handler(request):
            ask.requests.append(request)
            fields = await request.post()
            return web.Response(text=f"{len(fields)} fields")

        ask.requests = []
        app = web.Application(client_max_size=settings.pop("client_max_size", 1024**2))
        for name, value in settings.items():
            setattr(app, name, value)
        app.router.add_post("/", handler)
        head = (
            f"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        chunks = [body] if isinstance(body, bytes) else body
        data = head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
        async with serving(app) as url:
            answer = await answer_to(url, data, eof)
        return int(answer[9:12]), answer.partition(b"\r\n\r\n")[2]

    ask = post
    return ask


def part(name, content, filename=None, fields=b""):
    filename = b"" if filename is None else b'; filename="%b"' % filename
    disposition = b'Content-Disposition: form-data; name="%b"%b\r\n' % (name, filename)
    return b"--x\r\n%b%b\r\n%b\r\n" % (disposition, fields, content)


END = b"--x--\r\n"


def open_files():
    """How many descriptors this process has; 0 where the system does not say."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


async def test_cve_2026_34517_fields_of_a_form_are_bounded_together(posted):
    """Each field is small; all of them are not."""
    body = [part(b"f%d" % number, b"v" * 1000) for number in range(30)] + [END]
    assert (await posted(body, client_max_size=100_000))[0] == 200
    assert await posted(body, client_max_size=20_000) == (413, b"Maximum request body size 20000 exceeded.")


async def test_cve_2026_34517_a_file_is_bounded_before_it_is_kept(posted):
    status, _ = await posted([part(b"f", b"v" * 250_000, b"a.bin"), END], client_max_size=100_000)
    assert status == 413


async def test_cve_2025_69228_34516_heads_and_empty_parts_count(posted):
    """Fields without content, or with heads as long as allowed, cost memory, too."""
    heads = [part(b"f%d" % number, b"", fields=b"X-Fill: %b\r\n" % (b"h" * 8000)) for number in range(40)]
    assert (await posted([*heads, END], client_max_size=100_000))[0] == 413
    assert (await posted([*([part(b"f", b"")] * 400), END], client_max_size=20_000))[0] == 413


@pytest.mark.parametrize("kind", [KIND, "Content-Type: application/x-www-form-urlencoded"])
@pytest.mark.parametrize("count", [1000, 1001])
async def test_cve_2023_30798_2024_47874_2023_25577_the_number_of_fields_is_bounded(posted, kind, count):
    body = b"&".join([b"a=b"] * count) if "url" in kind else part(b"f", b"v") * count + END
    status, text = await posted(body, kind)
    if count == 1000:
        assert (status, text) == (200, b"1000 fields")
    else:
        assert (status, text) == (413, b"Maximum number of form fields 1000 exceeded.")


URLENCODED = "Content-Type: application/x-www-form-urlencoded"


async def test_starlette_cve_2026_54283_limits_hold_for_urlencoded_forms_too(posted):
    """Counted, and measured while they come: as those of multipart."""
    settings = {"client_max_size": 20_000}
    assert (await posted(b"a=" + b"b" * 19_998, URLENCODED, **settings))[0] == 200
    assert (await posted([b"a="] + [b"b" * 1000] * 21, URLENCODED, **settings))[0] == 413
    assert (await posted(b"&" * 10_000, URLENCODED, client_max_fields=10, **settings))[0] in (200, 413)
    status, text = await posted(b"a&" * 11 + b"b", URLENCODED, client_max_fields=10, **settings)
    assert (status, text) == (413, b"Maximum number of form fields 10 exceeded.")


async def test_a_form_that_is_not_in_its_charset_is_the_clients_mistake(posted):
    status, text = await posted(b"a=\xff", URLENCODED)
    assert status == 400
    assert b"can't decode byte 0xff" in text


async def test_starlette_cve_2025_54121_a_large_file_does_not_block_the_loop(posted):
    """It goes to its temporary file in a thread, and is closed with the request."""
    content = os.urandom(3 * 1024**2)
    assert (await posted(part(b"f", content, b"a") + END, client_max_size=2**24))[0] == 200
    file = (await posted.requests[0].post())["f"].file
    assert file.closed
    assert file._rolled


async def test_cve_2023_46136_a_body_of_line_ends_takes_linear_time(posted):
    body = part(b"f", b"\r" * 900_000, b"a") + END
    assert (await posted(body))[0] == 200
    assert (await posted(part(b"f", b"\r\n--" * 200_000, b"a") + END))[0] == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (part(b"f", b"v", b"a")[:-5], 400),
        (b"--x", 400),
        (part(b"f", b"v")[:-3], 400),
        (part(b"f", b"v", fields=b"X: %b\r\n" % (b"h" * 9000)) + END, 431),
        (part(b"f", b"v", fields=b"X: h\r\n" * 200) + END, 431),
        (part(b"f", b"v", fields=b"Content-Type: text/plain; charset=punycode\r\n") + END, 415),
        (part(b"f", b"\xff") + END, 400),
        (part(b"_charset_", b"h" * 100) + END, 400),
        (part(b"f", b"A", fields=b"Content-Transfer-Encoding: base64\r\n") + END, 400),
    ],
)
async def test_cve_2024_30251_2025_69227_a_broken_form_is_refused_and_leaves_nothing_open(posted, body, status):
    before = open_files()
    found, _ = await posted(part(b"file", b"v" * 2_000_000, b"a") + body, client_max_size=2**23)
    assert found == status
    gc.collect()
    assert open_files() <= before + 1


async def test_cve_2026_54280_files_of_a_form_are_closed_when_the_client_leaves(serving):
    runtime = current_runtime()
    got, ended = runtime.wake(), runtime.wake()
    requests = []

    async def handler(request):
        requests.append(request)
        fields = await request.post()
        got.set()
        try:
            while True:
                await request.content.readexactly(1)
        finally:
            requests.append(fields["f"].file)
            ended.set()

    app = web.Application(client_max_size=2**24)
    app.router.add_post("/", handler)
    body = part(b"f", b"v" * 2_000_000, b"a") + END
    async with serving(app) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        stream = await runtime.connect_tcp(host, int(port))
        head = f"POST / HTTP/1.1\r\nHost: a\r\n{KIND}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        await stream.send(head + body)
        await runtime.park(got, runtime.now() + 10)
        stream.abort()
        await runtime.park(ended, runtime.now() + 10)
    assert requests[1].closed


async def test_cve_2026_54280_files_of_a_form_are_closed_when_the_client_leaves_in_the_middle(serving):
    runtime = current_runtime()
    ended = runtime.wake()
    errors = []

    async def handler(request):
        try:
            await request.post()
        except OSError as error:
            errors.append(error)
            raise
        finally:
            ended.set()

    app = web.Application(client_max_size=2**24)
    app.router.add_post("/", handler)
    async with serving(app) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        stream = await runtime.connect_tcp(host, int(port))
        head = f"POST / HTTP/1.1\r\nHost: a\r\n{KIND}\r\nContent-Length: 9000000\r\n\r\n".encode()
        await stream.send(head + part(b"f", b"v" * 2_000_000, b"a")[:-10])
        await stream.send(b"more")
        stream.abort()
        await runtime.park(ended, runtime.now() + 10)
    gc.collect()  # an open file would be a ResourceWarning, which is an error here
