"""The programs in examples/: loaded as modules, or run as processes."""

import contextlib
import importlib.util
import subprocess
import sys

from ..tree import ROOT, environment

PATIENCE = 20


def load(name):
    """Return the program examples/`name` as a module."""
    path = ROOT / "examples" / name
    specification = importlib.util.spec_from_file_location(f"examples_{path.stem}", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


@contextlib.contextmanager
def running(name, *options):
    """Run examples/`name` and give the process, to which the block sends the signal that ends it.

    It must end with status 0 and without a complaint, such as a warning for what is not closed. What it prints is for
    the block to read: its lines are not waited for.
    """
    command = [sys.executable, "-W", "default", str(ROOT / "examples" / name), *options]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment(), text=True)
    try:
        yield process
        _, complaints = process.communicate(timeout=PATIENCE)
        assert (process.returncode, complaints) == (0, "")
    finally:
        process.kill()
        process.communicate()
