"""docs/proxies.md: its tables are the code's, and its example prints the same on trio.

That each block runs, and prints what the page says, is tested with those of the other pages in test_readme.py.
"""

import re

import drywire
from drywire_client.proxies import _PORTS, named_proxy, route_through
from drywire_client.tunnels import _ADDRESSES

from ..tree import ROOT

TEXT = (ROOT / "docs" / "proxies.md").read_text("utf-8")


def test_the_example_prints_the_same_on_trio(run_program):
    code, printed = re.search(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```\n", TEXT, re.MULTILINE | re.DOTALL).groups()
    assert run_program(code.replace("\nrun(main)", '\nrun(main, backend="trio")')) == printed


def test_every_kind_of_proxy_has_its_row():
    rows = re.findall(r"^\| (`\w+://`.*?) \| .*? \| (\d+) \| (.+?) \|$", TEXT, re.MULTILINE)
    told = {}
    for names, port, who in rows:
        for scheme in re.findall(r"`(\w+)://`", names):
            told[scheme] = int(port)
            route = route_through(named_proxy(f"{scheme}://proxy.example").url, None, None, True)
            assert (route.port, route.resolves_here) == (int(port), who == "this machine")
    assert told == _PORTS


def test_every_error_is_ours_and_the_count_of_addresses_right():
    section = TEXT.partition("## What goes wrong")[2].partition("\n## ")[0]
    for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE):
        for name in re.findall(r"`(\w+)`", row):
            assert issubclass(getattr(drywire, name), Exception)
    assert _ADDRESSES == 4
    assert "up to four" in section
