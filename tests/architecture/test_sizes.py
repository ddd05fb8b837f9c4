"""Files and functions stay small enough to be read at once."""

import ast

import pytest

from ..tree import relative, source_files

FILE_LINES = 600
FUNCTION_LINES = 60


@pytest.mark.parametrize("path", source_files(), ids=relative)
def test_a_file_is_short(path):
    lines = len(path.read_bytes().splitlines())
    assert lines <= FILE_LINES, f"{lines} lines: move one of its ideas into a module of its own"


@pytest.mark.parametrize("path", source_files(), ids=relative)
def test_each_function_is_short(path):
    nodes = ast.walk(ast.parse(path.read_bytes()))
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    long = {node.name: lines for node in functions if (lines := node.end_lineno - node.lineno + 1) > FUNCTION_LINES}
    assert not long, f"longer than {FUNCTION_LINES} lines: {long}"
