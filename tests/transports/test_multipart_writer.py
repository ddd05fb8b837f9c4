"""What `MultipartWriter` writes, as other parsers read it, and as long as it says it is."""

import email.parser
import email.policy
import gzip
import io
import os
import zlib

import aiohttp
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.formparser import MultiPartParser

from drywire_transports.body_reader import StreamReader
from drywire_transports.multipart_reader import MultipartReader
from drywire_transports.multipart_writer import MultipartWriter
from drywire_transports.payloads import AsyncIterablePayload, BytesPayload

BODIES = [b"", b"one", b"--b\r\n", b"--b--", b"\r\n", b"\n--c", bytes(range(256)) * 300, "é\r\n".encode() * 5000]


class Gathering:
    def __init__(self):
        self.data = b""

    async def write(self, chunk):
        self.data += bytes(chunk)


async def written(payload):
    """Return what `payload` writes, which is as long as it says."""
    size, writer = payload.size, Gathering()
    await payload.write(writer)
    assert size is None or size == len(writer.data)
    at_once = payload.in_memory()
    assert at_once is None or at_once == writer.data
    return writer.data


async def pieces_of(data, size):
    for start in range(0, len(data), size):
        yield data[start : start + size]


def by_email(writer, body):
    head = f"MIME-Version: 1.0\r\nContent-Type: {writer.content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    assert not message.defects
    return message


async def by_ours(writer, body):
    content = StreamReader()
    content.feed_data(body)
    content.feed_eof()
    return MultipartReader({"Content-Type": writer.content_type}, content)


class Fed:
    """A body as aiohttp's reader wants it."""

    def __init__(self, data):
        self._file = io.BytesIO(data)
        self._back = b""

    async def readline(self, **_):
        line, self._back = self._back, b""
        return line or self._file.readline()

    async def read(self, size=-1):
        return self._file.read(size)

    def unread_data(self, data):
        self._file.seek(-len(data), os.SEEK_CUR)

    def at_eof(self):
        return self._file.tell() == len(self._file.getvalue())


async def by_aiohttp(writer, body):
    return aiohttp.MultipartReader({"Content-Type": writer.content_type}, Fed(body))


# As others read it


@pytest.mark.parametrize("boundary", [None, "b", "with space?", "'()+_,-./:=?", "x" * 70])
async def test_parts_are_read_by_other_parsers(boundary):
    writer = MultipartWriter(boundary=boundary)
    bodies = [body for body in BODIES if boundary != "b" or b"--b" not in body]
    for body in bodies:
        writer.append(body, {"X-Length": str(len(body))})
    body = await written(writer)
    message = by_email(writer, body)
    assert [part.get_payload(decode=True) for part in message.iter_parts()] == bodies
    assert [int(part["Content-Length"]) for part in message.iter_parts()] == list(map(len, bodies))
    for read in (by_ours, by_aiohttp):
        reader, found = await read(writer, body), []
        while (part := await reader.next()) is not None:
            found.append((bytes(await part.read()), part.headers["X-Length"]))
        assert found == [(part, str(len(part))) for part in bodies]


async def test_a_form_is_read_by_werkzeug():
    writer = MultipartWriter("form-data")
    names = ['a"b', "é", "back\\slash", "semi;colon", " "]
    for name in names:
        part = writer.append(f"text of {name}")
        part.set_content_disposition("form-data", quote_fields=False, name=name)
    for content in BODIES:
        part = writer.append(content, {"Content-Type": "image/png"})
        part.set_content_disposition("form-data", name="file", filename="x.png")
    body = await written(writer)
    boundary = writer.boundary.encode()
    fields, files = MultiPartParser().parse(io.BytesIO(body), boundary, len(body))
    assert list(fields.items(multi=True)) == [(name, f"text of {name}") for name in names]
    found = files.getlist("file")
    assert [(file.read(), file.filename, file.mimetype) for file in found] == [
        (content, "x.png", "image/png") for content in BODIES
    ]
    for file in found:
        file.close()


@pytest.mark.parametrize("parts", [0, 1])
async def test_a_writer_without_parts_is_still_one(parts):
    writer = MultipartWriter(boundary="b")
    for _ in range(parts):
        writer.append(b"")
    body = await written(writer)
    assert body.endswith(b"--b--\r\n")
    reader = await by_ours(writer, body)
    assert len([part async for part in reader]) == parts


# Codings of parts


CODINGS = [
    (coding, transfer) for coding in ("", "gzip", "deflate") for transfer in ("", "base64", "quoted-printable", "8bit")
]


@pytest.mark.parametrize(("coding", "transfer"), CODINGS)
@pytest.mark.parametrize("size", [1, 75, 100_000])
async def test_parts_are_coded_as_their_headers_say(coding, transfer, size):
    writer = MultipartWriter()
    fields = {"Content-Encoding": coding, "Content-Transfer-Encoding": transfer}
    bodies = BODIES if size > 1 else [body[:1000] for body in BODIES]
    for content in bodies:
        part = AsyncIterablePayload(pieces_of(content, size), headers={k: v for k, v in fields.items() if v})
        writer.append_payload(part)
    body = await written(writer)
    undo = {"": bytes, "gzip": gzip.decompress, "deflate": zlib.decompress}[coding]
    assert [undo(part.get_payload(decode=True)) for part in by_email(writer, body).iter_parts()] == bodies
    for read in (by_ours, by_aiohttp):
        if read is by_aiohttp and coding == "deflate":
            continue  # it reads only what lacks zlib's wrapping, against RFC 9110, 8.4.1.2
        reader, found = await read(writer, body), []
        while (part := await reader.next()) is not None:
            found.append(bytes(await part.read(decode=True)))
        assert found == bodies


async def coded(transfer, pieces):
    async def each():
        for piece in pieces:
            yield piece

    writer = MultipartWriter(boundary="b")
    writer.append_payload(AsyncIterablePayload(each(), headers={"Content-Transfer-Encoding": transfer}))
    body = await written(writer)
    return by_email(writer, body), body.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n--b--\r\n")


@pytest.mark.parametrize("transfer", ["base64", "quoted-printable"])
@given(pieces=st.lists(st.lists(st.sampled_from(b"\r\n \t=.a\xff"), max_size=30).map(bytes), max_size=5))
@example(pieces=[b"a\r\nb\nc\rd\n\r"])
@example(pieces=[b"a" * 5000 + b"\r", b"\n" + b" " * 5000, b"\r" * 5000])
async def test_a_coding_for_the_transfer_gives_back_any_bytes(transfer, pieces):
    message, lines = await coded(transfer, pieces)
    assert next(message.iter_parts()).get_payload(decode=True) == b"".join(pieces)
    assert lines.isascii()
    for line in lines.split(b"\r\n"):
        assert len(line) <= 76
        assert not {b"\r", b"\n"} & {line[i : i + 1] for i in range(len(line))}
        assert not line.endswith((b" ", b"\t"))


async def test_lines_of_text_stay_lines_in_quoted_printable():
    _, lines = await coded("quoted-printable", [b"one\r\ntw", b"o\r", b"\nthree = 3\r\n"])
    assert lines == b"one\r\ntwo\r\nthree =3D 3\r\n"


@pytest.mark.parametrize("coding", [{"Content-Encoding": "gzip"}, {"Content-Transfer-Encoding": "base64"}])
async def test_a_part_that_is_coded_has_no_length(coding):
    payload = BytesPayload(b"x" * 1000, headers={"X-A": "b"})
    plain, packed = MultipartWriter(), MultipartWriter()
    plain.append(payload)
    assert payload.headers["Content-Length"] == "1000"
    packed.append(payload, coding)
    assert (packed.size, packed.in_memory()) == (None, None)
    assert b"Content-Length" not in await written(packed)


@pytest.mark.parametrize("name", ["Content-Encoding", "Content-Transfer-Encoding"])
def test_a_part_of_a_form_has_no_coding(name):
    writer = MultipartWriter("form-data")
    with pytest.raises(ValueError, match=name):
        writer.append(b"x", {name: "base64"})
    assert len(writer) == 0


@pytest.mark.parametrize("subtype", ["mixed", "form-data"])
@pytest.mark.parametrize("headers", [{"X-A": "a\r\nb"}, {"X-A\r\n": "b"}, {"X A": "b"}, {"X-A": "\0"}])
def test_a_part_with_a_bad_header_is_refused_at_once(subtype, headers):
    writer = MultipartWriter(subtype)
    with pytest.raises(ValueError, match="header"):
        writer.append(b"x", headers)
    assert len(writer) == 0


async def test_a_header_that_becomes_bad_later_is_refused_when_it_is_sent():
    writer = MultipartWriter()
    writer.append(b"x").headers["X-A"] = "a\nb"
    with pytest.raises(ValueError, match="X-A"):
        await written(writer)


# Sizes, and writers in writers


@given(
    bodies=st.lists(st.binary(max_size=50), max_size=4),
    boundary=st.from_regex(r"[0-9A-Za-z'()+_,\-./:=?]{1,70}", fullmatch=True),
    names=st.lists(st.text('aé"\\%;', max_size=5), max_size=4),
)
async def test_a_writer_knows_its_size(bodies, boundary, names):
    for subtype in ("mixed", "form-data"):
        writer = MultipartWriter(subtype, boundary)
        for body, name in zip(bodies, names, strict=False):
            writer.append(body, {"X-É".replace("É", "E"): name.strip()}).set_content_disposition("form-data", name=name)
        writer.append("é")
        writer.append_json(names)
        writer.append_form({"a": "é"})
        assert writer.size == len(await written(writer))


async def test_a_writer_of_a_large_part_is_not_put_together_in_memory():
    writer = MultipartWriter()
    writer.append(os.urandom(200_000))
    assert writer.in_memory() is None
    assert writer.size == len(await written(writer))


@pytest.mark.parametrize("fill", ["before", "after"])
@pytest.mark.parametrize("depth", [1, 3, 12])
async def test_writers_hold_writers_however_they_are_filled(fill, depth):
    outer = inner = MultipartWriter("mixed")
    writers = []
    for level in range(depth):
        nested = MultipartWriter("related")
        if fill == "before":
            nested.append(f"level {level}")
        inner.append(nested, {"X-Level": str(level)})
        if fill == "after":
            nested.append(f"level {level}")
        inner = nested
        writers.append(nested)
    inner.append(b"deepest")
    body = await written(outer)
    assert outer.size == len(body)
    message, reader = by_email(outer, body), await by_ours(outer, body)
    for level in range(depth):
        part = next(part for part in message.iter_parts() if part.is_multipart())
        assert part["X-Level"] == str(level)
        assert int(part["Content-Length"]) == len(await written(writers[level]))
        assert part.get_content_type() == "multipart/related"
        assert next(part.iter_parts()).get_payload(decode=True) == f"level {level}".encode()
        message = part
    assert list(message.iter_parts())[-1].get_payload(decode=True) == b"deepest"
    first = await reader.next()
    assert isinstance(first, MultipartReader)
    assert bytes(await (await first.next()).read()) == b"level 0"
    await reader.release()


async def test_a_nested_form_is_read_by_ours_and_aiohttp():
    outer, inner = MultipartWriter("form-data"), MultipartWriter("mixed")
    inner.append(b"x" * 10)
    outer.append(inner).set_content_disposition("form-data", name="files")
    body = await written(outer)
    for read in (by_ours, by_aiohttp):
        nested = await (await read(outer, body)).next()
        assert bytes(await (await nested.next()).read()) == b"x" * 10
        assert await nested.next() is None
