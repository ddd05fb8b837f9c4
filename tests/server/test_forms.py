"""Forms are read as they were written, whatever the pieces in which they come."""

import threading
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, MultiDict

import drywire
from drywire import web
from drywire_server.form import UploadedFile, read_multipart_form, read_urlencoded_form
from drywire_transports import current_runtime, run
from drywire_transports.body_reader import StreamReader
from drywire_transports.multipart_reader import MultipartReader
from drywire_transports.multipart_writer import MultipartWriter
from drywire_transports.payloads import BytesPayload

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20)
FIELDS = st.lists(st.tuples(NAMES, st.one_of(st.text(max_size=30), st.binary(max_size=200))), max_size=6)


class Pieces:
    """A body that comes in pieces of `size` bytes."""

    def __init__(self, data, size):
        self.pieces = [data[start : start + size] for start in range(0, len(data), size)]

    async def pull(self):
        return (self.pieces.pop(0), False) if self.pieces else None


async def read_back(fields, size):
    writer = MultipartWriter("form-data")
    for name, value in fields:
        if isinstance(value, str):
            writer.append(value).set_content_disposition("form-data", name=name)
        else:
            payload = BytesPayload(value, content_type="application/x")
            writer.append_payload(payload).set_content_disposition("form-data", name=name, filename="f")
    body = await writer.as_bytes()
    files = []

    def make_reader(**options):
        return MultipartReader(CIMultiDict(writer.headers), StreamReader(Pieces(body, size)), **options)

    found = await read_multipart_form(make_reader, files, 0, 0)
    read = []
    for (name, value), (_, given_value) in zip(found.items(), fields, strict=True):
        read.append((name, value if isinstance(given_value, str) else value.file.read()))
    for file in files:
        file.close()
    return read


@given(FIELDS, st.integers(1, 70))
@settings(max_examples=60)
def test_a_multipart_form_is_read_as_it_was_written(fields, size):
    assert run(read_back, fields, size) == fields


@given(st.lists(st.tuples(NAMES, st.text(max_size=20)), max_size=6))
def test_a_urlencoded_form_is_read_as_it_was_written(fields):
    assert list(read_urlencoded_form(urlencode(fields).encode(), "utf-8", 0).items()) == fields


def test_a_form_of_nothing_has_no_fields():
    assert read_urlencoded_form(b"", "utf-8", 1) == MultiDict()


async def test_an_upload_that_is_cancelled_while_a_thread_writes_leaves_no_file(monkeypatch):
    runtime = current_runtime()
    writing, go_on = threading.Event(), threading.Event()
    upload = UploadedFile()
    real = upload.file.write

    def slow(data):
        writing.set()
        assert go_on.wait(10)
        return real(data)

    monkeypatch.setattr(upload.file, "write", slow)
    task = runtime.spawn(upload.write, b"x" * 2_000_000)
    await runtime.in_thread(writing.wait, 10)
    upload.close()  # the thread has it: it must close it
    assert not upload.file.closed
    go_on.set()
    await task.wait(runtime.now() + 10)
    while not upload.file.closed:
        await runtime.sleep_until(runtime.now())


@pytest.mark.parametrize("size", [10, 2_000_000])
async def test_files_of_a_form_are_there_from_their_start(serving, size):
    async def handler(request):
        file = (await request.post())["f"]
        return web.json_response([file.filename, file.file.tell(), len(file.file.read())])

    app = web.Application(client_max_size=2**23)
    app.router.add_post("/", handler)
    form = drywire.FormData(quote_fields=False)
    form.add_field("f", b"x" * size, filename="ä.bin")
    async with serving(app) as url, drywire.ClientSession() as session:
        async with session.post(url, data=form) as response:
            assert await response.json() == ["ä.bin", 0, size]
