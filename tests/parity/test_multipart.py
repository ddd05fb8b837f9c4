"""Rows F-07 to F-11: multipart bodies, written and read."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import base64
import contextlib
import gzip
import io
import zlib

import pytest

import drywire
from drywire import web

from .mirror import asked, mirror, parts_of  # noqa: F401
from .test_forms import FORM, posted  # noqa: F401

# Multipart bodies, written


async def test_f_07_a_writer_takes_parts_of_all_kinds(posted):
    with drywire.MultipartWriter("mixed", boundary="frontier") as writer:
        writer.append("text")
        writer.append_json({"a": 1})
        writer.append_form([("b", "2"), ("c", "é")])
        part = writer.append_payload(drywire.BytesPayload(b"\x00", headers={"X-Part": "4"}))
        writer.append(io.BytesIO(b"five"), {"Content-Type": "image/gif"})
    assert isinstance(part, drywire.Payload)
    assert (writer.boundary, len(writer), writer.size) == ("frontier", 5, len(await writer.as_bytes()))
    assert [body.content_type for body, _, _ in writer] == [
        "text/plain; charset=utf-8",
        "application/json",
        FORM,
        "application/octet-stream",
        "image/gif",
    ]
    seen = await posted(writer)
    assert seen.headers["Content-Type"] == "multipart/mixed; boundary=frontier"
    assert seen.headers["Content-Length"] == str(writer.size)
    pieces = seen.body.split(b"--frontier")
    assert (len(pieces), pieces[0], pieces[-1]) == (7, b"", b"--\r\n")
    bodies = [piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for piece in pieces[1:-1]]
    assert bodies == [b"text", b'{"a": 1}', b"b=2&c=%C3%A9", b"\x00", b"five"]
    assert b"\r\nX-Part: 4\r\n" in pieces[4]


async def test_f_07_a_writer_holds_writers(posted):
    inner = drywire.MultipartWriter("related", boundary="in")
    inner.append("deep")
    outer = drywire.MultipartWriter(boundary="out")
    outer.append(inner)
    seen = await posted(outer)
    assert b"--out\r\nContent-Type: multipart/related; boundary=in\r\n" in seen.body
    assert b"\r\n\r\ndeep\r\n--in--\r\n\r\n--out--\r\n" in seen.body


def test_f_07_a_writer_chooses_a_boundary_of_its_own():
    assert drywire.MultipartWriter().boundary != drywire.MultipartWriter().boundary
    assert drywire.MultipartWriter("mixed", boundary="a b").content_type == 'multipart/mixed; boundary="a b"'
    for bad in ("é", "x" * 71, "", "a\r\nb"):
        with pytest.raises(ValueError, match="boundary"):
            drywire.MultipartWriter(boundary=bad)


async def test_f_07_parts_of_a_form_without_a_name_get_one(posted):
    writer = drywire.MultipartWriter("form-data")
    writer.append("one").set_content_disposition("form-data", name="first")
    writer.append("two")
    assert [name for name, _, _, _ in parts_of(await posted(writer))] == ["first", "section-1"]


def test_f_07_what_is_no_body_is_no_part():
    with pytest.raises(TypeError):
        drywire.MultipartWriter().append(object())


# Multipart bodies, read


def body_of(*parts, boundary=b"x"):
    """Return a multipart body of these parts."""
    return b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts) + b"--%b--\r\n" % boundary


@pytest.fixture
def received(mirror):
    """``async with received(*parts) as response``: a response with these parts."""

    @contextlib.asynccontextmanager
    async def receive(*parts, kind="multipart/mixed; boundary=x", body=None):
        async def give(request):
            return web.Response(body=body or body_of(*parts), headers={"Content-Type": kind})

        async with mirror(web.get("/parts", give)) as url, drywire.ClientSession() as session:
            async with session.get(url + "/parts") as response:
                yield response

    return receive


@pytest.fixture
def part(received):
    """``async with part(fields, content) as part``: the one part of a response."""

    @contextlib.asynccontextmanager
    async def receive(fields=b"", content=b"", kind="mixed"):
        lines = fields + b"\r\n" if fields else b""
        async with received(lines + b"\r\n" + content, kind=f"multipart/{kind}; boundary=x") as response:
            reader = drywire.MultipartReader(response.headers, response.content)
            yield await reader.next()
            assert await reader.next() is None

    return receive


async def test_f_08_a_reader_gives_part_after_part(received):
    async with received(b"\r\none", b"Content-Type: text/html\r\n\r\ntwo") as response:
        reader = drywire.MultipartReader.from_response(response)
        first = await reader.next()
        assert isinstance(first, drywire.BodyPartReader)
        assert not reader.at_eof()
        second = await reader.next()  # the rest of the first is passed over
        assert second.headers["content-type"] == "text/html"
        assert await second.read() == b"two"
        assert await reader.next() is None
        assert reader.at_eof()
        assert await reader.next() is None


async def test_f_08_a_reader_is_iterated(received):
    async with received(*(b"\r\n%d" % number for number in range(5))) as response:
        parts = [await part.text() async for part in drywire.MultipartReader.from_response(response)]
        assert parts == ["0", "1", "2", "3", "4"]


async def test_f_08_readers_stand_in_readers(received):
    inner = body_of(b"\r\ndeep", b"\r\ndown", boundary=b"y")
    async with received(b"Content-Type: multipart/related; boundary=y\r\n\r\n" + inner, b"\r\nlast") as response:
        outer = drywire.MultipartReader.from_response(response)
        nested = await outer.next()
        assert isinstance(nested, drywire.MultipartReader)
        assert [await part.read() async for part in nested] == [b"deep", b"down"]
        assert await (await outer.next()).read() == b"last"
        assert await outer.next() is None


async def test_f_08_release_drops_what_is_left(received):
    async with received(b"\r\none", b"\r\ntwo") as response:
        reader = drywire.MultipartReader(response.headers, response.content)
        await reader.next()
        await reader.release()
        assert reader.at_eof()
        assert await reader.next() is None
        assert response.content.at_eof()


async def test_f_08_readers_may_be_ones_own(received):
    class Part(drywire.BodyPartReader):
        async def shout(self):
            return (await self.text()).upper()

    class Wrapper(drywire.MultipartReader.response_wrapper_cls):
        pass

    class Inner(drywire.MultipartReader):
        part_reader_cls = Part

    class Reader(drywire.MultipartReader):
        part_reader_cls = Part
        multipart_reader_cls = Inner
        response_wrapper_cls = Wrapper
        fetched = 0

        async def fetch_next_part(self):
            Reader.fetched += 1
            return await super().fetch_next_part()

    inner = b"Content-Type: multipart/mixed; boundary=y\r\n\r\n" + body_of(b"\r\ntwo", boundary=b"y")
    async with received(b"\r\none", inner) as response:
        reader = Reader.from_response(response)
        assert type(reader) is Wrapper
        assert await (await reader.next()).shout() == "ONE"
        nested = await reader.next()
        assert type(nested) is Inner
        assert await (await nested.next()).shout() == "TWO"
        assert Reader.fetched == 2


@pytest.mark.parametrize("kind", ["multipart/mixed; boundary=" + "x" * 71, "multipart/mixed"])
async def test_f_08_a_boundary_has_up_to_70_characters(received, kind):
    async with received(kind=kind, body=b"--x--\r\n") as response:
        with pytest.raises(ValueError, match="boundary"):
            drywire.MultipartReader.from_response(response)


LIMITS = {
    "long": ({}, b"A: %b\r\n" % (b"x" * 8200)),
    "many": ({}, b"A: 1\r\n" * 129),
    "longer than said": ({"max_field_size": 50}, b"A: %b\r\n" % (b"x" * 50)),
    "more than said": ({"max_headers": 2}, b"A: 1\r\n" * 3),
}


@pytest.mark.parametrize(("limits", "fields"), LIMITS.values(), ids=LIMITS)
async def test_f_08_a_part_has_128_headers_of_8190_bytes_unless_said_otherwise(received, limits, fields):
    """Differs: all that is wrong with a body is a ValueError; aiohttp's error depends on what is."""
    async with received(fields + b"\r\nbody") as response:
        with pytest.raises(ValueError, match=r"."):
            await drywire.MultipartReader(response.headers, response.content, **limits).next()
    async with received(b"A: %b\r\n\r\nbody" % (b"x" * 8000)) as response:
        options = {"max_headers": 1, "max_field_size": 8100}
        part = await drywire.MultipartReader(response.headers, response.content, **options).next()
        assert len(part.headers["A"]) == 8000


async def all_parts(reader):
    return [await part.read() async for part in reader]


@pytest.mark.parametrize("body", [b"\r\n", b"--x\r\n\r\nhalf", b"--x\r\n\r\nwhole\r\n", b"--y\r\n\r\none\r\n--y--\r\n"])
async def test_f_08_a_body_that_is_cut_off_is_an_error_in_bounded_time(received, body):
    async with received(body=body) as response:
        with pytest.raises(ValueError, match=r"."):
            await all_parts(drywire.MultipartReader.from_response(response))


async def test_f_09_a_part_is_read_at_once(part):
    async with part(content=b"one\r\ntwo") as body:
        assert not body.at_eof()
        assert await body.read() == b"one\r\ntwo"
        assert body.at_eof()
        assert await body.read() == b""


async def test_f_09_a_part_is_read_chunk_by_chunk(part):
    async with part(content=b"0123456789" * 5000) as body:
        pieces = []
        while piece := await body.read_chunk(1000):
            assert len(piece) <= 1000
            pieces.append(piece)
        assert b"".join(pieces) == b"0123456789" * 5000
        assert body.at_eof()
    async with part(content=b"x" * 10_000) as body:
        assert 0 < len(await body.read_chunk()) <= 8192


async def test_f_09_a_part_is_read_line_by_line(part):
    async with part(content=b"one\ntwo\r\n\r\nlast") as body:
        lines = []
        while line := await body.readline():
            lines.append(line)
        assert lines == [b"one\n", b"two\r\n", b"\r\n", b"last"]


async def test_f_09_a_part_is_text_json_or_a_form(part):
    async with part(b"Content-Type: text/plain; charset=latin-1", b"\xe9") as body:
        assert body.get_charset("utf-8") == "latin-1"
        assert await body.text() == "é"
    async with part(content="é".encode("utf-16")) as body:
        assert body.get_charset("nothing-said") == "nothing-said"
        assert await body.text(encoding="utf-16") == "é"
    async with part(b"Content-Type: application/json", '{"a": "é"}'.encode()) as body:
        assert await body.json() == {"a": "é"}
    async with part() as body:
        assert await body.json() is None
    async with part(content=b"a=1&a=%C3%A9&b=") as body:
        assert await body.form() == [("a", "1"), ("a", "é"), ("b", "")]
    async with part() as body:
        assert await body.form() == []


async def test_f_09_a_part_has_a_name_and_a_file_name(part):
    fields = b'Content-Disposition: form-data; name="up"; filename="a b.txt"; filename*=utf-8\'\'%e2%82%ac.txt'
    async with part(fields, kind="form-data") as body:
        assert (body.name, body.filename) == ("up", "€.txt")
        assert body.headers["content-disposition"].startswith("form-data")
    async with part() as body:
        assert (body.name, body.filename) == (None, None)


async def test_f_09_a_part_is_released_and_iterated(part):
    async with part(content=b"x" * 100_000) as body:
        await body.release()
        assert body.at_eof()
    async with part(content=b"whole") as body:
        assert [piece async for piece in body] == [b"whole"]


async def test_f_09_a_part_says_how_it_is_decoded(part):
    async with part(b"Content-Transfer-Encoding: base64") as body:
        assert body.decode(b"b25l") == b"one"
        assert b"".join([piece async for piece in body.decode_iter(b"dHdv")]) == b"two"
    async with part(b"Content-Transfer-Encoding: base64", b"dGhy\r\nZWU=") as body:
        assert await body.read() == b"dGhy\r\nZWU="
    async with part(b"Content-Transfer-Encoding: base64", b"dGhy\r\nZWU=") as body:
        assert await body.read(decode=True) == b"three"


RAW_DEFLATE = zlib.compressobj(wbits=-15)
CODED = {
    "base64": (b"Content-Transfer-Encoding: base64", base64.encodebytes(b"text").rstrip()),
    "quoted-printable": (b"Content-Transfer-Encoding: quoted-printable", b"te=\r\n=78t"),
    "binary": (b"Content-Transfer-Encoding: BINARY", b"text"),
    "8bit": (b"Content-Transfer-Encoding: 8bit", b"text"),
    "7bit": (b"Content-Transfer-Encoding: 7bit", b"text"),
    "gzip": (b"Content-Encoding: gzip", gzip.compress(b"text")),
    "deflate": (b"Content-Encoding: deflate", zlib.compress(b"text")),
    "raw deflate": (b"Content-Encoding: deflate", RAW_DEFLATE.compress(b"text") + RAW_DEFLATE.flush()),
    "identity": (b"Content-Encoding: identity", b"text"),
    "both": (
        b"Content-Encoding: gzip\r\nContent-Transfer-Encoding: base64",
        base64.b64encode(gzip.compress(b"text")),
    ),
}


@pytest.mark.parametrize(("fields", "content"), CODED.values(), ids=CODED)
async def test_f_10_codings_of_a_part_are_taken_off(part, fields, content):
    async with part(fields, content) as body:
        assert await body.text() == "text"


@pytest.mark.parametrize("fields", [b"Content-Transfer-Encoding: uuencode", b"Content-Encoding: pack200"])
async def test_f_10_codings_that_are_not_known_are_errors(part, fields):
    async with part(fields, b"text") as body:
        with pytest.raises(RuntimeError, match="unknown content"):
            await body.text()
    name, _, coding = fields.decode().partition(": ")
    with pytest.raises(RuntimeError, match="unknown content"):
        drywire.MultipartWriter().append("text", {name: coding})


async def test_f_10_a_form_has_no_content_encoding(part):
    async with part(b"Content-Encoding: gzip", b"text", kind="form-data") as body:
        assert await body.text() == "text"


@pytest.mark.parametrize("coding", ["", "gzip", "deflate"])
@pytest.mark.parametrize("transfer", ["", "base64", "quoted-printable", "binary"])
async def test_f_10_what_a_writer_codes_a_reader_decodes(posted, part, coding, transfer):
    text = "é = long enough for several lines, \r\n" * 200
    headers = {"Content-Encoding": coding, "Content-Transfer-Encoding": transfer}
    headers = {name: value for name, value in headers.items() if value}
    writer = drywire.MultipartWriter(boundary="x")
    writer.append(text, headers)
    seen = await posted(writer)
    head, _, content = seen.body.removeprefix(b"--x\r\n").removesuffix(b"\r\n--x--\r\n").partition(b"\r\n\r\n")
    async with part(head, content) as body:
        assert await body.text() == text


# Content-Disposition


@pytest.mark.parametrize(
    ("header", "kind", "filename"),
    [
        (None, None, None),
        ("inline", "inline", None),
        ("ATTACHMENT; FileName=a.txt", "attachment", "a.txt"),
        ('attachment; filename="a; \\"b\\".txt"', "attachment", 'a; "b".txt'),
        ("attachment; filename=a.txt; filename*=UTF-8''%e2%82%ac.txt", "attachment", "€.txt"),
        ("attachment; filename*=iso-8859-1'en'%e9", "attachment", "é"),
        ("attachment; filename*0=a; filename*1=b.txt", "attachment", "ab.txt"),
        ("attachment; filename*0*=utf-8''%e2%82; filename*1*=%ac", "attachment", "€"),
    ],
)
def test_f_11_content_disposition_is_taken_apart(header, kind, filename):
    found, parameters = drywire.parse_content_disposition(header)
    assert (found, drywire.content_disposition_filename(parameters)) == (kind, filename)


@pytest.mark.parametrize("header", ["; filename=a", '"inline"', "inline filename=a"])
def test_f_11_a_field_that_cannot_be_read_is_a_warning(header):
    with pytest.warns(drywire.BadContentDispositionHeader):
        assert drywire.parse_content_disposition(header) == (None, {})
    assert issubclass(drywire.BadContentDispositionHeader, RuntimeWarning)


@pytest.mark.parametrize("parameter", ["filename*=nonsense", "filename*=utf-8''%ff", "filename*=latin-99''a"])
def test_f_11_a_parameter_that_cannot_be_read_is_a_warning_and_left_out(parameter):
    with pytest.warns(drywire.BadContentDispositionParam):
        assert drywire.parse_content_disposition(f"inline; {parameter}; name=b") == ("inline", {"name": "b"})
    assert issubclass(drywire.BadContentDispositionParam, RuntimeWarning)


def test_f_11_another_parameter_is_put_together_too():
    parameters = {"name*": "€", "name": "e"}
    assert drywire.content_disposition_filename(parameters, "name") == "€"
    assert drywire.content_disposition_filename({}) is None
