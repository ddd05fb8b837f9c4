"""Resolvers: the system's in a thread, and DNS asked by ourselves, of a real server on this machine."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import gc
import os
import socket
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import drywire
from drywire.abc import AbstractResolver
from drywire.resolver import AsyncResolver, DefaultResolver, ThreadedResolver
from drywire_client.resolver import NUMERIC, host_name
from drywire_transports import StreamTimeout, current_runtime

from .dns_server import DNSServer, dns_server  # noqa: F401

V4, V6, ANY = socket.AF_INET, socket.AF_INET6, socket.AF_UNSPEC
SOCKETS = "/proc/self/fd"


def hosts(results):
    return [result["host"] for result in results]


def resolver_at(*servers, **options):
    return AsyncResolver(nameservers=[server.address for server in servers], **options)


# Host names


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("example.com", "example.com"),
        ("example.com.", "example.com."),
        ("example.com...", "example.com."),
        ("Example.COM", "Example.COM"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("my_service", "my_service"),
        ("-r3---sn.example", "-r3---sn.example"),
        ("4.3.2.1.in-addr.arpa", "4.3.2.1.in-addr.arpa"),
        ("1e3", "1e3"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_a_host_name_is_asked_for_in_ascii_with_one_dot_at_most(host, name):
    assert host_name(host) == name


NO_NAMES = [
    *("", ".", "..", "a..b", ".a", "a b", " a", "a\n", "a\0b", "a/b", "a@b", "a:1", "a%", "*", "a\x85"),
    *("ä" * 300, "☃" * 64, "a" * 64, ".".join(["a" * 63] * 4), "x." * 127 + "xy", "a\u3002\u3002b"),
]


@pytest.mark.parametrize("host", NO_NAMES)
def test_what_is_no_host_name_is_refused(host):
    with pytest.raises(ValueError, match="is not a host name"):
        host_name(host)


@given(st.text(alphabet="0123456789abcdefxX.ABC\u0660", max_size=20))
@example("127.1")
@example("0x7F.0.0.1")
@example("017700000001")
@example("0x")
def test_what_the_system_takes_for_an_address_is_no_name(host):
    try:
        socket.inet_aton(host)
    except (OSError, UnicodeError):
        return
    with pytest.raises(ValueError, match="neither a host name nor an IP address"):
        host_name(host)


@given(st.text(max_size=300))
def test_host_names_are_safe_to_hand_on(host):
    try:
        name = host_name(host)
    except ValueError:
        return
    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set(" /@:%[]\\")
    assert host_name(name) == name


# The system's resolver


@pytest.fixture
def asking(monkeypatch):
    """Calls of `socket.getaddrinfo`, which goes on to answer them."""
    calls, real = [], socket.getaddrinfo

    def ask(*arguments):
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    return calls


async def test_the_threaded_resolver_says_all_that_a_result_has(asking):
    resolver = ThreadedResolver()
    found = await resolver.resolve("localhost", 80)
    assert found
    for result in found:
        assert result["hostname"] == "localhost"
        assert result["host"] == "127.0.0.1"
        assert (result["port"], result["family"], result["flags"]) == (80, V4, NUMERIC)
    assert asking == [(b"localhost", 80, V4, socket.SOCK_STREAM, 0, 0)]
    await resolver.close()
    assert hosts(await resolver.resolve("localhost", 80)) == ["127.0.0.1"]


async def test_the_threaded_resolver_asks_for_what_this_machine_can_reach(asking):
    with pytest.raises(socket.gaierror):
        await ThreadedResolver().resolve("name.invalid", 443, ANY)
    assert asking == [(b"name.invalid", 443, ANY, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)]


async def test_localhost_is_this_machine_though_no_file_says_so(monkeypatch):
    def nobody(*_):
        raise socket.gaierror(socket.EAI_NONAME, "nobody knows")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    for resolver in (ThreadedResolver(), AsyncResolver(nameservers=["192.0.2.1"])):
        for name in ("localhost", "LocalHost.", "app.localhost"):
            assert hosts(await resolver.resolve(name, 80, ANY)) == ["::1", "127.0.0.1"]
            assert hosts(await resolver.resolve(name, 80, V4)) == ["127.0.0.1"]
            assert hosts(await resolver.resolve(name, 80, V6)) == ["::1"]


async def test_the_threaded_resolver_keeps_scopes_and_drops_what_is_no_address(monkeypatch):
    def answer(*_):
        stream = (socket.SOCK_STREAM, 6, "")
        return [
            (V6, *stream, ("fe80::1", 80, 0, 3)),
            (V6, *stream, (10, b"\x00" * 16)),
            (V6, *stream, ("fd00::1", 80, 0, 0)),
            (V4, *stream, ("192.0.2.1", 80)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    found = await ThreadedResolver().resolve("some.example", 80, ANY)
    assert hosts(found) == ["fe80::1%3", "fd00::1", "192.0.2.1"]
    assert {result["proto"] for result in found} == {6}


async def test_addresses_are_asked_of_nobody(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", None)
    for resolver in (ThreadedResolver(), AsyncResolver(nameservers=["192.0.2.1"])):
        (result,) = await resolver.resolve("192.0.2.7", 80, ANY)
        assert (result["host"], result["port"], result["family"]) == ("192.0.2.7", 80, V4)
        assert hosts(await resolver.resolve("fe80::1%lo", 80, V6)) == ["fe80::1%lo"]
        with pytest.raises(OSError, match="another family"):
            await resolver.resolve("192.0.2.7", 80, V6)
        for wrong in ("127.1", "2130706433", "0x7f.1", "127.0.0.1.", "a b", "", "x" * 300):
            with pytest.raises(OSError, match="host name"):
                await resolver.resolve(wrong, 80)


def test_the_default_is_the_systems_resolver():
    assert DefaultResolver is ThreadedResolver
    assert issubclass(AsyncResolver, AbstractResolver)
    with pytest.raises(TypeError, match="abstract"):
        AbstractResolver()


# DNS


async def test_addresses_of_both_families_and_aliases_come_with_the_least_ttl(dns_server):
    dns_server.add("www.example", "CNAME edge.example.", ttl=30)
    dns_server.add("edge.example", "A 192.0.2.1", "A 192.0.2.2", "AAAA 2001:db8::1", ttl=300)
    dns_server.add("edge.example", "A 192.0.2.1", ttl=20)
    resolver = resolver_at(dns_server)
    found = await resolver.resolve("www.example", 8080, ANY)
    assert hosts(found) == ["2001:db8::1", "192.0.2.1", "192.0.2.2"]
    assert found[0] == {
        "hostname": "www.example",
        "host": "2001:db8::1",
        "port": 8080,
        "family": V6,
        "proto": 0,
        "flags": NUMERIC,
        "ttl": 30,
    }
    assert found[1]["ttl"] == 20
    assert hosts(await resolver.resolve("www.example", 8080)) == ["192.0.2.1", "192.0.2.2"]
    assert hosts(await resolver.resolve("www.example", 8080, V6)) == ["2001:db8::1"]
    assert dns_server.asked("www.example", "A") == dns_server.asked("www.example", "AAAA") == 2


async def test_names_that_are_not_there_are_told_from_nameservers_that_cannot_say(dns_server):
    dns_server.add("v4.example", "A 192.0.2.1")
    dns_server.add("half.example", "A 192.0.2.1", "AAAA ::2")
    dns_server.answer("half.example", "SERVFAIL", "AAAA")
    dns_server.add("bad.example", "AAAA ::2")
    dns_server.answer("bad.example", "SERVFAIL", "A")
    dns_server.answer("worse.example", "REFUSED")
    resolver = resolver_at(dns_server)
    for family in (V4, V6, ANY):
        with pytest.raises(socket.gaierror, match=r"'none\.example' has no address: there is no such name"):
            await resolver.resolve("none.example", 80, family)
    dns_server.add("none.b.example", "A 192.0.2.1")
    dns_server.answer("none.b.example", "SERVFAIL")
    with pytest.raises(socket.gaierror, match="no nameserver could say"):
        await resolver_at(dns_server, domains=["a.example", "b.example", "c.example"]).resolve("none", 80, ANY)
    dns_server.answer("v4.example", "SERVFAIL", "A")
    dns_server.add("v6.example", "AAAA ::2")
    dns_server.answer("v6.example", "SERVFAIL", "AAAA")
    for name in ("v4.example", "v6.example"):
        with pytest.raises(socket.gaierror, match="no nameserver could say"):
            await resolver.resolve(name, 80, ANY)
    dns_server.answer("v4.example", None, "A")
    with pytest.raises(socket.gaierror, match="it has no AAAA record"):
        await resolver.resolve("v4.example", 80, V6)
    assert hosts(await resolver.resolve("v4.example", 80, ANY)) == ["192.0.2.1"]
    assert hosts(await resolver.resolve("half.example", 80, ANY)) == ["192.0.2.1"]
    assert hosts(await resolver.resolve("bad.example", 80, ANY)) == ["::2"]
    for family in (V4, V6, ANY):
        with pytest.raises(socket.gaierror, match="no nameserver could say") as caught:
            await resolver.resolve("worse.example", 80, family)
        assert caught.value.errno == socket.EAI_AGAIN


async def test_another_nameserver_is_asked_where_one_cannot_say(dns_server):
    broken = DNSServer()
    try:
        broken.answer("a.example", "SERVFAIL")
        broken.answer("b.example", "silence")
        dns_server.add("a.example", "A 192.0.2.1")
        dns_server.add("b.example", "A 192.0.2.2")
        resolver = resolver_at(broken, dns_server, timeout=0.05)
        assert hosts(await resolver.resolve("a.example", 80, V4)) == ["192.0.2.1"]
        assert hosts(await resolver.resolve("b.example", 80, V4)) == ["192.0.2.2"]
        assert broken.asked("a.example") == broken.asked("b.example") == 1
    finally:
        broken.close()


async def test_silence_ends_at_the_lifetime(dns_server):
    dns_server.answer("dead.example", "silence")
    runtime = current_runtime()
    for family in (V4, ANY):
        started = runtime.now()
        with pytest.raises(socket.gaierror, match=r"no nameserver answered for 'dead\.example' within 0\.15 s"):
            await resolver_at(dns_server, timeout=0.05, lifetime=0.15).resolve("dead.example", 80, family)
        assert 0.1 < runtime.now() - started < 2


async def test_of_names_to_try_none_is_asked_for_after_the_lifetime(dns_server):
    dns_server.answer("web.a.example", "silence")
    dns_server.add("web.b.example", "A 192.0.2.1")
    resolver = resolver_at(dns_server, timeout=0.05, lifetime=0.1, domains=["a.example", "b.example"])
    with pytest.raises(socket.gaierror, match=r"no nameserver answered for 'web' within 0\.1 s"):
        await resolver.resolve("web", 80)
    assert {query[0] for query in dns_server.queries} == {"web.a.example"}


async def test_an_answer_that_udp_cuts_off_is_asked_for_over_tcp(dns_server):
    addresses = [f"192.0.2.{number}" for number in range(1, 101)]
    dns_server.add("large.example", *(f"A {address}" for address in addresses))
    dns_server.answer("large.example", "truncated")
    found = await resolver_at(dns_server).resolve("large.example", 80, V4)
    assert sorted(hosts(found)) == sorted(addresses)
    assert dns_server.queries == [("large.example", "A", "udp"), ("large.example", "A", "tcp")]


async def test_what_others_answer_is_not_believed(dns_server):
    dns_server.add("a.example", "A 192.0.2.1", "AAAA 2001:db8::1")
    dns_server.answer("a.example", "forged")
    assert hosts(await resolver_at(dns_server).resolve("a.example", 80, ANY)) == ["2001:db8::1", "192.0.2.1"]


async def test_a_late_aaaa_is_waited_for_only_where_there_is_nothing_else(dns_server, eventually):
    """RFC 8305, section 3: where IPv6 is broken at the nameserver, nobody shall notice."""
    dns_server.add("a.example", "A 192.0.2.1", "AAAA ::2")
    dns_server.add("b.example", "A 192.0.2.2", "AAAA ::3")
    dns_server.answer("a.example", "silence", "AAAA")
    dns_server.answer("b.example", "hold", "A")
    dns_server.add("c.example", "AAAA ::4")
    dns_server.answer("c.example", "hold", "AAAA")
    runtime, resolver = current_runtime(), resolver_at(dns_server, timeout=5)
    started = runtime.now()
    assert hosts(await resolver.resolve("a.example", 80, ANY)) == ["192.0.2.1"]
    assert 0.04 < runtime.now() - started < 2
    for name, wanted in (("b.example", ["::3", "192.0.2.2"]), ("c.example", ["::4"])):
        found = []

        async def ask(name=name, found=found):
            found.extend(hosts(await resolver.resolve(name, 80, ANY)))

        task = runtime.spawn(ask)
        await eventually(lambda name=name: dns_server.asked(name, "A") and dns_server.asked(name, "AAAA"))
        await runtime.sleep_until(runtime.now() + 0.08)
        assert not task.done
        dns_server.release(name)
        assert await task.wait(runtime.now() + 5)
        assert found == wanted


async def test_short_names_are_looked_for_in_the_search_list(dns_server):
    dns_server.add("web.b.example", "A 192.0.2.1", "AAAA ::2")
    dns_server.add("web.c.example", "A 192.0.2.9")
    dns_server.add("x.y", "A 192.0.2.5")
    dns_server.answer("web.a.example", "SERVFAIL")
    resolver = resolver_at(dns_server, domains=["a.example", "b.example.", "c.example"])
    assert hosts(await resolver.resolve("web", 80, ANY)) == ["::2", "192.0.2.1"]
    assert dns_server.asked("web.a.example") == 1
    assert dns_server.asked("web.c.example") == dns_server.asked("web") == 0
    assert hosts(await resolver.resolve("x.y", 80)) == ["192.0.2.5"]
    assert dns_server.asked("x.y.a.example") == 0
    eager = resolver_at(dns_server, domains=["a.example"], ndots=2)
    assert hosts(await eager.resolve("x.y", 80)) == ["192.0.2.5"]
    assert dns_server.asked("x.y.a.example") == 1


async def test_a_dot_at_the_end_keeps_the_search_list_out(dns_server):
    dns_server.add("web.a.example", "A 192.0.2.1")
    resolver = resolver_at(dns_server, domains=["a.example"])
    with pytest.raises(OSError, match=r"'web\.' has no address"):
        await resolver.resolve("web.", 80)
    with pytest.raises(OSError, match=r"'web\.' has no address"):
        await resolver.resolve("web.", 80, ANY)
    assert {query[0] for query in dns_server.queries} == {"web"}


async def test_the_systems_settings_are_read_once_and_not_by_the_loop(dns_server, tmp_path):
    dns_server.add("web.a.example", "A 192.0.2.1")
    path = tmp_path / "resolv.conf"
    path.write_text("search a.example\nnameserver 127.0.0.1\noptions ndots:1\n")
    resolver = AsyncResolver(port=dns_server.port, resolvconf_path=str(path))
    assert hosts(await resolver.resolve("web", 80, ANY)) == ["192.0.2.1"]
    path.unlink()
    assert hosts(await resolver.resolve("web", 80)) == ["192.0.2.1"]
    path.write_text(f"search b.example\nnameserver 127.0.0.1\n# {dns_server.port}\n")
    own = AsyncResolver(port=dns_server.port, resolvconf_path=str(path), domains=["a.example"], rotate=True)
    assert hosts(await own.resolve("web", 80)) == ["192.0.2.1"]
    assert own._asker.rotate
    assert dns_server.asked("web.b.example") == 0
    path.unlink()
    with pytest.raises(OSError, match=r"this system names no nameserver .*nameservers=\["):
        await AsyncResolver(resolvconf_path=str(path)).resolve("web", 80)


async def test_names_in_any_script_are_asked_for_as_dns_knows_them(dns_server):
    dns_server.add("xn--bcher-kva.example", "A 192.0.2.1")
    (result,) = await resolver_at(dns_server).resolve("bücher.example", 80)
    assert (result["host"], result["hostname"]) == ("192.0.2.1", "bücher.example")


@pytest.mark.parametrize(
    "wrong", [[], "8.8.8.8", ["dns.example"], ["1.1.1"], ["8.8.8.8:0"], ["8.8.8.8:70000"], ["::1:"]]
)
def test_a_nameserver_is_an_address(wrong):
    with pytest.raises(ValueError, match="nameserver"):
        AsyncResolver(nameservers=wrong)


def test_nameservers_may_have_ports():
    resolver = AsyncResolver(nameservers=["8.8.8.8", "10.0.0.1:5353", "[fd00::1]:54", "fd00::2"], port=55)
    assert [(server.address, server.port) for server in resolver._servers] == [
        ("8.8.8.8", 55),
        ("10.0.0.1", 5353),
        ("fd00::1", 54),
        ("fd00::2", 55),
    ]


def test_without_dnspython_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "dns.asyncresolver", None)
    with pytest.raises(RuntimeError, match=r"pip install 'drywire\[dns\]'"):
        AsyncResolver(nameservers=["8.8.8.8"])


async def test_a_closed_resolver_is_not_asked(dns_server):
    resolver = resolver_at(dns_server)
    await resolver.close()
    await resolver.close()
    with pytest.raises(RuntimeError, match="closed"):
        await resolver.resolve("a.example")


@pytest.mark.skipif(not os.path.isdir(SOCKETS), reason="this system does not list a process's files")
async def test_questions_that_are_cancelled_leave_no_socket(dns_server, eventually):
    dns_server.add("a.example", "A 192.0.2.1")
    dns_server.answer("udp.example", "silence")
    runtime, resolver = current_runtime(), resolver_at(dns_server, timeout=5)
    await resolver.resolve("a.example", 80, ANY)
    gc.collect()
    before = len(os.listdir(SOCKETS))
    for _ in range(5):
        task = runtime.spawn(resolver.resolve, "udp.example", 80, ANY)
        asked = len(dns_server.queries)
        await eventually(lambda asked=asked: len(dns_server.queries) >= asked + 2)
        task.cancel()
        assert await task.wait(runtime.now() + 5)
    await eventually(lambda: len(os.listdir(SOCKETS)) <= before)


async def test_questions_over_tcp_are_cancelled_too(dns_server, eventually):
    """What they leave behind would be a ResourceWarning, and fail the test."""
    dns_server.add("large.example", "A 192.0.2.1")
    dns_server.answer("large.example", "stuck")
    runtime, resolver = current_runtime(), resolver_at(dns_server, timeout=5)
    for family in (V4, ANY):
        dns_server.queries.clear()
        task = runtime.spawn(resolver.resolve, "large.example", 80, family)
        await eventually(lambda: ("large.example", "A", "tcp") in dns_server.queries)
        task.cancel()
        assert await task.wait(runtime.now() + 5)
    with pytest.raises(socket.gaierror, match=r"within 0\.1 s"):
        await resolver_at(dns_server, lifetime=0.1).resolve("large.example", 80)


# A session


async def test_a_request_goes_to_what_its_resolver_has_found(scripted, answering, dns_server):
    dns_server.add("shop.example", "A 127.0.0.1")
    resolver = resolver_at(dns_server)
    async with scripted(answering()) as script:
        connector = drywire.TCPConnector(resolver=resolver, force_close=True)
        async with drywire.ClientSession(connector=connector) as session:
            for _ in range(2):
                async with session.get(f"http://shop.example:{script.port}/") as response:
                    assert await response.read() == b"ok"
        assert f"Host: shop.example:{script.port}".encode() in script.heads[0]
    assert dns_server.asked("shop.example") == 1
    assert hosts(await resolver.resolve("shop.example")) == ["127.0.0.1"]  # it is not the connector's to close


async def test_a_dead_nameserver_costs_no_more_than_the_request_allows(dns_server):
    dns_server.answer("dead.example", "silence")
    connector = drywire.TCPConnector(resolver=resolver_at(dns_server))
    runtime = current_runtime()
    async with drywire.ClientSession(connector=connector) as session:
        for limits, kind in (
            ({"sock_connect": 0.1}, drywire.ConnectionTimeoutError),
            ({"connect": 0.1}, drywire.ConnectionTimeoutError),
            ({"total": 0.1}, drywire.TotalTimeoutError),
        ):
            started = runtime.now()
            with pytest.raises(kind) as caught:
                await session.get("http://dead.example/", timeout=drywire.ClientTimeout(**limits))
            assert caught.value.phase == "dns"
            assert next(iter(limits)) in str(caught.value)
            assert 0.09 < runtime.now() - started < 2
    assert dns_server.asked("dead.example") == 1  # the first lookup goes on, and the others wait for it


async def test_a_dead_nameserver_ends_in_a_dns_error_where_the_request_would_wait(dns_server):
    dns_server.answer("dead.example", "silence")
    connector = drywire.TCPConnector(resolver=resolver_at(dns_server, timeout=0.05, lifetime=0.1))
    async with drywire.ClientSession(connector=connector) as session:
        with pytest.raises(drywire.ClientConnectorDNSError, match="no nameserver answered") as caught:
            await session.get("http://dead.example/")
        assert (caught.value.phase, caught.value.host, caught.value.port) == ("dns", "dead.example", 80)
        assert caught.value.os_error.errno == socket.EAI_AGAIN


async def test_a_request_that_is_given_up_ends_its_questions(dns_server, eventually):
    dns_server.answer("dead.example", "silence")
    runtime = current_runtime()
    session = drywire.ClientSession(connector=drywire.TCPConnector(resolver=resolver_at(dns_server)))
    task = runtime.spawn(session.get, "http://dead.example/")
    await eventually(lambda: dns_server.asked("dead.example"))
    task.cancel()
    assert await task.wait(runtime.now() + 5)
    with pytest.raises(StreamTimeout):
        await runtime.park(runtime.wake(), runtime.now() + 0.01)
    await session.close()


async def test_a_question_can_be_cancelled_at_any_moment(dns_server):
    """The same question, over UDP and then TCP, cancelled one turn of the loop later each time."""
    dns_server.add("a.example", "A 192.0.2.1", "AAAA ::2")
    dns_server.answer("a.example", "truncated")
    runtime, resolver = current_runtime(), resolver_at(dns_server, timeout=5)

    async def ask():
        assert hosts(await resolver.resolve("a.example", 80, ANY)) == ["::2", "192.0.2.1"]

    for turns in [*range(30), 60, 120, 240]:
        task = runtime.spawn(ask)
        for _ in range(turns):
            await runtime.sleep_until(runtime.now())
        task.cancel()
        assert await task.wait(runtime.now() + 1), f"a cancellation was lost after {turns} turns"
        assert task.exception() is None
    await ask()
