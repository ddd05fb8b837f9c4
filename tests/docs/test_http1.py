"""The tables of docs/http1.md name each limit and each quirk, with the defaults that the code has.

The limits of a WebSocket stand in docs/websocket.md; none may be missing from both pages, or stand in both.
"""

import re
from dataclasses import fields

from drywire_sansio.http1 import Limits, Quirk

from ..tree import ROOT


def rows(page):
    return re.findall(r"^\| `(\w+)` \| ([^|]+) \|", (ROOT / "docs" / page).read_text("utf-8"), re.MULTILINE)


ROWS = rows("http1.md")


def limits(page):
    """Return the limits that a page has a row for, with what it says of their defaults."""
    return {name: text.removesuffix(" bytes") for name, text in rows(page) if name in Limits.__dataclass_fields__}


def test_each_limit_has_its_row_and_default():
    told = {name: text for name, text in ROWS if name.islower()}
    assert told.keys() == limits("http1.md").keys()
    assert not told.keys() & limits("websocket.md").keys()
    expected = {field.name: "1 TiB" if field.default == 1 << 40 else f"{field.default:,}" for field in fields(Limits)}
    assert limits("http1.md") | limits("websocket.md") == expected


def test_each_quirk_has_its_row():
    assert {name for name, _ in ROWS if name.isupper()} == {quirk.name for quirk in Quirk}
