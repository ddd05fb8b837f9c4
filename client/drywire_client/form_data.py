"""`FormData`: the fields of a form, URL-encoded or in parts (RFC 7578)."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from multidict import CIMultiDict, MultiDict, MultiDictProxy

from drywire_transports.multipart_writer import MultipartWriter
from drywire_transports.payloads import BytesPayload, IOBasePayload, Payload, get_payload
from drywire_transports.payloads import LookupError as NoPayload
from drywire_transports.payloads.files import opened_name

__all__ = ["FormData", "file_name"]

_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class FormData:
    """The fields of a form, sent URL-encoded, or as ``multipart/form-data`` once a field is a file or has a type.

    `fields` are a mapping, pairs, or files; `quote_fields` percent-encodes file names that are not plain ASCII;
    `charset` is that of URL-encoded text (UTF-8); `default_to_multipart` sends parts in any case.
    """

    def __init__(
        self,
        fields: Any = (),
        quote_fields: bool = True,
        charset: str | None = None,
        boundary: str | None = None,
        *,
        default_to_multipart: bool = False,
    ) -> None:
        self._fields: list[tuple[str, Any, dict[str, str], CIMultiDict[str]]] = []
        self._multipart = default_to_multipart
        self._quote_fields = quote_fields
        self._charset = charset
        self._boundary = boundary
        self._payload: Payload | None = None
        if isinstance(fields, Mapping):
            fields = list(fields.items())
        elif not isinstance(fields, list | tuple):
            fields = (fields,)
        self.add_fields(*fields)

    @property
    def is_multipart(self) -> bool:
        """Whether the form goes out in parts."""
        return self._multipart

    def add_field(
        self,
        name: str,
        value: Any,
        *,
        content_type: str | None = None,
        filename: str | None = None,
        content_transfer_encoding: str | None = None,
    ) -> None:
        """Add a field: text, bytes, or a file, which has `filename` (its own unless given) and `content_type`.

        Raises TypeError for a type or name that is not a str, ValueError for a control character in one.
        """
        for what, text in (("name", name), ("content_type", content_type), ("filename", filename)):
            _check(what, text)
        if isinstance(value, io.IOBase) or _looks_like_a_file(value):
            self._multipart = True
            filename = filename or file_name(value) or name
        elif isinstance(value, bytes | bytearray | memoryview) and filename is None:
            message = f"bytes as the field {name[:60]!r} are sent as a file: say so by filename=, or give them as text"
            warnings.warn(message, DeprecationWarning, stacklevel=2)
            filename = name
        parameters = {"name": name}
        headers: CIMultiDict[str] = CIMultiDict()
        if filename is not None:
            parameters["filename"] = filename
            self._multipart = True
        if content_type is not None:
            headers["Content-Type"] = content_type
            self._multipart = True
        if content_transfer_encoding is not None:
            _check("content_transfer_encoding", content_transfer_encoding)
            # RFC 7578, 4.7: forms have none, so it is not said, and nothing is coded.
            message = "content_transfer_encoding is deprecated and has no effect: the parts of a form go as they are"
            warnings.warn(message, DeprecationWarning, stacklevel=2)
            self._multipart = True
        self._fields.append((name, value, parameters, headers))
        self._payload = None  # what was made of fewer fields

    def add_fields(self, *fields: Any) -> None:
        """Add files, multidicts, and pairs of name and value. Raises TypeError for anything else."""
        for field in fields:
            if isinstance(field, io.IOBase) or _looks_like_a_file(field):
                self.add_field(file_name(field) or "unknown", field)
            elif isinstance(field, MultiDict | MultiDictProxy):
                for name, value in field.items():
                    self.add_field(name, value)
            elif isinstance(field, list | tuple) and len(field) == 2:
                self.add_field(field[0], field[1])
            else:
                raise TypeError(
                    "a form takes files, multidicts and pairs of name and value, and whatever else there is to say by "
                    f"add_field(), but not {field!r}"[:300]
                )

    def __call__(self) -> Payload:
        """Return the form as a body: the same one each time, so that files are sent from where they stood."""
        if self._payload is None:
            self._payload = self._in_parts() if self._multipart else self._url_encoded()
        return self._payload

    def _url_encoded(self) -> Payload:
        charset = self._charset or "utf-8"
        kind = "application/x-www-form-urlencoded"
        if charset.lower() != "utf-8":
            kind = f"{kind}; charset={charset}"
        pairs = [(name, value) for name, value, _, _ in self._fields]
        return BytesPayload(urlencode(pairs, doseq=True, encoding=charset).encode(), content_type=kind)

    def _in_parts(self) -> Payload:
        writer = MultipartWriter("form-data", boundary=self._boundary)
        for _, value, parameters, headers in self._fields:
            part = self._part(value, headers)
            part._set_disposition("form-data", parameters, self._quote_fields, self._charset or "utf-8")
            writer.append_payload(part)
        return writer

    def _part(self, value: Any, headers: CIMultiDict[str]) -> Payload:
        kind = headers.get("Content-Type")
        options: dict[str, Any] = {"headers": headers}
        if kind is not None:
            options["content_type"] = kind
        elif self._charset is not None and isinstance(value, str):
            options["encoding"] = self._charset
        if isinstance(value, bool | int | float):
            value = str(value)
        try:
            return get_payload(value, **options)
        except NoPayload:
            if _looks_like_a_file(value):
                return IOBasePayload(value, **options)
        raise TypeError(f"a form's field cannot be {type(value).__name__}: {str(value)[:200]!r}")


def _check(what: str, text: object) -> None:
    if text is None:
        return
    if not isinstance(text, str):
        raise TypeError(f"the {what} of a form's field must be a str, not {text!r}"[:300])
    if _CONTROL.search(text):
        raise ValueError(f"{what} {text[:60]!r} holds a control character, such as CR or LF")


def _looks_like_a_file(value: object) -> bool:
    """Whether `value` reads like a file though it is none of io's, such as what the tempfile module makes."""
    return hasattr(value, "read") and hasattr(value, "seek") and hasattr(value, "fileno")


def file_name(value: object) -> str | None:
    """Return the name of an open file without its folders; None where it has none."""
    opened = opened_name(value)
    return None if opened is None else re.split(r"[\\/]", opened)[-1]
