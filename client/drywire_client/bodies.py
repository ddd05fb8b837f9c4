"""What `data=`, `json=` and `files=` come to: the body of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drywire_transports.payloads import BytesPayload, IOBasePayload, JsonBytesPayload, JsonPayload, Payload, get_payload
from drywire_transports.payloads import LookupError as NoPayload

from .form_data import FormData

__all__ = ["json_body", "make_body"]


def make_body(data: Any, files: Any = None) -> Payload:
    """Return the body for `data`, with `files` as further fields of its form.

    bytes, str, files, async iterables and whatever else a payload is registered for go as they are; a mapping or pairs
    are a form. Raises TypeError for anything else.
    """
    if files is not None:
        return _with_files(data, files)()
    if type(data) is bytes:
        return BytesPayload(data)
    if isinstance(data, FormData):
        return data()
    if callable(data) and hasattr(data, "__drywire_body__"):
        data = data()
    try:
        return get_payload(data)
    except NoPayload:
        pass
    if isinstance(data, Mapping) or (isinstance(data, list | tuple) and all(map(_is_field, data))):
        return FormData(data)()
    if hasattr(data, "read") and hasattr(data, "seek"):
        return IOBasePayload(data)
    raise TypeError(
        f"data cannot be {type(data).__name__}: pass bytes, str, a mapping, pairs of name and value, FormData, a file, "
        "or an async iterable"
    )


def _is_field(item: object) -> bool:
    return isinstance(item, list | tuple) and len(item) == 2


def json_body(value: Any, dumps: Any, dumps_bytes: Any) -> Payload:
    """Return `value` in JSON, by the serializer that returns bytes if there is one."""
    if dumps_bytes is not None:
        return JsonBytesPayload(value, dumps=dumps_bytes)
    return JsonPayload(value, dumps=dumps)


def _with_files(data: Any, files: Any) -> FormData:
    """Return the form of `data` with `files`: a mapping or pairs of a field's name and a file.

    A file may also be given as (file name, file or content) or (file name, file or content, content type). Raises
    TypeError for data that is no form.
    """
    if data is not None and not isinstance(data, Mapping | list | tuple):
        raise TypeError(f"files= needs data= to be a form, not {type(data).__name__}")
    form = FormData(() if data is None else data, default_to_multipart=True)
    for name, file in files.items() if isinstance(files, Mapping) else files:
        if isinstance(file, list | tuple):
            form.add_field(name, file[1], filename=file[0], content_type=file[2] if len(file) > 2 else None)
        elif isinstance(file, str | bytes | bytearray | memoryview):
            form.add_field(name, file, filename=name)
        else:
            form.add_field(name, file)
    return form
