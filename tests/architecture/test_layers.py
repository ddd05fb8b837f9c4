"""Imports point downwards, and the core is what it says: bytes and values, no I/O, no clock, no chance."""

import ast
import sys

import pytest

from ..tree import PACKAGES, relative, run_python, source_files

CORE = PACKAGES[0]

PURE_MODULES = {
    "__future__", "abc", "base64", "binascii", "bisect", "calendar", "codecs", "collections", "dataclasses", "datetime",
    "encodings", "enum", "functools", "hashlib", "heapq", "hmac", "ipaddress", "itertools", "math", "operator", "re",
    "string", "struct", "types", "typing", "urllib.parse", "zlib",
}  # fmt: skip
"""What the core may import of the standard library: modules that only compute on what they are given."""

IMPURE_BUILTINS = {"__import__", "breakpoint", "eval", "exec", "input", "open", "print"}


def imported_roots(tree):
    """Return the top-level name of each absolute import, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (root_of(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield root_of(node.module)


def root_of(module):
    """Return the top-level name of `module`; of urllib its part, since one computes and another does I/O."""
    return module if module.startswith("urllib.") else module.partition(".")[0]


def called_names(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def test_the_import_contracts_hold():
    # The contracts stand in pyproject.toml. Run by this interpreter, so that no other lint-imports is meant.
    run_python("-c", "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])")


@pytest.mark.parametrize("path", source_files(CORE), ids=relative)
def test_the_core_imports_only_what_computes(path):
    imported = set(imported_roots(ast.parse(path.read_bytes())))
    allowed = PURE_MODULES | ({"hypothesis"} if path.parent.name == "strategies" else set())
    if path.parent.name == "websocket" and path.name == "engine.py":
        allowed |= {"wsproto"}
    if path.name == "coding.py":
        allowed |= {"backports", "brotli", "brotlicffi", "compression"}  # optional decoders
    if path.name == "socks.py":
        allowed |= {"socksio"}
    assert imported <= allowed, f"not for the core: {sorted(imported - allowed)}"


@pytest.mark.parametrize("path", source_files(CORE), ids=relative)
def test_the_core_calls_no_builtin_that_does_io(path):
    called = set(called_names(ast.parse(path.read_bytes())))
    assert not called & IMPURE_BUILTINS


def test_what_the_core_may_import_is_in_the_standard_library():
    assert sys.stdlib_module_names >= {module.partition(".")[0] for module in PURE_MODULES}


def test_importing_the_core_loads_no_network_module():
    printed = run_python(
        "-c",
        """if True:
            import sys
            before = set(sys.modules)
            import drywire_sansio.http1
            print(*{"asyncio", "select", "selectors", "socket", "ssl"} & (set(sys.modules) - before))
        """,
    )
    assert not printed.split()
