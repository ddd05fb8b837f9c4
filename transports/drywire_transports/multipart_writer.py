"""`MultipartWriter`: a body made of parts, each with header fields of its own (RFC 2046, 5.1)."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from drywire_sansio.coding import ContentEncoder

from .message_fields import LooseHeaders, to_multidict
from .payloads import BodyWriter, Buffer, JsonPayload, Payload, StringPayload, get_payload
from .payloads import LookupError as NoPayload

__all__ = ["MultipartWriter"]

# RFC 2046, 5.1.1: bcharsnospace and space, 1 to 70 of them, no space at the end
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_NEEDS_QUOTES: Final = re.compile(r"[^!#$%&'*+\-.^_`|~0-9A-Za-z]")
_PLAIN: Final = frozenset({"", "identity"})
_AS_IT_IS: Final = frozenset({"", "binary", "8bit", "7bit"})
# Of quoted-printable, and not ending within one of its triples
_SOFT_LINE: Final = re.compile(rb".{1,75}(?<!=)(?<!=.)")

FEW: Final = 64 * 1024
"""Bytes up to which a body is put together in memory, and goes out with its head."""

LONG_LINE: Final = 4096
"""Bytes without a line end that are gathered at most."""

Part = tuple[Payload, str, str]


class MultipartWriter(Payload):
    """A multipart body: `append` parts, and send it, or append it to another.

    `subtype` is what follows ``multipart/``; `boundary` is chosen by itself if None. Raises ValueError for one that RFC
    2046 does not allow.
    """

    def __init__(self, subtype: str = "mixed", boundary: str | None = None) -> None:
        boundary = secrets.token_hex(16) if boundary is None else boundary
        if _BOUNDARY.fullmatch(boundary) is None:
            raise ValueError(f"boundary {boundary[:80]!r} is not valid: 1 to 70 of few characters (RFC 2046, 5.1.1)")
        value = f'"{boundary}"' if _NEEDS_QUOTES.search(boundary) else boundary
        super().__init__(None, content_type=f"multipart/{subtype}; boundary={value}")
        self._boundary = boundary
        self._parts: list[Part] = []
        self._is_form_data = subtype == "form-data"

    def __enter__(self) -> MultipartWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing: ``with`` only groups the appending."""

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts)

    def __bool__(self) -> bool:
        return True

    @property
    def boundary(self) -> str:
        """What separates the parts."""
        return self._boundary

    @property
    def replayable(self) -> bool:  # type: ignore[override]  # it depends on the parts
        """Whether each part can be written again."""
        return all(payload.replayable for payload, _, _ in self._parts)

    @property
    def consumed(self) -> bool:
        """Whether a part was written that cannot be written again."""
        return any(payload.consumed for payload, _, _ in self._parts)

    @property
    def autoclose(self) -> bool:
        """Whether no part holds a file."""
        return all(payload.autoclose for payload, _, _ in self._parts)

    @property
    def size(self) -> int | None:
        """The length of the whole in bytes; None where a part's is not known, or it is encoded on its way."""
        total = len(self._boundary) + 6
        for payload, encoding, transfer in self._parts:
            size = payload.size
            if size is None or encoding or transfer:
                return None
            total += len(self._boundary) + 6 + len(self._head((payload, encoding, transfer), size)) + size
        return total

    def _head(self, part: Part, size: int | None) -> bytes:
        """Return the fields of a part, with its `size` as it is now: a writer may have got parts since."""
        payload, encoding, transfer = part
        if self._is_form_data or encoding or transfer:
            payload.headers.popall("Content-Length", None)  # of another writer, where it was not coded
        elif size is not None:
            payload.headers["Content-Length"] = str(size)
        return payload._binary_headers

    # Parts

    def append(self, obj: Any, headers: LooseHeaders | None = None) -> Payload:
        """Add `obj`, whatever a body can be made of, and return its payload. Raises TypeError for anything else."""
        if isinstance(obj, Payload):
            if headers:
                obj.headers.update(to_multidict(headers))
            return self.append_payload(obj)
        try:
            payload = get_payload(obj, headers=headers)
        except NoPayload as error:
            raise TypeError(f"Cannot create payload from {obj!r}") from error
        return self.append_payload(payload)

    def append_payload(self, payload: Payload) -> Payload:
        """Add `payload`, coded as its Content-Encoding and Content-Transfer-Encoding fields say.

        Raises RuntimeError for a coding that is not known, ValueError for a header that HTTP does not allow, and for
        one that a part of a form may not have.
        """
        if self._is_form_data:
            self._check_form_part(payload)
            self._add((payload, "", ""))
            return payload
        encoding = payload.headers.get("Content-Encoding", "").lower()
        transfer = payload.headers.get("Content-Transfer-Encoding", "").lower()
        if encoding not in _PLAIN | {"gzip", "deflate"}:
            raise RuntimeError(f"unknown content encoding: {encoding}")
        if transfer not in _AS_IT_IS | {"base64", "quoted-printable"}:
            raise RuntimeError(f"unknown content transfer encoding: {transfer}")
        encoding = "" if encoding in _PLAIN else encoding
        transfer = "" if transfer in _AS_IT_IS else transfer
        self._add((payload, encoding, transfer))
        return payload

    def _add(self, part: Part) -> None:
        self._head(part, part[0].size)  # raises for a field that cannot be sent
        self._parts.append(part)

    def _check_form_part(self, payload: Payload) -> None:
        """Name a part of a form that has no name. Raises ValueError for a coding: forms have none (RFC 7578, 4.8)."""
        for name in ("Content-Encoding", "Content-Transfer-Encoding"):
            if name in payload.headers:
                raise ValueError(f"a part of a form has no {name}: it goes as it is (RFC 7578, 4.7 and 4.8)")
        if "Content-Disposition" not in payload.headers:
            payload.set_content_disposition("form-data", name=f"section-{len(self._parts)}")

    def append_json(self, obj: Any, headers: LooseHeaders | None = None) -> Payload:
        """Add `obj` in JSON."""
        return self.append_payload(JsonPayload(obj, headers=headers))

    def append_form(
        self, obj: Sequence[tuple[str, str]] | Mapping[str, str], headers: LooseHeaders | None = None
    ) -> Payload:
        """Add `obj` as a URL-encoded form."""
        pairs: Iterable[tuple[str, str]] = obj.items() if isinstance(obj, Mapping) else obj
        data = urlencode(list(pairs), doseq=True)
        content_type = "application/x-www-form-urlencoded"
        return self.append_payload(StringPayload(data, headers=headers, content_type=content_type))

    # Writing

    def in_memory(self) -> bytes | None:
        """Return the whole body where every part lies in memory, uncoded, and they are small."""
        if (self.size or FEW) >= FEW:
            return None
        pieces: list[Buffer] = []
        for payload, _, _ in self._parts:
            body = payload.in_memory()
            if body is None:
                return None
            pieces += (self._delimiter(), self._head((payload, "", ""), payload.size), body, b"\r\n")
        return b"".join([*pieces, self._end()])

    def _delimiter(self) -> bytes:
        return b"--%b\r\n" % self._boundary.encode()

    def _end(self) -> bytes:
        return b"--%b--\r\n" % self._boundary.encode()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the whole as text: delimiters, fields and bodies."""
        parts = [
            self._delimiter().decode() + payload._binary_headers.decode() + payload.decode(encoding, errors) + "\r\n"
            for payload, _, _ in self._parts
        ]
        return "".join(parts) + self._end().decode()

    async def write(self, writer: BodyWriter, close_boundary: bool = True) -> None:
        """Write all parts, and the closing delimiter unless told not to."""
        for payload, encoding, transfer in self._parts:
            await writer.write(self._delimiter() + self._head((payload, encoding, transfer), payload.size))
            if encoding or transfer:
                coder = _Coder(writer, encoding, transfer)
                await payload.write(coder)
                await coder.finish()
            else:
                await payload.write(writer)
            await writer.write(b"\r\n")
        if close_boundary:
            await writer.write(self._end())

    def _close(self) -> None:
        for payload, _, _ in self._parts:
            payload._close()


class _Transfer(Protocol):
    def encode(self, data: bytes) -> bytes: ...
    def finish(self) -> bytes: ...


class _Base64:
    """base64 in lines of 76 characters (RFC 2045, 6.8)."""

    def __init__(self) -> None:
        self._rest = b""

    def encode(self, data: bytes) -> bytes:
        data = self._rest + data
        whole = len(data) // 57 * 57
        self._rest = data[whole:]
        return base64.encodebytes(data[:whole]).replace(b"\n", b"\r\n")

    def finish(self) -> bytes:
        return base64.b64encode(self._rest)


class _QuotedPrintable:
    """quoted-printable (RFC 2045, 6.7), line by line; a long one is broken wherever a piece ends.

    Only CRLF is a line end: CR and LF by themselves are coded, so that what is no text comes back as it was, too.
    """

    def __init__(self) -> None:
        self._line = b""

    def encode(self, data: bytes) -> bytes:
        *lines, self._line = (self._line + data).split(b"\r\n")
        encoded = b"".join([_quoted(line) + b"\r\n" for line in lines])
        if len(self._line) < LONG_LINE:
            return encoded
        line, self._line = self._line, b""
        if line.endswith(b"\r"):  # its LF may follow
            line, self._line = line[:-1], b"\r"
        return encoded + _quoted(line) + b"=\r\n"

    def finish(self) -> bytes:
        return _quoted(self._line)


def _quoted(line: bytes) -> bytes:
    """Return `line`, which holds no CRLF, in lines of up to 76 characters (binascii's are sometimes longer)."""
    unbroken = binascii.b2a_qp(line, istext=False).replace(b"=\n", b"")
    return b"=\r\n".join(_SOFT_LINE.findall(unbroken))


class _Coder:
    """Codes a part on its way: first its content, then for the transfer."""

    def __init__(self, writer: BodyWriter, encoding: str, transfer: str) -> None:
        self._writer = writer
        self._content = ContentEncoder(encoding) if encoding else None
        self._transfer: _Transfer | None = None
        if transfer:
            self._transfer = _Base64() if transfer == "base64" else _QuotedPrintable()

    async def write(self, chunk: Buffer) -> None:
        await self._pass_on(bytes(chunk) if self._content is None else self._content.encode(bytes(chunk)))

    async def _pass_on(self, data: bytes) -> None:
        if self._transfer is not None:
            data = self._transfer.encode(data)
        if data:
            await self._writer.write(data)

    async def finish(self) -> None:
        """Write what the codings have kept back."""
        if self._content is not None:
            await self._pass_on(self._content.finish())
        if self._transfer is not None and (rest := self._transfer.finish()):
            await self._writer.write(rest)
