"""docs/client.md: its tables and its tree are the code's, and each snippet prints the same on trio.

That each block runs, and prints what the page says, is tested with those of the other pages in test_readme.py.
"""

import builtins
import inspect
import io
import re
from dataclasses import fields
from typing import get_args

import pytest

import drywire
from drywire_client import errors
from drywire_client.bodies import make_body
from drywire_client.connector import KEEPALIVE
from drywire_client.proxies import _SCHEMES
from drywire_client.request_fields import SERVER_SOFTWARE
from drywire_client.timeouts import DEFAULT_TIMEOUT

from ..tree import ROOT

PAGE = ROOT / "docs" / "client.md"
TEXT = PAGE.read_text("utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```\n", TEXT, re.MULTILINE | re.DOTALL)
TREE = re.search(r"^```\n(ClientError\n.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)[1]


def section(title):
    """Return the text under the heading `title`."""
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)[1]


# One of them shows asyncio's own tasks.
@pytest.mark.parametrize(("code", "printed"), [pair for pair in SNIPPETS if "asyncio.TaskGroup" not in pair[0]])
def test_a_snippet_prints_the_same_on_trio(code, printed, run_program):
    changed = code.replace("\nrun(main)", '\nrun(main, backend="trio")')
    changed = changed.replace("asyncio.run(main())", "trio.run(main)").replace("import asyncio", "import trio")
    assert changed != code
    assert run_program(changed) == printed


def test_every_section_but_the_plain_ones_shows_what_it_says():
    titles = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    without = [title for title in titles if "```python" not in section(title)]
    assert without == ["Requests", "What differs from aiohttp", "Examples"]


def lines_of_the_tree():
    """Yield each class of the tree with its parent there."""
    above = []
    for line in TREE.splitlines():
        depth = (len(line) - len(line.lstrip())) // 4
        del above[depth:]
        above.append(getattr(drywire, line.strip()))
        yield above[-1], above[-2] if depth else None


def test_the_tree_has_all_errors_under_each_of_their_bases():
    shown = set(lines_of_the_tree())
    kinds = [kind for name in errors.__all__ if issubclass(kind := getattr(errors, name), Exception)]
    expected = {(kind, base) for kind in kinds for base in kind.__bases__ if base in kinds}
    assert {pair for pair in shown if pair[1] is not None} == expected
    assert {kind for kind, parent in shown if parent is None} == {errors.ClientError, errors.TotalTimeoutError}


def test_what_an_error_knows_is_told_whole():
    told = re.findall(r"^\| `(\w+)` \| ", section("Errors"), re.MULTILINE)
    assert told == list(errors.RequestProgress.__annotations__)
    row = re.search(r"^\| `phase` \| (.+?);", section("Errors"), re.MULTILINE)[1]
    assert re.findall(r"`(\w+)`", row) == list(get_args(errors.Phase))


def test_each_limit_of_time_has_its_row_and_its_error():
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| `(\w+)` \|$", section("Timeouts"), re.MULTILINE)
    assert [name for name, _ in rows] == ["total", "connect", "sock_connect", "sock_read"]
    assert {name for name, _ in rows} == {field.name for field in fields(drywire.ClientTimeout)} - {"ceil_threshold"}
    for _, error in rows:
        assert issubclass(getattr(drywire, error), TimeoutError)
    assert "By default `total` is 300 and `sock_connect` 30." in TEXT
    assert drywire.ClientTimeout(total=300, sock_connect=30) == DEFAULT_TIMEOUT


async def chunks():
    yield b"never sent"


def test_bodies_are_of_the_types_that_the_page_says(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("<p>")
    cells = dict(re.findall(r"^\| (.+?) \| `(.+?)`", section("Bodies"), re.MULTILINE))
    with path.open("rb") as named:
        assert make_body(named).content_type == "text/html"
    unnamed = io.BytesIO(b"data")
    for data, row, again in [
        (b"data", "bytes, bytearray, memoryview", True),
        (bytearray(b"data"), "bytes, bytearray, memoryview", True),
        (memoryview(b"data"), "bytes, bytearray, memoryview", True),
        ("data", "str", True),
        ({"a": "1"}, "a mapping, pairs, `FormData`", True),
        ([("a", "1")], "a mapping, pairs, `FormData`", True),
        (drywire.FormData({"a": "1"}), "a mapping, pairs, `FormData`", True),
        (chunks(), "an async iterable", False),
    ]:
        body = make_body(data)
        assert (body.content_type, body.replayable) == (cells[row], again), row
    assert (make_body(unnamed).content_type, make_body(unnamed).replayable) == ("application/octet-stream", True)
    with_file = make_body({"a": io.BytesIO(b"data")})
    assert with_file.content_type.startswith("multipart/form-data; boundary=")


def test_the_defaults_of_retries_are_those_of_the_middleware():
    defaults = {
        name: parameter.default for name, parameter in inspect.signature(drywire.RetryMiddleware).parameters.items()
    }
    told = section("Retries")
    assert f"up to `backoff` ({defaults['backoff']} s)" in told
    assert defaults["factor"] == 2
    assert "then twice that (`factor`)" in told
    assert f"up to `longest` ({defaults['longest']:g} s)" in told
    assert f"more than `longest_retry_after` ({defaults['longest_retry_after']:g} s)" in told
    statuses = re.search(r"answered with ([\d, or]+)\s+\(`statuses`\)", told)[1]
    assert set(map(int, re.findall(r"\d+", statuses))) == defaults["statuses"]


def test_the_sizes_of_the_pool_are_those_of_the_connector():
    defaults = {
        name: parameter.default for name, parameter in inspect.signature(drywire.TCPConnector).parameters.items()
    }
    told = section("Sessions")
    assert f"At most {defaults['limit']} requests are under way at once" in told
    assert f"kept for {KEEPALIVE:g} idle seconds (`keepalive_timeout`)" in told


def test_the_limits_on_inflating_are_the_cores():
    limits = drywire.Limits()
    told = section("Compression")
    assert f"{limits.decoded_free // 2**20} MiB, and beyond that to {limits.decoded_ratio} times its size" in told
    assert limits.content_codings == 5
    assert "five at the most" in told


def test_what_is_read_unasked_is_twice_the_read_bufsize():
    size = inspect.signature(drywire.ClientSession).parameters["read_bufsize"].default
    told = " ".join(section("Responses").split())
    assert f"up to twice `read_bufsize` ({2 * size // 1024} KiB)" in told
    assert drywire.StreamReader(limit=size).get_read_buffer_limits()[1] == 2 * size


def test_the_schemes_of_proxies_are_told_whole():
    told = " ".join(section("Proxies").split())
    assert f"({', '.join(_SCHEMES[:-1])} or {_SCHEMES[-1]})" in told
    assert set(re.findall(r"`(\w+)_proxy`", told)) - {"no"} == set(_SCHEMES)


def test_the_user_agent_looks_as_in_the_table_of_differences():
    (told,) = re.findall(r"^\| User-Agent \| ``(.+?)``", section("What differs from aiohttp"), re.MULTILINE)
    assert re.sub(r"[\d.]+", "1", told) == re.sub(r"[\d.]+", "1", SERVER_SOFTWARE)


@pytest.mark.parametrize("example", ["practice_server.py", "downloader.py", "api_client.py"])
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


def test_names_in_code_that_look_like_ours_are_ours():
    named = set(re.findall(r"`((?:[A-Z][a-z]+){2,})(?:\(.*?\))?`", TEXT)) | set(
        re.findall(r"drywire\.([A-Za-z_]+)", TEXT)
    )
    assert sorted(name for name in named if not hasattr(drywire, name) and not hasattr(builtins, name)) == []
