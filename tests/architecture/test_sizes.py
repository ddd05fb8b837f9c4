"""Files and functions stay small enough to be read at once."""

import ast

import pytest

from ..tree import PACKAGES, relative, source_files

FILE_LINES = 600
FUNCTION_LINES = 60


@pytest.mark.parametrize("package", PACKAGES, ids=relative)
def test_each_file_is_short(package):
    lines = {relative(path): len(path.read_bytes().splitlines()) for path in source_files(package)}
    long = {path: count for path, count in lines.items() if count > FILE_LINES}
    assert lines
    assert not long, f"longer than {FILE_LINES} lines, move one of their ideas into a module of its own: {long}"


@pytest.mark.parametrize("package", PACKAGES, ids=relative)
def test_each_function_is_short(package):
    long = {
        f"{relative(path)}: {node.name}": lines
        for path in source_files(package)
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := node.end_lineno - node.lineno + 1) > FUNCTION_LINES
    }
    assert not long, f"longer than {FUNCTION_LINES} lines: {long}"
