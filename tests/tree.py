"""What the tests of the house need to know of the tree: its packages, their modules, and a fresh interpreter."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SOURCE_ROOTS = [ROOT / "sansio", ROOT / "transports", ROOT / "client", ROOT / "server", ROOT]

PACKAGES = [
    ROOT / "sansio" / "drywire_sansio",
    ROOT / "transports" / "drywire_transports",
    ROOT / "client" / "drywire_client",
    ROOT / "server" / "drywire_server",
    ROOT / "drywire",
]


def source_files(*packages):
    """Return every Python file of `packages`, of all that ship where none is named."""
    return sorted(path for package in packages or PACKAGES for path in package.rglob("*.py"))


def relative(path):
    """Return `path` as the tree knows it; the id of a test that is run for each file."""
    return path.relative_to(ROOT).as_posix()


def module_name(path):
    """Return the dotted name under which `path` is imported."""
    package = next(package for package in PACKAGES if path.is_relative_to(package))
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def environment():
    """Return the environment of a process that imports drywire from this tree, installed or not."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, SOURCE_ROOTS))}


def run_python(*arguments):
    """Run a fresh interpreter and return what it printed; fail with all that it said where it fails."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
