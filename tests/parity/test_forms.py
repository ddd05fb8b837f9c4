"""Rows F-01 to F-06 and F-12 to F-18: forms and payloads. Those of multipart bodies are in test_multipart.py."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import io
import json

import pytest
from multidict import MultiDict

import drywire
from drywire import payload, web

from ..client.conftest import OK, scripted  # noqa: F401
from .mirror import asked, mirror, parts_of  # noqa: F401

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def notes(tmp_path):
    """An open file."""
    path = tmp_path / "notes.txt"
    path.write_bytes(b"one\ntwo\n")
    with path.open("rb") as file:
        yield file


@pytest.fixture
def posted(mirror):
    """``await posted(data)``: what a server gets of a body."""

    async def post(data, **options):
        async with mirror() as url, drywire.ClientSession() as session:
            return await asked(session.post(url, data=data, **options))

    return post


# Forms


@pytest.mark.parametrize(
    "fields",
    [{"a": "1", "b": "é ü"}, [("a", "1"), ("b", "é ü")], MultiDict(a="1", b="é ü")],
    ids=["dict", "pairs", "multi"],
)
async def test_f_01_form_data_takes_fields(posted, fields):
    seen = await posted(drywire.FormData(fields))
    assert (seen.body, seen.headers["Content-Type"]) == (b"a=1&b=%C3%A9+%C3%BC", FORM)


async def test_f_01_form_data_takes_a_file(posted, notes):
    seen = await posted(drywire.FormData(notes))
    assert [(name, content) for _, name, _, content in parts_of(seen)] == [("notes.txt", b"one\ntwo\n")]


async def test_f_01_charset_is_that_of_the_text(posted):
    seen = await posted(drywire.FormData({"é": "ü"}, charset="latin-1"))
    assert (seen.body, seen.headers["Content-Type"]) == (b"%E9=%FC", FORM + "; charset=latin-1")
    form = drywire.FormData({"é": "ü"}, charset="latin-1", default_to_multipart=True)
    assert b"; charset=latin-1\r\n" in (await posted(form)).body


@pytest.mark.parametrize(
    ("quote", "name"), [(True, b'"%C3%A9%20%22b%22.txt"'), (False, '"é \\"b\\".txt"'.encode())], ids=["quoted", "raw"]
)
async def test_f_01_quote_fields_says_how_file_names_go_out(posted, quote, name):
    form = drywire.FormData(quote_fields=quote)
    form.add_field("file", io.BytesIO(b"x"), filename='é "b".txt')
    assert b'Content-Disposition: form-data; name="file"; filename=' + name + b"\r\n" in (await posted(form)).body


async def test_f_01_default_to_multipart_sends_text_in_parts(posted):
    seen = await posted(drywire.FormData({"a": "1"}, default_to_multipart=True))
    assert parts_of(seen) == [("a", None, "text/plain", b"1")]


async def test_f_02_add_field_has_a_file_name_and_a_type(posted):
    form = drywire.FormData()
    form.add_field("plain", "text")
    form.add_field("typed", "{}", content_type="application/json")
    form.add_field("named", "rows", filename="table.csv")
    form.add_field("both", b"\x00", filename="x.bin", content_type="application/x-thing")
    typed = ("typed", None, "application/json", b"{}")
    both = ("both", "x.bin", "application/x-thing", b"\x00")
    name, filename, _, content = (parts := parts_of(await posted(form)))[2]
    assert [parts[0], parts[1], parts[3]] == [("plain", None, "text/plain", b"text"), typed, both]
    assert (name, filename, content) == ("named", "table.csv", b"rows")


@pytest.mark.parametrize("option", [{"filename": 1}, {"content_type": 1}, {"filename": b"x"}, {"content_type": b"x"}])
def test_f_02_add_field_takes_text_only_for_name_and_type(option):
    with pytest.raises(TypeError):
        drywire.FormData().add_field("a", "b", **option)


@pytest.mark.parametrize("before", [{}, {"first": io.StringIO("x")}], ids=["first", "behind a file"])
async def test_f_02_bytes_without_a_file_name_become_a_file(posted, before):
    form = drywire.FormData(before)
    with pytest.warns(DeprecationWarning, match="filename"):
        form.add_field("raw", b"\x00")
    assert parts_of(await posted(form))[-1] == ("raw", "raw", "application/octet-stream", b"\x00")


@pytest.mark.parametrize("bad", ["a\r\nX: y", "a\n", "a\r", "a\x00", "a\x7f"])
@pytest.mark.parametrize("place", ["name", "filename", "content_type"])
def test_f_02_control_characters_cannot_make_header_fields(place, bad):
    def make():
        form = drywire.FormData(default_to_multipart=True)
        form.add_field(**{"name": "a", "value": "b", place: bad})
        return form()

    with pytest.raises(ValueError, match=r"[Cc]ontrol"):  # at once, or when it is made a body
        make()


async def test_f_03_content_transfer_encoding_is_deprecated_and_loses_nothing(posted):
    form = drywire.FormData()
    with pytest.warns(DeprecationWarning, match="content_transfer_encoding"):
        form.add_field("a", "text é", content_transfer_encoding="base64")
    assert parts_of(await posted(form)) == [("a", None, "text/plain", "text é".encode())]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_f_03_content_transfer_encoding_is_text():
    with pytest.raises(TypeError, match="content_transfer_encoding"):
        drywire.FormData().add_field("a", "b", content_transfer_encoding=1)


async def test_f_04_add_fields_takes_files_multidicts_and_pairs(posted, notes):
    form = drywire.FormData()
    form.add_fields(notes, MultiDict([("a", "1"), ("a", "2")]), ("b", "3"))
    parts = parts_of(await posted(form))
    assert [(filename, content) for _, filename, _, content in parts if filename] == [("notes.txt", b"one\ntwo\n")]
    assert [(name, content) for name, filename, _, content in parts if not filename] == [
        ("a", b"1"),
        ("a", b"2"),
        ("b", b"3"),
    ]


@pytest.mark.parametrize("field", [1, "ab", b"ab", ("a",), ("a", "b", "c"), None])
def test_f_04_add_fields_takes_nothing_else(field):
    with pytest.raises(TypeError):
        drywire.FormData().add_fields(field)


@pytest.mark.parametrize(
    ("value", "options", "multipart"),
    [
        ("text", {}, False),
        (1, {}, False),
        ("text", {"filename": "a.txt"}, True),
        ("text", {"content_type": "text/plain"}, True),
        (io.BytesIO(b"x"), {}, True),
    ],
    ids=["text", "number", "named", "typed", "file"],
)
async def test_f_05_a_form_is_multipart_with_a_file_or_a_type(posted, value, options, multipart):
    form = drywire.FormData()
    form.add_field("a", value, **options)
    assert form.is_multipart is multipart
    kind = (await posted(form)).headers["Content-Type"].partition(";")[0]
    assert kind == ("multipart/form-data" if multipart else FORM)


async def test_f_06_a_form_that_is_called_is_a_payload():
    body = drywire.FormData({"a": "1"})()
    assert isinstance(body, drywire.Payload)
    assert (await body.as_bytes(), body.size, body.content_type) == (b"a=1", 3, FORM)
    body = drywire.FormData({"a": "1"}, default_to_multipart=True)()
    assert isinstance(body, drywire.MultipartWriter)
    assert body.content_type.startswith("multipart/form-data; boundary=")


# Payloads


async def test_f_12_a_type_of_ones_own_gets_a_payload(posted):
    class Point:  # a new one on each loop: what is registered stays so
        def __init__(self, x, y):
            self.x, self.y = x, y

    with pytest.raises(payload.LookupError):
        drywire.get_payload(Point(1, 2))

    @drywire.payload_type(Point)
    class PointPayload(drywire.StringPayload):
        def __init__(self, value, *args, **kwargs):
            super().__init__(f"{value.x}/{value.y}", *args, content_type="text/x-point", **kwargs)

    assert isinstance(drywire.get_payload(Point(1, 2)), PointPayload)
    seen = await posted(Point(3, 4))
    assert (seen.body, seen.headers["Content-Type"]) == (b"3/4", "text/x-point")
    body = drywire.StringPayload("as it is")
    assert drywire.get_payload(body) is body


def test_f_12_the_order_of_registered_payloads_is_said():
    registry = type(drywire.PAYLOAD_REGISTRY)()
    kinds = {order: type(order.name, (drywire.BytesPayload,), {}) for order in payload.Order}
    for order in (payload.Order.try_last, payload.Order.normal, payload.Order.try_first):
        registry.register(kinds[order], bytes, order=order)
        assert type(registry.get(b"")) is kinds[order]
    assert payload.PAYLOAD_REGISTRY is drywire.PAYLOAD_REGISTRY


async def stream_of(data):
    yield data


TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
KINDS = [
    (drywire.BytesPayload, lambda: b"x", BYTES),
    (drywire.BytesPayload, lambda: memoryview(b"x"), BYTES),
    (drywire.StringPayload, lambda: "x", TEXT),
    (drywire.StringIOPayload, lambda: io.StringIO("x"), TEXT),
    (drywire.BytesIOPayload, lambda: io.BytesIO(b"x"), BYTES),
    (drywire.AsyncIterablePayload, lambda: stream_of(b"x"), BYTES),
]


@pytest.mark.parametrize(("kind", "make", "content_type"), KINDS)
async def test_f_13_each_value_has_its_payload(posted, kind, make, content_type):
    body = drywire.get_payload(make())
    assert type(body) is kind
    assert isinstance(body, drywire.Payload)
    seen = await posted(body)
    assert (seen.body, seen.headers["Content-Type"]) == (b"x", content_type)


async def test_f_13_files_have_their_payloads(posted, notes, tmp_path):
    assert type(drywire.get_payload(notes)) is drywire.BufferedReaderPayload
    assert issubclass(drywire.BufferedReaderPayload, drywire.IOBasePayload)
    seen = await posted(notes)
    assert (seen.body, seen.headers["Content-Type"]) == (b"one\ntwo\n", "text/plain")
    with (tmp_path / "text").open("w+", encoding="utf-16") as file:
        file.write("é")
        file.seek(0)
        assert type(drywire.get_payload(file)) is drywire.TextIOPayload
        assert (await posted(file)).body == "é".encode()


async def test_f_13_json_and_streams_have_their_payloads(posted):
    seen = await posted(drywire.JsonPayload({"a": "é"}))
    assert (json.loads(seen.body), seen.headers["Content-Type"]) == ({"a": "é"}, "application/json")
    seen = await posted(payload.JsonBytesPayload([1], dumps=lambda value: json.dumps(value).encode()))
    assert (seen.body, seen.headers["Content-Type"]) == (b"[1]", "application/json")
    stream = drywire.StreamReader()
    stream.feed_data(b"fed")
    stream.feed_eof()
    assert type(drywire.get_payload(stream)) is payload.StreamReaderPayload
    assert (await posted(stream)).body == b"fed"


class Gathering:
    """A writer that keeps what it is given."""

    def __init__(self):
        self.data = b""

    async def write(self, chunk):
        self.data += bytes(chunk)


async def test_f_14_a_payload_knows_what_it_is():
    body = drywire.StringPayload("é", encoding="latin-1", filename="é.txt", headers={"X-A": "1"})
    assert (body.size, body.encoding, body.filename, body.consumed, body.autoclose) == (
        1,
        "latin-1",
        "é.txt",
        False,
        True,
    )
    assert body.content_type == "text/plain; charset=latin-1"
    assert (body.headers["x-a"], body.headers["Content-Type"]) == ("1", body.content_type)
    body.set_content_disposition("attachment", filename="é.txt")
    assert body.headers["Content-Disposition"].startswith("attachment; filename=")
    assert (await body.as_bytes(), body.decode("latin-1")) == (b"\xe9", "é")
    await body.close()


async def test_f_14_a_payload_is_written_whole_or_in_part():
    whole, part = Gathering(), Gathering()
    body = drywire.BytesPayload(b"0123456789")
    await body.write(whole)
    await body.write_with_length(part, 4)
    assert (whole.data, part.data, body.consumed) == (b"0123456789", b"0123", False)
    body = drywire.AsyncIterablePayload(stream_of(b"once"))
    assert (body.size, body.consumed) == (None, False)
    await body.write_with_length(whole, None)
    assert body.consumed
    with pytest.raises(TypeError):
        body.decode()


async def test_f_14_a_payload_of_a_file_closes_it(posted, notes):
    notes.seek(4)
    body = drywire.get_payload(notes)
    assert (body.size, body.filename, body.content_type, body.autoclose) == (4, "notes.txt", "text/plain", False)
    assert (await body.as_bytes(), await body.as_bytes()) == (b"two\n", b"two\n")
    assert not notes.closed
    assert (await posted(body)).body == b"two\n"
    assert notes.closed


# What is sent again


async def moved(request):
    await request.read()
    return web.Response(status=307, headers={"Location": "/landed"})


def form_with(file):
    form = drywire.FormData({"a": "1"})
    form.add_field("file", file)
    return form


@pytest.mark.parametrize("make", [lambda file: file, form_with], ids=["file", "form"])
async def test_f_15_a_file_is_sent_again_from_where_it_stood(mirror, notes, make):
    notes.seek(4)
    async with mirror(web.put("/moved", moved)) as url, drywire.ClientSession() as session:
        seen = await asked(session.put(url + "/moved", data=make(notes)))
    assert seen.target == "/landed"
    assert b"two\n" in seen.body
    assert b"one" not in seen.body
    assert notes.closed


async def test_f_15_a_body_goes_again_over_a_fresh_connection(scripted):
    async def talk(peer, script):
        while (request := await peer.request())[0]:
            script.heads.append(request[1])
            if len(script.heads) == 2:
                return  # hangs up on a connection that was kept
            await peer.send(OK)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        for body in (b"first", io.BytesIO(b"second")):
            async with session.put(script.url, data=body) as response:
                assert await response.read() == b"ok"
        assert script.heads == [b"first", b"second", b"second"]
        assert script.connections == 2


async def test_f_15_a_body_that_is_gone_cannot_be_sent_again(mirror):
    async with mirror(web.put("/moved", moved)) as url, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientPayloadError, match="consumed"):
            await session.put(url + "/moved", data=stream_of(b"once"))


async def test_f_16_a_file_goes_under_a_name_and_type_of_ones_own(posted, notes):
    form = drywire.FormData()
    form.add_field("report", notes, filename="report.csv", content_type="text/csv")
    assert parts_of(await posted(form)) == [("report", "report.csv", "text/csv", b"one\ntwo\n")]


@pytest.mark.parametrize("style", ["async", "generator"])
async def test_f_17_streamer_is_deprecated_and_writes_a_body(posted, notes, style):
    def old(writer, file=None):
        while line := file.readline():
            yield from writer.write(line)

    async def new(writer, file=None):
        while line := file.readline():
            await writer.write(line)

    with pytest.warns(DeprecationWarning, match="streamer"):
        sender = drywire.streamer(new if style == "async" else old)
    seen = await posted(sender(file=notes))
    assert (seen.body, seen.headers["Transfer-Encoding"]) == (b"one\ntwo\n", "chunked")


async def test_f_18_text_fields_say_what_they_are(posted):
    body = (await posted(drywire.FormData({"a": "é"}, default_to_multipart=True))).body
    assert body.count(b"\r\nContent-Type: text/plain; charset=utf-8\r\n") == 1
    assert b"\r\n\r\n\xc3\xa9\r\n" in body
