"""docs/embedding.md: its blocks run one after the other, and it speaks of the examples that there are.

That each block runs alone, too, is tested with those of the other pages in test_readme.py.
"""

import ast
import contextlib
import io
import re
import sys

import pytest

from ..tree import ROOT, relative

PAGE = ROOT / "docs" / "embedding.md"
TEXT = PAGE.read_text("utf-8")
FOLDER = ROOT / "examples" / "embedding"
FILES = sorted(FOLDER.glob("*.py"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def snippets():
    """Return each Python block with what the text block behind it says that it prints."""
    blocks = BLOCK.findall(TEXT)
    for number, (language, code) in enumerate(blocks):
        if language == "python":
            following, printed = blocks[number + 1]
            assert following == "text", f"nothing is said of what this prints:\n{code}"
            yield code, printed


def run(code, namespace):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(PAGE), "exec"), namespace)
    return printed.getvalue()


def test_the_snippets_run_one_after_the_other_and_print_what_the_page_says():
    namespace = {}
    for code, printed in snippets():
        assert run(code, namespace) == printed


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_the_page_speaks_of_each_example(path):
    assert f"](../{relative(path)})" in TEXT


def test_the_page_links_to_what_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_an_example_needs_the_standard_library_and_the_core_only(path):
    beside = {other.stem for other in FILES}
    for node in ast.walk(ast.parse(path.read_bytes())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names.append(node.module)
        for name in names:
            assert name == "drywire_sansio.http1" or name.partition(".")[0] in beside | sys.stdlib_module_names


def test_the_toy_loop_has_about_a_hundred_lines_and_knows_no_http():
    source = (FOLDER / "toy_loop.py").read_text("utf-8")
    assert len(source.splitlines()) <= 105
    assert "drywire" not in source
