"""Rows D-01 to D-10, and P-20 to P-30 as far as names go: resolvers, and the cache of names."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import inspect
import socket
import typing

import pytest

import drywire
from drywire.abc import AbstractResolver, ResolveResult
from drywire.resolver import AsyncResolver, DefaultResolver, ThreadedResolver
from drywire_transports import current_runtime

from ..client.conftest import answering, eventually, scripted  # noqa: F401
from ..client.dns_server import dns_server  # noqa: F401


class Own(AbstractResolver):
    """A resolver as users of aiohttp write it: every name is this machine."""

    def __init__(self, port=None):
        self.port = port
        self.calls = []
        self.closed = False

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.calls.append((host, port, family))
        return [
            {
                "hostname": host,
                "host": "127.0.0.1",
                "port": port if self.port is None else self.port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
        ]

    async def close(self):
        self.closed = True


@pytest.fixture
def visit(scripted, answering):
    """``await visit(resolver, *hosts, **options)``: request each host in turn over a connector with the resolver."""

    async def go(resolver, *names, between=lambda connector, port: None, **options):
        async with scripted(answering()) as script:
            connector = drywire.TCPConnector(resolver=resolver, force_close=True, **options)
            async with drywire.ClientSession(connector=connector) as session:
                for name in names:
                    async with session.get(f"http://{name}:{script.port}/") as response:
                        assert await response.read() == b"ok"
                    between(connector, script.port)
            return script

    return go


async def test_d_01_async_resolver_asks_the_nameservers_it_is_given(dns_server, visit):
    """Differs: it asks by dnspython (`drywire[dns]`), where aiohttp needs aiodns, so that it runs on trio, too; its
    options are `port`, `timeout`, `lifetime`, `domains`, `ndots`, `rotate` and `resolvconf_path`.
    """
    dns_server.add("shop.example", "A 127.0.0.1")
    for resolver in (
        AsyncResolver(nameservers=[dns_server.address]),
        AsyncResolver(None, ["127.0.0.1"], port=dns_server.port),
        AsyncResolver(loop=object(), nameservers=[dns_server.address]),
    ):
        await visit(resolver, "shop.example")
        (result,) = await resolver.resolve("shop.example", 80)
        assert result["host"] == "127.0.0.1"
        await resolver.close()
    assert dns_server.asked("shop.example") == 6


async def test_d_02_threaded_resolver_asks_the_system_without_holding_up_the_loop(monkeypatch):
    asked, real = [], socket.getaddrinfo

    def ask(host, port, family, kind, proto, flags):
        asked.append((host, flags))
        return real("127.0.0.1", port, family, kind)

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    resolver = ThreadedResolver(loop=None)
    assert list(inspect.signature(ThreadedResolver).parameters) == ["loop"]
    (result,) = await resolver.resolve("some.example", 8080)
    assert (result["hostname"], result["host"], result["port"]) == ("some.example", "127.0.0.1", 8080)
    assert asked == [(b"some.example", socket.AI_ADDRCONFIG)]
    await resolver.close()


async def test_d_03_the_default_resolver_is_the_systems(monkeypatch, visit):
    """Differs: it is ThreadedResolver also where DNS could be asked directly: the system knows more than DNS says, such
    as its hosts files, mDNS and the networks of a VPN.
    """
    assert DefaultResolver is ThreadedResolver
    asked, real = [], socket.getaddrinfo

    def ask(host, *rest, **options):
        asked.append(host)
        return real(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    await visit(None, "localhost")
    assert asked.count(b"localhost") == 1


async def test_d_04_a_resolver_of_ones_own_is_asked_for_each_name(visit):
    resolver = Own()
    script = await visit(resolver, "a.example", "b.example", "a.example")
    assert resolver.calls == [("a.example", script.port, 0), ("b.example", script.port, 0)]
    assert b"Host: b.example" in script.heads[1]
    assert list(inspect.signature(AbstractResolver.resolve).parameters) == ["self", "host", "port", "family"]
    with pytest.raises(TypeError, match="abstract"):
        AbstractResolver()


async def test_d_05_what_a_resolver_finds_is_used_its_port_too(scripted, answering):
    assert set(typing.get_type_hints(ResolveResult)) == {"hostname", "host", "port", "family", "proto", "flags", "ttl"}
    assert ResolveResult.__optional_keys__ == {"ttl"}
    async with scripted(answering()) as script:
        connector = drywire.TCPConnector(resolver=Own(script.port))
        async with drywire.ClientSession(connector=connector) as session:
            async with session.get("http://a.example:1/") as response:
                assert await response.read() == b"ok"
    assert b"Host: a.example:1\r\n" in script.heads[0]


async def test_d_06_a_name_that_nobody_knows_is_a_dns_error(dns_server):
    class Empty(Own):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            return []

    class Refused(Own):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            raise OSError(None, "DNS lookup failed")

    for resolver, text in (
        (AsyncResolver(nameservers=[dns_server.address]), "no such name"),
        (Empty(), "no address"),
        (Refused(), "DNS lookup failed"),
        (None, "."),
    ):
        async with drywire.ClientSession(connector=drywire.TCPConnector(resolver=resolver)) as session:
            with pytest.raises(drywire.ClientConnectorDNSError, match=text) as caught:
                await session.get("http://none.invalid/")
            error = caught.value
            assert (error.host, error.port, error.phase) == ("none.invalid", 80, "dns")
            assert isinstance(error.os_error, OSError)


async def test_d_07_one_lookup_serves_all_who_ask_at_once_and_outlives_them(scripted, answering, eventually):
    runtime, go = current_runtime(), current_runtime().wake()

    class Slow(Own):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            self.calls.append(host)
            await runtime.park(go)
            return [{"host": "127.0.0.1", "port": port}]

    resolver, read = Slow(), []
    async with scripted(answering()) as script:
        connector = drywire.TCPConnector(resolver=resolver)
        async with drywire.ClientSession(connector=connector) as session:

            async def get():
                async with session.get(f"http://a.example:{script.port}/") as response:
                    read.append(await response.read())

            tasks = [runtime.spawn(get) for _ in range(10)]
            await eventually(lambda: resolver.calls)
            tasks[0].cancel()
            assert await tasks[0].wait(runtime.now() + 5)
            go.set()
            for task in tasks:
                assert await task.wait(runtime.now() + 5)
    assert read == [b"ok"] * 9
    assert resolver.calls == ["a.example"]


async def test_d_07_addresses_take_turns():
    """By connections: each new one begins with the next address."""

    class Two(Own):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            return [{"host": f"127.0.0.{number}", "port": port} for number in (1, 2)]

    runtime, peers = current_runtime(), []

    async def handle(stream):
        peers.append(stream.extra_info("sockname")[0])
        await stream.receive()
        await stream.send(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await stream.aclose()

    listener = await runtime.listen_tcp(handle, "0.0.0.0", 0)
    port = listener.addresses[0][1]
    try:
        async with drywire.ClientSession(connector=drywire.TCPConnector(resolver=Two())) as session:
            for _ in range(4):
                async with session.get(f"http://a.example:{port}/") as response:
                    assert response.status == 204
    finally:
        listener.cancel()
        assert await listener.join(runtime.now() + 5)
    assert peers == ["127.0.0.1", "127.0.0.2"] * 2


async def test_d_08_addresses_are_not_asked_for(scripted, answering):
    resolver = Own()
    async with scripted(answering()) as script:
        connector = drywire.TCPConnector(resolver=resolver, family=socket.AF_UNSPEC)
        async with drywire.ClientSession(connector=connector) as session:
            async with session.get(script.url) as response:
                assert response.status == 200
            with pytest.raises(drywire.ClientConnectorError):
                await session.get("http://[::1]:1/")
    assert not resolver.calls


async def test_d_09_dns_is_asked_without_threads_by_an_extra(monkeypatch, dns_server):
    """Differs: the extra is `drywire[dns]`, of dnspython, and nothing else becomes quicker by it."""

    def refuse(*_):
        raise AssertionError("the system's resolver was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    dns_server.add("a.example", "A 192.0.2.1")
    (result,) = await AsyncResolver(nameservers=[dns_server.address]).resolve("a.example", 80)
    assert result["host"] == "192.0.2.1"


async def test_d_10_a_dot_behind_a_host_keeps_its_meaning(dns_server, visit):
    dns_server.add("a.example", "A 127.0.0.1")
    await visit(AsyncResolver(nameservers=[dns_server.address], domains=["x.example"], ndots=5), "a.example.")
    assert {query[0] for query in dns_server.queries} == {"a.example"}
    resolver = Own()
    await visit(resolver, "a.example.", "a.example..", "a.example")
    assert [call[0] for call in resolver.calls] == ["a.example.", "a.example"]


# The connector's cache


async def test_p_20_without_use_dns_cache_each_connection_asks(visit):
    for use, count in ((True, 1), (False, 3)):
        resolver = Own()
        await visit(resolver, *["a.example"] * 3, use_dns_cache=use)
        assert len(resolver.calls) == count
    assert inspect.signature(drywire.TCPConnector).parameters["use_dns_cache"].default is True


async def test_p_21_ttl_dns_cache_says_how_long_a_name_is_kept(visit):
    for ttl, count in ((10, 1), (None, 1), (0, 3)):
        resolver = Own()
        await visit(resolver, *["a.example"] * 3, ttl_dns_cache=ttl)
        assert len(resolver.calls) == count
    assert inspect.signature(drywire.TCPConnector).parameters["ttl_dns_cache"].default == 10


async def test_p_21_a_record_that_says_less_is_kept_for_less(dns_server, visit):
    """Differs: where the resolver tells how long an address is valid, it is kept no longer; aiohttp's cannot tell.
    With None it is kept for good, as in aiohttp.
    """
    dns_server.add("brief.example", "A 127.0.0.1", ttl=0)
    for ttl, count in ((10, 3), (None, 1)):
        dns_server.queries.clear()
        await visit(AsyncResolver(nameservers=[dns_server.address]), *["brief.example"] * 3, ttl_dns_cache=ttl)
        assert dns_server.asked("brief.example") == count


async def test_p_22_dns_cache_max_size_bounds_the_names(visit):
    resolver = Own()
    await visit(resolver, "a.example", "b.example", "a.example", "c.example", "a.example", "b.example")
    assert len(resolver.calls) == 3
    resolver = Own()
    names = ("a.example", "b.example", "a.example", "c.example", "a.example", "b.example")
    await visit(resolver, *names, dns_cache_max_size=2)
    assert [call[0] for call in resolver.calls] == ["a.example", "b.example", "c.example", "b.example"]
    assert inspect.signature(drywire.TCPConnector).parameters["dns_cache_max_size"].default == 1000


async def test_p_25_a_resolver_that_was_given_is_not_closed(visit, monkeypatch):
    closed = []

    async def close(self):
        closed.append(self)

    monkeypatch.setattr(ThreadedResolver, "close", close)
    resolver = Own()
    await visit(resolver, "a.example")
    assert resolver.calls
    assert not resolver.closed
    await visit(ThreadedResolver(), "localhost")
    assert not closed
    await visit(None, "localhost")
    assert [type(one) for one in closed] == [ThreadedResolver]


async def test_p_29_what_the_cache_is_like_and_how_to_clear_it(visit):
    resolver = Own()

    def clear(connector, port):
        assert connector.family == socket.AF_INET
        assert connector.use_dns_cache is True
        for half in ({"host": "a.example"}, {"port": port}):
            with pytest.raises(ValueError, match="both host and port"):
                connector.clear_dns_cache(**half)
        if len(resolver.calls) == 1:
            connector.clear_dns_cache("b.example", port)
            connector.clear_dns_cache("a.example", port + 1)
            connector.clear_dns_cache("a.example", port)
        elif len(resolver.calls) == 2:
            connector.clear_dns_cache()

    await visit(resolver, *["a.example"] * 4, between=clear, family=socket.AF_INET)
    assert len(resolver.calls) == 3
    connector = drywire.TCPConnector(use_dns_cache=False)
    assert connector.use_dns_cache is False
    assert connector.family == socket.AF_UNSPEC
    await connector.close()


async def test_p_30_the_cache_itself_is_not_shown():
    """Differs: `dns_cache` and `cached_hosts` stand in aiohttp's documents only; here they do not, either."""
    async with drywire.TCPConnector() as connector:
        assert not hasattr(connector, "dns_cache")
        assert not hasattr(connector, "cached_hosts")
