"""The command line: what is served, what is passed on, and what it says when it cannot."""

import inspect
import json
import logging
import os
import re
import signal
import socket
import ssl
import sys
import textwrap

import pytest

from drywire_server import cli
from drywire_server.reloading import SourceWatch
from drywire_transports import run as transports_run

from .programs import LOOPS, program  # noqa: F401 - a fixture

MODULE = """
import os
import sys
from drywire import web

ARGV = web.AppKey("ARGV", object)

async def answer(request):
    return web.json_response({"argv": request.app[ARGV], "pid": os.getpid(), "loop": loop()})

def loop():
    if "trio" in sys.modules and sys.modules["trio"].lowlevel.in_trio_run():
        return "trio"
    import asyncio
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]

def make(argv):
    app = web.Application()
    app[ARGV] = argv
    app.router.add_get("/", answer)
    return app

async def make_async(argv):
    return make(argv)

def make_plain():
    return make("none")

class Holder:
    app = make("there already")

number = 5

def wrong(argv):
    return number

async def asgi(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder of the test, with a module ``pages`` in it."""
    (tmp_path / "pages.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("import not_installed_here\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    yield tmp_path
    for name in ("pages", "broken"):
        sys.modules.pop(name, None)


@pytest.fixture
def run(monkeypatch):
    """Run the command line up to `run_app`; return what that is called with."""
    monkeypatch.setattr(logging, "basicConfig", lambda **settings: None)
    access, calls = cli.access_logger, []
    before = access.handlers[:], access.level, access.propagate
    monkeypatch.setattr(cli, "run_app", lambda app, **settings: calls.append((app, settings)))

    def run(*argv):
        with pytest.raises(SystemExit) as stopped:
            cli.main(argv)
        return stopped.value.code, calls[-1] if calls else None

    yield run
    access.handlers[:], access.level, access.propagate = before


# As a process


@pytest.mark.parametrize("loop", LOOPS)
def test_a_function_makes_the_application_of_what_is_left_over(program, folder, loop):  # noqa: F811
    server = program(
        "-m", "drywire.web", "--loop", loop, "-P", "0", "pages:make", "-H", "127.0.0.1", "a", "--workers", "b"
    )
    status, text = server.get()
    assert status == 200
    told = json.loads(text)
    assert (told["argv"], told["loop"]) == (["a", "--workers", "b"], loop)
    code, errors = server.end(signal.SIGINT)
    assert (code, errors) == (0, "Stopped")
    assert server.out[0].startswith("======== Running on http://127.0.0.1:")
    assert re.fullmatch(r'127\.0\.0\.1 \[.*\] "GET / HTTP/1\.1" 200 \d+ "-" "-"', server.out[2])


def test_workers_load_the_application_themselves_and_a_reload_takes_what_is_new(program, folder):  # noqa: F811
    server = program("-m", "drywire.web", "-P", "0", "--workers", "1", "--access-log", "json", "pages:make_plain")
    assert json.loads(server.get()[1])["argv"] == "none"
    line = server.until(lambda: next((line for line in server.out if line.startswith("{")), None))
    assert json.loads(line)["first_request_line"] == "GET / HTTP/1.1"
    text = MODULE.replace('"none"', '"changed"')
    (folder / "pages.py").write_text(text)
    server.send(signal.SIGHUP)
    server.until(lambda: json.loads(server.get()[1])["argv"] == "changed")
    assert server.end()[0] == 0
    assert server.err[-1] == "Stopped"


def test_reload_starts_anew_when_a_file_changes_also_after_a_mistake(program, folder):  # noqa: F811
    server = program("-m", "drywire.web", "-P", "0", "--reload", "--access-log", "off", "pages:make_async")
    first = json.loads(server.get()[1])["pid"]
    (folder / "pages.py").write_text("this is no Python\n")
    server.until(lambda: any("predecessor stays" in line for line in server.err))
    assert json.loads(server.get()[1])["pid"] == first
    (folder / "pages.py").write_text(MODULE)
    server.until(lambda: json.loads(server.get()[1])["pid"] != first)
    assert server.end()[0] == 0


def test_a_folder_is_served_with_its_index_and_without_what_is_hidden(program, folder):  # noqa: F811
    (folder / "sub").mkdir()
    (folder / "sub" / "index.html").write_text("<p>the index</p>")
    (folder / ".secret").write_text("x")
    server = program("-m", "drywire.web", "-P", "0", "--directory", ".")
    status, text = server.get()
    assert status == 200
    assert '<a href="/pages.py">pages.py</a>' in text
    assert "secret" not in text
    assert server.get("/pages.py") == (200, MODULE)
    assert server.get("/.secret")[0] == 404
    assert server.get("/sub/") == (200, "<p>the index</p>")
    assert server.get("/sub")[0] == 301
    assert server.end()[0] == 0


# What run_app is told


def test_what_the_application_may_be(run, folder):
    for name in ("make", "make_plain", "Holder.app", "make_async"):
        code, (app, settings) = run(f"pages:{name}")
        assert code == 0
        assert settings["host"] == "localhost"
        assert settings["port"] == 8080
        made = transports_run(lambda app=app: app) if inspect.isawaitable(app) else app
        assert type(made).__name__ == "Application"
    code, (app, _) = run("pages:asgi")
    assert code == 0
    assert [resource.get_info()["asgi_app"] for resource in app.router.resources()] == [sys.modules["pages"].asgi]


def test_where_to_serve(run, folder):
    _, (_, settings) = run("-U", "socket", "pages:make")
    assert settings["path"] == "socket"
    assert "host" not in settings
    _, (_, settings) = run("pages:make", "-U", "socket", "-H", "::1", "-P", "81", "x")
    assert (settings["path"], settings["host"], settings["port"]) == ("socket", "::1", 81)


def test_the_other_options(run, folder, ca):
    certificate = ca.issue_cert("localhost")
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    (folder / "key.pem").write_bytes(certificate.private_key_pem.bytes())
    options = ["--workers", "3", "--shutdown-timeout", "1.5", "--keepalive-timeout", "2", "--loop", "trio"]
    tls = ["--certfile", "cert.pem", "--keyfile", "key.pem"]
    code, (app, settings) = run(*options, *tls, "--access-log", "%a %s", "pages:make")
    assert code == 0
    assert callable(app)
    wanted = {"workers": 3, "shutdown_timeout": 1.5, "keepalive_timeout": 2, "backend": "trio"}
    assert settings.items() >= wanted.items()
    assert settings["access_log_format"] == "%a %s"
    assert isinstance(settings["ssl_context"], ssl.SSLContext)
    assert run("--access-log", "off", "pages:make")[1][1]["access_log"] is None


# What goes wrong


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "say what to serve: module:function, or --directory FOLDER"),
        (["pages"], "'pages' not in 'module:function' syntax"),
        ([":make"], "not in 'module:function' syntax"),
        ([".pages:make"], "relative module names not supported"),
        (["nowhere.at.all:make"], "unable to import nowhere.at.all: there is no module 'nowhere' in "),
        (["broken:make"], "unable to import broken: No module named 'not_installed_here'"),
        (["pages:mak"], "module 'pages' has no attribute 'mak'; did you mean 'make'?"),
        (["pages:number"], "pages:number is a int: neither an application nor a function that makes one"),
        (["pages:wrong"], "pages:wrong has returned a int, where an application was expected"),
        (["-P", "99999", "pages:make"], "'99999' is no port: 0 to 65535"),
        (["-P", "\u0665", "pages:make"], "is no port"),
        (["--workers", "0", "pages:make"], "--workers must be 1 or more, not 0"),
        (["--loop", "twisted", "pages:make"], "invalid choice: 'twisted'"),
        (["--keyfile", "key.pem", "pages:make"], "--keyfile needs --certfile"),
        (["--certfile", "nix.pem", "pages:make"], "there is no file 'nix.pem'"),
        (["--certfile", "pages.py", "pages:make"], "the certificate in 'pages.py' cannot be used"),
        (["--directory", "nix"], "no folder at 'nix'"),
        (["--directory", ".", "pages:make"], "cannot be served together"),
        (["-H", "no host", "pages:make"], "there is no host 'no host' to serve on"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_status_2(run, folder, capsys, argv, message):
    assert run(*argv) == (2, None)
    *usage, line = capsys.readouterr().err.splitlines()
    assert message in line
    assert len(usage) <= 2


def test_a_port_in_use_and_a_loop_that_is_missing_are_told_in_a_line(folder, capsys, monkeypatch):
    monkeypatch.setattr(logging, "basicConfig", lambda **settings: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as stopped:
            cli.main(["-H", "127.0.0.1", "-P", str(port), "--access-log", "off", "pages:make"])
    assert stopped.value.code == 1
    error, hint = capsys.readouterr().err.splitlines()
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in error
    assert "choose another port by -P" in hint
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["-H", "127.0.0.1", "--loop", "trio", "--access-log", "off", "pages:make"])
    assert stopped.value.code == 1
    assert "trio is not installed: pip install 'drywire[trio]'" in capsys.readouterr().err


def test_an_error_of_the_application_keeps_its_traceback(folder):
    (folder / "pages.py").write_text(
        textwrap.dedent("""
            from drywire import web
            async def start(app):
                raise OSError(13, "the database does not answer")
            def make(argv):
                app = web.Application()
                app.on_startup.append(start)
                return app
        """)
    )
    with pytest.raises(OSError, match="the database does not answer"):
        cli.main(["-P", "0", "--access-log", "off", "pages:make"])


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("drywire ")


# Watching sources


def test_only_sources_of_ones_own_are_watched(tmp_path):
    for name in (".hidden", "__pycache__", "node_modules", "venv", "package"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "module.py").write_text("1")
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    (tmp_path / "data.txt").touch()
    changed = SourceWatch([str(tmp_path), str(tmp_path / "missing")])
    assert not changed()
    for name in (".hidden", "__pycache__", "node_modules", "venv"):
        (tmp_path / name / "module.py").write_text("changed")
    (tmp_path / "data.txt").write_text("changed")
    assert not changed()
    (tmp_path / "package" / "module.py").write_text("22")
    assert changed()
    assert not changed()
    os.unlink(tmp_path / "package" / "module.py")
    assert changed()
