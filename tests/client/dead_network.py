"""A program for a network namespace of its own, in which packets to 198.51.100.0/24 and 2001:db8::/64 get lost.

Run by ``unshare --net``: it makes the network, and says "as it should be" for each loop. Nothing of it is refused or
answered, which no address of a machine's own can play: so the client is left to its own clocks.
"""

import subprocess
import sys

import anyio

import drywire
from drywire import ClientSession, ClientTimeout, TCPConnector, web
from drywire.resolver import AsyncResolver
from drywire_transports import current_runtime

from ..dead_ends import open_sockets
from ..names import Names

LOST, LOST_6, VANISHING = "198.51.100.2", "2001:db8::2", "198.51.100.9"
SHORT, SLACK = 0.15, 2.0
LOOPS = {"asyncio": ("asyncio", {}), "uvloop": ("asyncio", {"use_uvloop": True}), "trio": ("trio", {})}


def ip(command):
    subprocess.run(["ip", *command.split()], check=True)


def make_network():
    ip("link set lo up")
    ip("link add hole type veth peer name end")
    ip("link set hole arp off")  # so what is sent there is addressed to nobody, and gone at the other end
    ip("link set end up")
    ip("addr add 198.51.100.1/24 dev hole")
    ip("-6 addr add 2001:db8::1/64 dev hole nodad")
    ip("link set hole up")


async def timed(kind, session, url="http://host.test/", **limits):
    """Return the error of a request, which must come at its time."""
    runtime = current_runtime()
    started = runtime.now()
    try:
        async with session.get(url, timeout=ClientTimeout(**limits)) as response:
            raise AssertionError(f"an answer of {response.status}")
    except kind as error:
        spent = runtime.now() - started
        assert SHORT - 0.01 < spent < SHORT + SLACK, spent
        assert session.connector.figures.open == 0
        return error


async def dead_first_address(port):
    runtime = current_runtime()
    for lost in (LOST, LOST_6):
        names = Names({"host.test": [(lost, port), ("127.0.0.1", port)]})
        async with ClientSession(connector=TCPConnector(resolver=names, happy_eyeballs_delay=SHORT)) as session:
            started = runtime.now()
            async with session.get("http://host.test/") as response:
                assert await response.read() == b"ok"
            assert SHORT - 0.01 < runtime.now() - started < SHORT + SLACK


async def dead_addresses(port):
    names = Names({"host.test": [(LOST, port), (LOST_6, port)]})
    async with ClientSession(connector=TCPConnector(resolver=names, happy_eyeballs_delay=0)) as session:
        error = await timed(drywire.ConnectionTimeoutError, session, sock_connect=SHORT)
        seen = (error.phase, [one.host for one in error.attempts])
        assert seen == ("connect", [LOST, LOST_6]), seen
        error = await timed(drywire.TotalTimeoutError, session, total=SHORT)
        assert error.phase == "connect"


async def dead_resolver():
    connector = TCPConnector(resolver=AsyncResolver(nameservers=[LOST], timeout=5))
    async with ClientSession(connector=connector) as session:
        error = await timed(drywire.ConnectionTimeoutError, session, sock_connect=SHORT)
        assert (error.phase, error.host) == ("dns", "host.test")
    connector = TCPConnector(resolver=AsyncResolver(nameservers=[LOST, LOST_6], timeout=SHORT, lifetime=SHORT))
    async with ClientSession(connector=connector) as session:
        error = await timed(drywire.ClientConnectorDNSError, session, total=30)
        assert "no nameserver answered" in str(error)


async def dead_proxy(scheme):
    for url in ("http://host.test/", "https://host.test/"):
        async with ClientSession(proxy=f"{scheme}://user:secret@{LOST}:3128") as session:
            error = await timed(drywire.ConnectionTimeoutError, session, url, sock_connect=SHORT)
            assert (error.phase, error.host, error.port) == ("proxy", LOST, 3128)
            assert "secret" not in str(error)


async def half_open_peer(port):
    """The kept connection's peer vanishes: what is sent next is never answered, and closing does not wait for it."""
    ip(f"addr add {VANISHING}/32 dev lo")
    runtime, here = current_runtime(), True
    try:
        async with ClientSession() as session:
            url = f"http://{VANISHING}:{port}/"
            async with session.get(url) as response:
                assert await response.read() == b"ok"
            ip(f"addr del {VANISHING}/32 dev lo")
            here = False
            error = await timed(drywire.SocketTimeoutError, session, url, sock_read=SHORT)
            assert error.connection_reused
            assert error.bytes_sent
            await timed(drywire.ConnectionTimeoutError, session, url, sock_connect=SHORT)
            started = runtime.now()
        assert runtime.now() - started < 0.5
    finally:
        if here:
            ip(f"addr del {VANISHING}/32 dev lo")


async def main():
    async def ok(request):
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_get("/", ok)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "0.0.0.0", 0)
    await site.start()
    port = runner.addresses[0][1]
    before = open_sockets()
    async with anyio.create_task_group() as group:
        group.start_soon(dead_first_address, port)
        group.start_soon(dead_addresses, port)
        group.start_soon(dead_resolver)
        for scheme in ("http", "socks5h"):
            group.start_soon(dead_proxy, scheme)
    await half_open_peer(port)
    await runner.cleanup()
    assert open_sockets() < before


if __name__ == "__main__":
    make_network()
    AsyncResolver(nameservers=[LOST])  # loads dnspython, which would hold up the loop
    for name in sys.argv[1:]:
        backend, options = LOOPS[name]
        anyio.run(main, backend=backend, backend_options=options)
        print(name, "as it should be")
