"""Rows J-01 and J-02: the command line."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import os
import signal
import subprocess
import sys

import pytest

import drywire

from ..server.programs import program  # noqa: F401 - a fixture
from ..tree import environment, run_python

MODULE = """
from drywire import web

async def tell(request):
    return web.Response(text=" ".join(request.app[ARGV]))

ARGV = web.AppKey("ARGV", list)

def init_func(argv):
    app = web.Application()
    app[ARGV] = argv
    app.router.add_get("/", tell)
    return app

async def init_async(argv):
    return init_func(argv)
"""


@pytest.mark.parametrize("function", ["init_func", "init_async"])
def test_j_01_a_module_is_served_from_the_command_line(program, tmp_path, function):
    (tmp_path / "site_of_mine.py").write_text(MODULE)
    arguments = ["-m", "drywire.web", "-H", "127.0.0.1", "-P", "0", f"site_of_mine:{function}", "--mine", "x"]
    server = program(*arguments, cwd=tmp_path)
    assert server.get() == (200, "--mine x")
    assert server.end(signal.SIGINT) == (0, "Stopped")


def test_j_01_a_unix_socket_alone_or_beside_a_host(program, tmp_path):
    (tmp_path / "site_of_mine.py").write_text(MODULE)
    arguments = ["-m", "drywire.web", "-U", "socket", "-H", "127.0.0.1", "-P", "0", "site_of_mine:init_func"]
    server = program(*arguments, cwd=tmp_path)
    assert "http://unix:socket:" in server.out[0]
    assert server.get() == (200, "")
    assert server.end() == (0, "Stopped")
    assert not os.path.exists(tmp_path / "socket")


def test_j_01_mistakes_end_with_status_2(tmp_path):
    (tmp_path / "site_of_mine.py").write_text(MODULE)
    for entry, message in [
        ("site_of_mine", "not in 'module:function' syntax"),
        (".site_of_mine:init_func", "relative module names not supported"),
        ("site_of_yours:init_func", "unable to import site_of_yours"),
        ("site_of_mine:init", "module 'site_of_mine' has no attribute 'init'"),
    ]:
        done = subprocess.run(
            [sys.executable, "-m", "drywire.web", entry],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment(),
            timeout=20,
        )
        assert done.returncode == 2
        assert message in done.stderr


def test_j_02_the_version():
    assert run_python("-c", "import drywire; print(drywire.__version__)") == f"{drywire.__version__}\n"
