"""The programs in examples/: loaded as modules, or run as processes."""

import contextlib
import importlib.util
import signal
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
def running(name, *options, ends_by=signal.SIGTERM, last_words=""):
    """Run examples/`name` and give the process; it must end by a signal, with status 0 and without a complaint.

    Development mode shows a warning for what is not closed. Whoever reads its output leaves `last_words` unread.
    """
    command = [sys.executable, "-X", "dev", str(ROOT / "examples" / name), *options]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment(), text=True)
    try:
        yield process
        process.send_signal(ends_by)
        printed, complaints = process.communicate(timeout=PATIENCE)
        assert (process.returncode, printed, complaints) == (0, last_words, "")
    finally:
        process.kill()
        process.communicate()
