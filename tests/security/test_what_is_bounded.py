"""What programs of others kept for ever: a logger for each connection, and secrets compared by a plain ``==``."""

import hmac
import logging
import re

import drywire
from drywire import web
from drywire.testing import session_for

from ..tree import PACKAGES, relative, source_files

SERVER = [package for package in PACKAGES if package.name == "drywire_server"]
TAKES_A_SECRET = re.compile(
    r"""decode_basic|basicauth|digestsession|compare_digest|\bauthorization\b(?=["'])|(?<=hdrs\.)(?:proxy_)?authorization""",
    re.IGNORECASE,
)


async def test_picows_72_no_request_and_no_websocket_leaves_a_logger_behind():
    async def hello(request):
        return web.Response(text=request.path)

    async def echo(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(message.data)
        return ws

    async def use(numbers):
        for number in numbers:
            async with session.get(f"/{number}") as response:
                assert response.status == 200
            async with session.ws_connect(f"/ws/{number}") as ws:
                await ws.send_str("hello")
                assert await ws.receive_str(timeout=5) == "hello"

    app = web.Application()
    app.router.add_get("/ws/{number}", echo)
    app.router.add_get("/{number}", hello)
    async with session_for(app) as session:
        await use(range(2))
        before = set(logging.root.manager.loggerDict)
        await use(range(2, 20))
        assert set(logging.root.manager.loggerDict) == before


def test_websockets_33880_no_module_of_the_server_takes_a_secret_apart():
    """Whoever checks a password is the application; the day the server does it too, it has to compare in constant time.

    That is why 33880 stands among the lines that do not apply, see test_every_line.py.
    """
    for path in source_files(*SERVER):
        found = TAKES_A_SECRET.search(path.read_text())
        assert found is None, f"{relative(path)}: {found[0]}"


def test_websockets_33880_the_fingerprint_of_a_certificate_is_compared_in_constant_time(monkeypatch):
    compared = []

    def watched(one, other):
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", watched)
    pins = [drywire.Fingerprint(bytes([number]) * 32) for number in (1, 1, 2)]
    assert pins[0] == pins[1]
    assert pins[0] != pins[2]
    assert len(compared) == 2
