"""Names and addresses: what others have got wrong between a URL and the address that is dialled."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import contextlib
import logging
import socket
import threading

import pytest
from yarl import URL

import drywire
from drywire_client.name_cache import MOST_ADDRESSES, MOST_NAMES, NameCache
from drywire_client.resolver import AsyncResolver, ThreadedResolver
from drywire_transports import NameNotResolved, current_runtime

from ..client.conftest import answering, eventually, scripted  # noqa: F401
from ..client.dns_server import dns_server  # noqa: F401

LEGACY = ["2130706433", "127.1", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "127.0.0.1.", "127.000.000.001"]
"""127.0.0.1, as `inet_aton` reads it and nobody else."""


class Counting:
    """A resolver that finds what it is told to, and counts."""

    def __init__(self, *results):
        self.results = list(results)
        self.calls = []

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.calls.append(host)
        return self.results or [{"host": "127.0.0.1", "port": port}]

    async def close(self):
        pass


def url_of(host, port):
    return URL.build(scheme="http", authority=f"{host}:{port}", path="/", encoded=True)


REFUSED = (drywire.InvalidURL, drywire.ClientConnectorDNSError, drywire.InvalidUrlRedirectClientError)


@pytest.mark.parametrize("host", LEGACY)
async def test_12827_no_resolver_is_asked_for_an_address_in_an_unusual_form(host, scripted, monkeypatch):
    """Neither as a URL's host, nor as a proxy's, nor as that of a redirect."""

    def refuse(*_):
        raise AssertionError("the system was asked, which takes it for an address")

    async def away(peer, script):
        await peer.head()
        location = str(url_of(host, script.port)).encode()
        await peer.send(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")

    for resolver in (None, Counting()):
        async with scripted(away) as script:
            with monkeypatch.context() as patch:
                patch.setattr(socket, "getaddrinfo", refuse)
                connector = drywire.TCPConnector(resolver=resolver)
                async with drywire.ClientSession(connector=connector) as session:
                    with pytest.raises(REFUSED):
                        await session.get(url_of(host, script.port))
                    with pytest.raises(REFUSED):
                        await session.get("http://a.example/", proxy=url_of(host, script.port))
                    assert script.connections == 0
                    with pytest.raises(REFUSED):
                        await session.get(script.url)
                    assert script.connections == 1
        assert resolver is None or not resolver.calls


@pytest.mark.parametrize("host", LEGACY)
async def test_12827_nor_may_a_resolver_return_one(host, scripted, answering):
    async with scripted(answering()) as script:
        resolver = Counting({"host": host, "port": script.port})
        async with drywire.ClientSession(connector=drywire.TCPConnector(resolver=resolver)) as session:
            with pytest.raises(drywire.ClientConnectorDNSError, match="must be an IP address"):
                await session.get("http://a.example/")
        assert script.connections == 0


async def test_12827_the_resolvers_themselves_refuse_them(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", None)
    for host in LEGACY:
        for resolver in (ThreadedResolver(), AsyncResolver(nameservers=["192.0.2.1"])):
            with pytest.raises(OSError, match="neither a host name nor an IP address"):
                await resolver.resolve(host, 80)


async def test_34513_names_lookups_and_addresses_are_bounded(eventually):
    runtime = current_runtime()
    cache = NameCache(True, None, resolver=Counting())
    for number in range(MOST_NAMES + 50):
        await cache.addresses(runtime, f"host-{number}.example", 80, runtime.now() + 5, ())
    assert len(cache) == MOST_NAMES

    resolver = Counting(*({"host": f"10.0.{n // 256}.{n % 256}", "port": 80} for n in range(5000)))
    found = await NameCache(True, None, resolver=resolver).addresses(runtime, "a.example", 80, runtime.now() + 5, ())
    assert len(found) == MOST_ADDRESSES

    class Silent(Counting):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            await runtime.park(runtime.wake())

    cache = NameCache(True, None, resolver=Silent(), most=5)

    async def ask(number):
        with contextlib.suppress(TimeoutError):
            await cache.addresses(runtime, f"host-{number}.example", 80, runtime.now() + 0.01, ())

    tasks = [runtime.spawn(ask, number) for number in range(100)]
    for task in tasks:
        assert await task.wait(runtime.now() + 5)
    assert len(cache._running) == len(cache._lookups) == 5
    cache.close()
    assert not cache._running


async def test_b_20_a_lookup_of_the_system_holds_nobody_up(monkeypatch, scripted, answering):
    """The system takes its time, in a thread; meanwhile other requests are served."""
    asked, go, real = threading.Event(), threading.Event(), socket.getaddrinfo

    def slow(host, *rest, **options):
        if host != b"slow.example":
            return real(host, *rest, **options)
        asked.set()
        assert go.wait(10)
        return real("127.0.0.1", *rest)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    runtime = current_runtime()
    async with scripted(answering()) as script, drywire.ClientSession() as session:

        async def get(url):
            async with session.get(url) as response:
                assert await response.read() == b"ok"

        task = runtime.spawn(get, f"http://slow.example:{script.port}/")
        try:
            while not asked.is_set():
                await runtime.sleep_until(runtime.now() + 0.001)
            for _ in range(3):
                await get(script.url)
            assert not task.done
        finally:
            go.set()
        assert await task.wait(runtime.now() + 5)
        assert task.exception() is None


async def test_b_20_names_that_are_not_found_fill_no_log(dns_server, caplog):
    dns_server.answer("broken.example", "SERVFAIL")
    caplog.set_level(logging.DEBUG)
    resolver = AsyncResolver(nameservers=[dns_server.address])
    async with drywire.ClientSession(connector=drywire.TCPConnector(resolver=resolver)) as session:
        for host in ("none.example", "broken.example"):
            with pytest.raises(drywire.ClientConnectorDNSError):
                await session.get(f"http://{host}/")
    assert not [record for record in caplog.records if record.name.startswith(("drywire", "dns"))]


async def test_69244_errors_show_little_of_what_others_chose():
    runtime = current_runtime()
    for host in ("x" * 10**6, "a" * 63 + "." + "\n" * 1000, "%" * 10**5, "fe80::1%" + "e" * 10**5):
        with pytest.raises(NameNotResolved) as caught:
            await NameCache(True, 10).addresses(runtime, host, 80, runtime.now() + 5, ())
        assert len(str(caught.value)) < 500
        assert "\n" not in str(caught.value)
    resolver = Counting({"host": "y" * 10**6, "port": 80})
    with pytest.raises(NameNotResolved) as caught:
        await NameCache(True, 10, resolver=resolver).addresses(runtime, "a.example", 80, runtime.now() + 5, ())
    assert len(str(caught.value)) < 500


async def test_answers_of_strangers_are_not_taken(dns_server):
    """By another id, to another question, of other bytes, or from another address: RFC 5452, 3."""
    dns_server.add("bank.example", "A 192.0.2.1")
    dns_server.answer("bank.example", "forged")
    found = await AsyncResolver(nameservers=[dns_server.address]).resolve("bank.example", 443)
    assert [result["host"] for result in found] == ["192.0.2.1"]


async def test_questions_come_from_ports_that_cannot_be_guessed(dns_server, monkeypatch):
    """RFC 5452, 4: a fresh socket and a fresh id for each question."""
    dns_server.add("bank.example", "A 192.0.2.1")
    seen, answer = [], dns_server._over_udp

    def watch(wire, peer):
        seen.append((wire[:2], peer[1]))
        answer(wire, peer)

    monkeypatch.setattr(dns_server, "_over_udp", watch)
    resolver = AsyncResolver(nameservers=[dns_server.address])
    for _ in range(8):
        await resolver.resolve("bank.example", 443)
    assert len({number for number, _ in seen}) > 5
    assert len({port for _, port in seen}) > 3
