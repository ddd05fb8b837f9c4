"""Cookies in files: the JSON of aiohttp 3.14, which is ours too, and the pickles of the jars before it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from http.cookies import Morsel
from math import inf, isfinite
from typing import Any, Final, NamedTuple, NoReturn

__all__ = ["FILE_BYTES", "CookieRecord", "parse_file", "read_file", "to_json", "write_file"]

FILE_BYTES: Final = 64 * 1024 * 1024
"""The size of a file of cookies at most: more than the fullest jar needs."""

_FLAGS: Final = frozenset({"httponly", "partitioned", "secure"})
_ATTRIBUTES: Final = _FLAGS | frozenset(Morsel()) - {"domain", "path"}


class CookieRecord(NamedTuple):
    """A cookie as a file has it."""

    domain: str
    """Empty for a cookie of all hosts."""
    path: str
    name: str
    plain: str
    """The value, decoded."""
    coded: str
    """The value as it came."""
    attributes: Mapping[str, str]
    """The others by their names in lower case; of a flag only the name counts."""
    host_only: bool
    expires: float
    """When it ends, in seconds since the epoch; `inf` where the file does not say."""


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a file of cookies. Raises OSError, and ValueError if it has more than `FILE_BYTES`."""
    with open(path, "rb") as file:
        data = file.read(FILE_BYTES + 1)
    if len(data) > FILE_BYTES:
        raise ValueError(f"a file of cookies has at most {FILE_BYTES} bytes")
    return data


def write_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file that only its user may read, in one step: whoever opens it finds all of it, or what was there.

    Where `path` is a link, what it leads to is written. Raises OSError.
    """
    from tempfile import mkstemp

    target = os.path.realpath(os.fspath(path))
    descriptor, temporary = mkstemp(dir=os.path.dirname(target), prefix=".cookies-")
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def to_json(records: Iterable[CookieRecord]) -> bytes:
    """Return `records` in aiohttp's format: by ``domain|path``, then by name."""
    places: dict[str, dict[str, dict[str, Any]]] = {}
    for record in records:
        cookies = places.setdefault(f"{record.domain}|{record.path.rstrip('/')}", {})
        if record.name in cookies:  # of "/a" and "/a/", which are one place here
            cookies = places.setdefault(f"{record.domain}|{record.path}", {})
        cookies[record.name] = _to_entry(record)
    return json.dumps(places, indent=2).encode("ascii")


def _to_entry(record: CookieRecord) -> dict[str, Any]:
    entry: dict[str, Any] = {"key": record.name, "value": record.plain, "coded_value": record.coded}
    for attribute, text in record.attributes.items():
        # Max-Age and Expires have come to a moment, and that is what counts.
        if attribute in _ATTRIBUTES and attribute not in ("max-age", "expires"):
            entry[attribute] = True if attribute in _FLAGS else text
    entry |= {"domain": record.domain, "path": record.path}
    if record.host_only:
        entry["host_only"] = True
    if isfinite(record.expires):
        entry["expires_timestamp"] = record.expires
    return entry


def parse_file(data: bytes) -> list[CookieRecord]:
    """Return the cookies of a file, of whichever format. Raises ValueError for a file of anything else."""
    # What a pickle of protocol 2 or later begins with; aiohttp's always were of the highest protocol.
    return _pickled(data) if data.startswith(b"\x80") else _from_json(data)


def _malformed(reason: str, cause: Exception | None = None) -> NoReturn:
    raise ValueError(f"not a file of cookies: {reason}") from cause


def _from_json(data: bytes) -> list[CookieRecord]:
    try:
        places = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        _malformed("neither JSON nor a pickle", error)
    if not isinstance(places, dict):
        _malformed("it has no domains")
    records = []
    for place, cookies in places.items():
        if not isinstance(cookies, dict):
            _malformed(f"{place[:60]!r} has no cookies")
        for entry in cookies.values():
            if not isinstance(entry, dict):
                _malformed(f"a cookie of {place[:60]!r} is no object")
            records.append(_record(place.partition("|")[0], entry, entry))
    return records


def _record(domain: str, texts: Mapping[str, Any], entry: Mapping[str, Any]) -> CookieRecord:
    """Return the cookie whose name and value are in `texts`, and all else in `entry`."""
    name, plain, coded, path = (*map(texts.get, ("key", "value", "coded_value")), entry.get("path") or "/")
    if not (isinstance(name, str) and isinstance(plain, str) and isinstance(coded, str) and isinstance(path, str)):
        _malformed("a cookie lacks its name, its value or its path")
    attributes = {
        attribute: str(text)
        for attribute in _ATTRIBUTES
        if (text := entry.get(attribute)) and isinstance(text, str | int | float)
    }
    return CookieRecord(
        domain=domain.lower().removeprefix(".") if domain.isascii() else domain,
        path=path,
        name=name,
        plain=plain,
        coded=coded,
        attributes=attributes,
        host_only=entry.get("host_only") is True,
        expires=_moment(entry.get("expires_timestamp")),
    )


def _moment(timestamp: Any) -> float:
    if timestamp is None:
        return inf
    if type(timestamp) not in (int, float) or not -1e15 < timestamp < 1e15:
        _malformed("a cookie ends at no moment")
    return float(timestamp)


def _pickled(data: bytes) -> list[CookieRecord]:
    places = _unpickled(data)
    if not isinstance(places, dict):
        _malformed("it has no domains")
    records = []
    for place, morsels in places.items():
        # before aiohttp 3.8 there was no path
        domain = place[0] if isinstance(place, tuple) and place else place
        if not isinstance(domain, str) or not isinstance(morsels, dict):
            _malformed("a domain has no cookies")
        for morsel in morsels.values():
            texts = getattr(morsel, "state", None)
            if not isinstance(morsel, dict) or not isinstance(texts, dict):
                _malformed("a cookie is no Morsel")
            records.append(_record(domain, texts, morsel))
    return records


def _unpickled(data: bytes) -> Any:
    """Return what is in a pickle of cookies, in classes of our own: nothing in it is called, imported or changed."""
    import pickle
    from io import BytesIO

    class Inert(dict[Any, Any]):
        """Stands for SimpleCookie, Morsel and defaultdict; made anew for each file, so that none spoils another."""

        def __init__(self, *_: object) -> None:
            self.state: object = None

        def __setstate__(self, state: object) -> None:
            self.state = state

    known = {("http.cookies", "SimpleCookie"): Inert, ("http.cookies", "Morsel"): Inert}
    known["collections", "defaultdict"] = Inert
    data_types = {("builtins", kind.__name__): kind for kind in (dict, frozenset, list, set, tuple)}
    # Objects by number can go past find_class, and a bytearray is made as long as the file says, before it is read.
    refused = frozenset(pickle.EXT1 + pickle.EXT2 + pickle.EXT4 + pickle.BYTEARRAY8)

    # In Python, since the one in C makes room for as many objects as the file says.
    class Reader(pickle._Unpickler):
        dispatch = {code: read for code, read in pickle._Unpickler.dispatch.items() if code not in refused}  # noqa: RUF012 - as its base

        def find_class(self, module: str, name: str) -> Any:
            found = known.get((module, name)) or data_types.get((module, name))
            if found is None:
                raise ValueError(f"{module}.{name} has no place in it")
            return found

    try:
        return Reader(BytesIO(data)).load()
    except Exception as error:
        _malformed("its pickle has other things in it than cookies", error)
