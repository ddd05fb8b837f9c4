"""What an example needs: the hosts that it names, the folder that it writes to, and a loop."""
# ruff: noqa: F401, F811 - these are the fixtures of another folder, too

import contextlib
import sys

import pytest

import drywire

from ..client.conftest import answering, scripted
from ..client.dns_server import dns_server
from ..client.forwarding import forward
from . import third_party
from .internet import Internet
from .playing import Player, Script, installed


@pytest.fixture(scope="session")
def the_internet():
    with Internet().running() as internet:
        yield internet


@pytest.fixture
def internet(the_internet):
    """The server that plays every host; see `Internet` for what it saw."""
    the_internet.forget()
    return the_internet


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    """A folder to work in, no proxy in the environment, and the modules of others that examples import."""
    monkeypatch.chdir(tmp_path)
    for name in ("async_timeout", "requests", "tenacity"):
        monkeypatch.setitem(sys.modules, name, getattr(third_party, name))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def _id_of(request):
    _, document, number, *_ = request.node.originalname.split("_")
    return f"{document.upper()}-{number}"


@pytest.fixture
def play(request, internet):
    """``await play(text)``: the example, in the loop that the test runs in."""
    return Player(_id_of(request), internet.url)


ASYNCIO = "asyncio"
UVLOOP = pytest.param("uvloop", marks=installed("uvloop"))
TRIO = pytest.param("trio", marks=installed("trio"))


@pytest.fixture(params=[ASYNCIO, UVLOOP])
def script(request, internet):
    """``script(text)``: an example that is a program, and names more of asyncio than ``asyncio.run``."""
    return Script(_id_of(request), internet.url, request.param)


@pytest.fixture(params=[ASYNCIO, UVLOOP, TRIO])
def script_anywhere(request, internet):
    """``script_anywhere(text)``: an example that is a program, and names nothing of asyncio but ``asyncio.run``."""
    return Script(_id_of(request), internet.url, request.param)


@pytest.fixture
async def session():
    """The session that many examples take for granted."""
    async with drywire.ClientSession() as session:
        yield session


@pytest.fixture
async def proxy(scripted):
    """A real proxy, whatever its examples call it; ``proxy.heads`` are the requests that it got."""
    async with scripted(forward) as script:
        script.address = f"127.0.0.1:{script.port}"
        yield script


@pytest.fixture
def ca_bundle(ca, tmp_path):
    """The file of the authorities that are trusted, where an example trusts its own."""
    path = tmp_path / "ca-bundle.crt"
    ca.cert_pem.write_to_path(str(path))
    return path


class Taken:
    """The last request that `wire` has taken, before any server decodes it."""

    def __init__(self, url):
        self.url = url
        self.head = self.body = b""


@pytest.fixture
def wire(scripted):
    """``async with wire() as taken``: a server that looks at each byte of the requests to ``taken.url``."""

    @contextlib.asynccontextmanager
    async def take():
        async def talk(peer, script):
            while (request := await peer.request())[0]:
                taken.head, taken.body = request
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        async with scripted(talk) as script:
            taken = Taken(script.url)
            yield taken

    return take
