"""The tables of docs/http1.md name each limit and each quirk, with the defaults that the code has."""

import re
from dataclasses import fields

from drywire_sansio.http1 import Limits, Quirk

from ..tree import ROOT

ROWS = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", (ROOT / "docs" / "http1.md").read_text(), re.MULTILINE)


def test_each_limit_has_its_row_and_default():
    said = {name: text for name, text in ROWS if name.islower()}
    assert said.keys() == {field.name for field in fields(Limits)}
    for field in fields(Limits):
        expected = "1 TiB" if field.default == 1 << 40 else f"{field.default:,}"
        assert said[field.name].removesuffix(" bytes") == expected


def test_each_quirk_has_its_row():
    assert {name for name, _ in ROWS if name.isupper()} == {quirk.name for quirk in Quirk}
