"""docs/websocket.md: its table of limits is the code's, and it speaks of what there is.

That each block runs, and prints what the page says, is tested with those of the other pages in test_readme.py.
"""

import re
from dataclasses import fields

import pytest

import drywire
from drywire_sansio.limits import Limits, exceeded
from drywire_sansio.websocket import Deflate
from drywire_sansio.websocket.deflate import Deflater

from ..tree import ROOT

PAGE = ROOT / "docs" / "websocket.md"
TEXT = PAGE.read_text("utf-8")
LIMITS = re.findall(r"^\| `(\w+)` \| ([\d,]+)(?: bytes)? \| [^|]+ \| (\d{4}) \|$", TEXT, re.MULTILINE)


def test_each_limit_of_a_websocket_has_its_row_with_default_and_close_code():
    codes = {field.name: exceeded(field.name, field.default, 0).close_code for field in fields(Limits)}
    expected = [(field.name, f"{field.default:,}", str(codes[field.name])) for field in fields(Limits)]
    expected = [row for row in expected if row[2] != "0"]
    assert expected == LIMITS


def test_each_type_of_message_is_told_of():
    rows = re.findall(r"^\| ((?:`[A-Z]+`(?:, )?)+) \|", TEXT, re.MULTILINE)
    told = re.findall(r"[A-Z]+", " ".join(rows))
    assert set(told) == {kind.name for kind in drywire.WSMsgType} - {"CONTINUATION"}


@pytest.mark.parametrize("example", ["chat/server.py", "chat/page.html", "reconnecting_client.py"])
def test_the_page_speaks_of_each_example(example):
    assert f"](../examples/{example})" in TEXT


def test_the_page_links_to_what_is_there():
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert links
    for link in links:
        path, _, heading = link.partition("#")
        target = PAGE.parent / path if path else PAGE
        assert target.exists(), link
        if heading:
            headings = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
            assert heading in {title.lower().replace(" ", "-") for title in headings}, link


def test_the_memory_of_compression_is_told_for_windows_that_can_be():
    rows = re.findall(r"^\| (\d+) \| \d+ KiB \| \d+ KiB \|$", TEXT, re.MULTILINE)
    assert rows
    for bits in rows:
        assert Deflater(Deflate(server_max_window_bits=int(bits)).server_max_window_bits, keeps_context=True).usable
