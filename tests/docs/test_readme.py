"""Every Python block of the README and of the docs runs as it stands, and prints what the text block after it says."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from ..tree import ROOT, environment, relative

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def snippets(page):
    """Return the Python blocks of `page`, each with the text block that follows it before the next one, or None."""
    found = []
    for language, code in BLOCK.findall(page.read_text("utf-8")):
        if language == "python":
            found.append((code, None))
        elif language == "text" and found:
            found[-1] = found[-1][0], code
    return found


README = snippets(ROOT / "README.md")
SERVER = next(code for code, _ in README if "run_app" in code)
CLIENT, CLIENT_PRINTS = next(snippet for snippet in README if "ClientSession" in snippet[0])

PLAIN = [
    pytest.param(code, printed, id=f"{relative(page)}-{number}")
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for number, (code, printed) in enumerate(snippets(page), 1)
    if code not in (SERVER, CLIENT)
]


def for_trio(code):
    """Return the client as its comment says that it runs on trio."""
    changed = code.replace("asyncio.run(main())", "trio.run(main)").replace("import asyncio", "import trio")
    assert "asyncio.run" not in changed
    return changed


@contextlib.contextmanager
def serving(code, port):
    """Run the server until the block ends; it must end by Ctrl-C without a complaint."""
    server = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        wait_until_it_accepts(server, port)
        yield
        server.send_signal(signal.SIGINT)
        output, _ = server.communicate(timeout=10)
        assert server.returncode == 0, output.decode()
    finally:
        server.kill()
        server.communicate()


def wait_until_it_accepts(server, port):
    limit = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            assert server.poll() is None, server.communicate()[0].decode()
            assert time.monotonic() < limit, "the server did not begin to listen"
            time.sleep(0.05)
        else:
            return


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_client_of_the_readme_talks_to_its_server(backend, free_tcp_port, run_program):
    server = SERVER.replace('backend="asyncio"', f'backend="{backend}"').replace("8080", str(free_tcp_port))
    client = CLIENT.replace("8080", str(free_tcp_port))
    with serving(server, free_tcp_port):
        assert run_program(client) == CLIENT_PRINTS
        assert run_program(for_trio(client)) == CLIENT_PRINTS


@pytest.mark.parametrize(("code", "printed"), PLAIN)
def test_a_snippet_runs(code, printed, run_program):
    output = run_program(code)
    assert printed is None or output == printed


def test_the_commands_of_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = set(re.findall(r"(?:`|^    )make ([a-z-]+)", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE))
    assert {"demo", "test"} <= named
    assert not [target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)]
