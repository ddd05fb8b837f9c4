"""Rows P-17 to P-19, P-23, P-24, P-26 to P-28, P-31 to P-35 and P-38: connectors' arguments, and what they do."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import hashlib
import inspect
import math
import os
import socket
import ssl
from typing import Any, get_args

import aiohttp
import pytest

import drywire
from drywire import ClientSession, ClientTimeout, TCPConnector
from drywire_client.tcp_connector import AddrInfoType, SocketFactoryType
from drywire_client.unix_connector import NamedPipeConnector, UnixConnector

from ..client.conftest import answering, scripted  # noqa: F401
from ..dead_ends import ipv6_here, refusing, unanswered
from ..names import Names


async def fetch(session, url, **options):
    async with session.get(url, **options) as response:
        return await response.read()


def arguments(connector):
    return inspect.signature(connector.__init__).parameters


@pytest.mark.parametrize(
    ("ours", "theirs", "here"),
    [
        (TCPConnector, aiohttp.TCPConnector, {"address_policy", "limits", "quirks"}),
        (UnixConnector, aiohttp.UnixConnector, {"conn_timeout", "limits", "quirks"}),
        (NamedPipeConnector, aiohttp.NamedPipeConnector, set()),
    ],
)
def test_p_17_connectors_take_the_arguments_of_aiohttp(ours, theirs, here):
    mine, known = arguments(ours), arguments(theirs)
    assert set(mine) == set(known) | here
    for name, parameter in known.items():
        assert mine[name].kind == parameter.kind
        if not repr(parameter.default).startswith("<_SENTINEL"):
            assert mine[name].default == parameter.default, name
    positional = [name for name, one in known.items() if one.kind == one.POSITIONAL_OR_KEYWORD]
    assert [name for name, one in mine.items() if one.kind == one.POSITIONAL_OR_KEYWORD] == positional


def test_p_17_a_tcp_connector_is_made_as_the_documents_say():
    connector = TCPConnector(
        verify_ssl=True,
        fingerprint=None,
        use_dns_cache=True,
        ttl_dns_cache=10,
        family=0,
        ssl_context=None,
        local_addr=None,
        resolver=None,
        force_close=False,
        limit=100,
        limit_per_host=0,
        enable_cleanup_closed=False,
        loop=None,
        timeout_ceil_threshold=5,
    )
    assert isinstance(connector, drywire.BaseConnector)
    assert (connector.limit, connector.limit_per_host, connector.force_close) == (100, 0, False)
    schemes = aiohttp.TCPConnector.allowed_protocol_schema_set
    assert connector.allowed_protocol_schema_set == schemes
    assert UnixConnector.allowed_protocol_schema_set == aiohttp.UnixConnector.allowed_protocol_schema_set
    assert NamedPipeConnector.allowed_protocol_schema_set == aiohttp.NamedPipeConnector.allowed_protocol_schema_set


async def test_p_18_ssl_of_a_connector_is_what_requests_use(scripted, answering, server_tls, client_tls):
    pinned = drywire.Fingerprint(hashlib.sha256(certificate_of(server_tls)).digest())
    async with scripted(answering(), server_tls) as script:
        for setting in (client_tls, False, pinned):
            async with ClientSession(connector=TCPConnector(ssl=setting)) as session:
                assert await fetch(session, script.url) == b"ok"
        for setting in (True, None):
            async with ClientSession(connector=TCPConnector(ssl=setting)) as session:
                with pytest.raises(drywire.ClientConnectorCertificateError):
                    await fetch(session, script.url)
    for wrong in ("yes", 1, b""):
        with pytest.raises(TypeError, match="ssl must be"):
            TCPConnector(ssl=wrong)


def certificate_of(server_tls):
    """Return the certificate that `server_tls` shows, as a client gets it."""
    client_side, server_side = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = context.wrap_bio(client_side, server_side)
    server = server_tls.wrap_bio(server_side, client_side, server_side=True)
    for _ in range(10):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client.getpeercert(binary_form=True)


async def test_p_19_old_tls_settings_work_and_warn(scripted, answering, server_tls, client_tls):
    digest = hashlib.sha256(certificate_of(server_tls)).digest()
    async with scripted(answering(), server_tls) as script:
        for name, value in [("verify_ssl", False), ("ssl_context", client_tls), ("fingerprint", digest)]:
            with pytest.warns(DeprecationWarning, match=f"{name} is deprecated: use ssl=") as caught:
                connector = TCPConnector(**{name: value})
            assert caught[0].filename == __file__
            async with ClientSession(connector=connector) as session:
                assert await fetch(session, script.url) == b"ok"
        with pytest.warns(DeprecationWarning, match="fingerprint"):
            connector = TCPConnector(fingerprint=bytes(32))
        async with ClientSession(connector=connector) as session:
            with pytest.raises(drywire.ServerFingerprintMismatch):
                await fetch(session, script.url)


def test_p_19_old_tls_settings_exclude_each_other(client_tls):
    for options in [
        {"ssl": False, "ssl_context": client_tls},
        {"verify_ssl": False, "ssl_context": client_tls},
        {"ssl_context": client_tls, "fingerprint": bytes(32)},
        {"ssl": client_tls, "verify_ssl": False},
    ]:
        with pytest.raises(ValueError, match="only one of"):
            TCPConnector(**options)
    with pytest.warns(DeprecationWarning, match="fingerprint"), pytest.raises(ValueError, match="sha256"):
        TCPConnector(fingerprint=bytes(16))
    TCPConnector(verify_ssl=True, ssl=client_tls)  # the default of old


async def test_p_23_family_restricts_addresses(scripted, answering):
    async with scripted(answering()) as script:
        names = Names({"both.test": [("::1", script.port), ("127.0.0.1", script.port)], "six.test": [("::1", 1)]})
        connector = TCPConnector(family=socket.AF_INET, resolver=names)
        assert connector.family == socket.AF_INET
        async with ClientSession(connector=connector) as session:
            assert await fetch(session, "http://both.test/") == b"ok"
            assert await fetch(session, script.url) == b"ok"
            for url in ("http://six.test/", "http://[::1]/"):
                with pytest.raises(drywire.ClientConnectorError):
                    await fetch(session, url)
        assert {family for _, _, family in names.asked} == {socket.AF_INET}
        async with ClientSession(connector=TCPConnector(family=socket.AF_INET6)) as session:
            with pytest.raises(drywire.ClientConnectorError, match="no address of the family AF_INET6"):
                await fetch(session, script.url)
    assert TCPConnector().family == 0
    with pytest.raises(ValueError, match="family must be"):
        TCPConnector(family=socket.AF_UNIX)


async def test_p_24_local_addr_is_connected_from(scripted):
    seen = []

    async def talk(peer, script):
        seen.append(peer.stream.extra_info("peername"))
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with socket.socket() as free:
        free.bind(("127.0.0.9", 0))
        port = free.getsockname()[1]
    async with scripted(talk) as script:
        for local in [("127.0.0.7", 0), ["127.0.0.8", 0], ("127.0.0.9", port)]:
            async with ClientSession(connector=TCPConnector(local_addr=local)) as session:
                assert await fetch(session, script.url) == b"ok"
        names = Names({"both.test": [("::1", script.port), ("127.0.0.1", script.port)]})
        connector = TCPConnector(local_addr=("127.0.0.7", 0), resolver=names)
        async with ClientSession(connector=connector) as session:
            assert await fetch(session, "http://both.test/") == b"ok"
        async with ClientSession(connector=TCPConnector(local_addr=("192.0.2.1", 0))) as session:
            with pytest.raises(drywire.ClientConnectorError, match=r"cannot connect from 192\.0\.2\.1:0"):
                await fetch(session, script.url)
    assert [host for host, _ in seen] == ["127.0.0.7", "127.0.0.8", "127.0.0.9", "127.0.0.7"]
    assert seen[2][1] == port


def test_p_24_local_addr_is_an_ip_address():
    """Differs: a name is refused: aiohttp resolves it each time a socket is bound, and blocks the loop meanwhile."""
    with pytest.raises(ValueError, match="a local address is an IP address and a port"):
        TCPConnector(local_addr=("localhost", 0))


async def test_p_26_happy_eyeballs_by_its_delay(scripted, answering):
    async with scripted(answering()) as script:
        with unanswered("127.0.0.2") as dead:
            table = {"host.test": [("127.0.0.2", dead), ("127.0.0.1", script.port)]}

            def session(timeout=None, **options):
                connector = TCPConnector(resolver=Names(table), **options)
                return ClientSession(connector=connector, timeout=timeout or ClientTimeout(total=20))

            async with session(happy_eyeballs_delay=0.01) as quick:
                assert await fetch(quick, "http://host.test/") == b"ok"
            async with session(ClientTimeout(sock_connect=0.05), happy_eyeballs_delay=None) as none:
                with pytest.raises(drywire.ConnectionTimeoutError) as caught:
                    await fetch(none, "http://host.test/")
                assert [one.host for one in caught.value.attempts] == ["127.0.0.2"]
        with refusing("127.0.0.2") as closed:
            table["host.test"][0] = ("127.0.0.2", closed)
            async with session(happy_eyeballs_delay=None) as none:
                assert await fetch(none, "http://host.test/") == b"ok"
    assert arguments(TCPConnector)["happy_eyeballs_delay"].default == 0.25
    for wrong in ({"happy_eyeballs_delay": -1}, {"happy_eyeballs_delay": math.nan}, {"interleave": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            TCPConnector(**wrong)


async def test_p_26_interleave_is_the_count_of_the_first_family():
    orders = {}
    with refusing("127.0.0.2") as closed:
        found = [("::2", 1), ("::3", 1), ("127.0.0.2", closed), ("127.0.0.3", closed)]
        for count in (None, 1, 2):
            made = []

            def factory(info, made=made):
                made.append(info[0])
                raise OSError("no socket today")

            connector = TCPConnector(resolver=Names({"host.test": found}), interleave=count, socket_factory=factory)
            async with ClientSession(connector=connector) as session:
                with pytest.raises(drywire.ClientConnectorError, match="no socket today"):
                    await fetch(session, "http://host.test/")
            orders[count] = [6 if family == socket.AF_INET6 else 4 for family in made]
    assert orders == {None: [6, 4, 6, 4], 1: [6, 4, 6, 4], 2: [6, 6, 4, 4]}


async def test_p_27_socket_factory_makes_the_sockets(scripted, answering):
    infos, made = [], []

    def factory(addr_info: AddrInfoType) -> socket.socket:
        infos.append(addr_info)
        family, kind, proto, _, _ = addr_info
        made.append(socket.socket(family, kind, proto))
        made[-1].setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return made[-1]

    async with scripted(answering()) as script:
        async with ClientSession(connector=TCPConnector(socket_factory=factory)) as session:
            async with session.get(script.url) as response:
                assert await response.read() == b"ok"
            assert infos == [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", script.port))]
            assert made[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert not made[0].getblocking()
    assert made[0].fileno() == -1
    with refusing() as closed:
        async with ClientSession(connector=TCPConnector(socket_factory=factory)) as session:
            with pytest.raises(drywire.ClientConnectorError):
                await fetch(session, f"http://127.0.0.1:{closed}/")
    assert made[1].fileno() == -1
    async with ClientSession(connector=TCPConnector(socket_factory=lambda info: None)) as session:
        with pytest.raises(TypeError, match=r"must return a socket\.socket"):
            await fetch(session, script.url)
        assert session.connector.figures.open == 0
    with pytest.raises(TypeError, match="socket_factory must be a function"):
        TCPConnector(socket_factory=7)


def test_p_28_ssl_shutdown_timeout_is_taken_and_warns():
    """Differs: it has no effect: no connection is kept open to say goodbye, which is aiohttp's default of 0, too."""
    for value in (0, 0.5, None):
        with pytest.warns(DeprecationWarning, match="ssl_shutdown_timeout") as caught:
            TCPConnector(ssl_shutdown_timeout=value)
        assert caught[0].filename == __file__


def test_p_31_there_is_no_proxy_of_a_connector():
    for connector in (TCPConnector, aiohttp.TCPConnector):
        with pytest.raises(TypeError, match="proxy"):
            connector(proxy="http://proxy.test:3128")


async def test_p_32_sockets_send_without_delay_and_do_no_keepalive_of_their_own(scripted, answering):
    made = []

    def factory(info):
        made.append(socket.socket(*info[:3]))
        return made[-1]

    async with scripted(answering()) as script:
        async with ClientSession(connector=TCPConnector(socket_factory=factory)) as session:
            assert await fetch(session, script.url) == b"ok"
            assert made[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert not made[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


@pytest.mark.skipif(not ipv6_here(), reason="this machine has no address ::1")
async def test_p_32_sockets_of_ipv6_send_without_delay_too(serving):
    made = []

    def factory(info):
        made.append(socket.socket(*info[:3]))
        return made[-1]

    app = drywire.web.Application()
    app.router.add_get("/", hello)
    runner = drywire.web.AppRunner(app)
    await runner.setup()
    try:
        site = drywire.web.TCPSite(runner, "::1", 0)
        await site.start()
        async with ClientSession(connector=TCPConnector(socket_factory=factory)) as session:
            assert await fetch(session, f"http://[::1]:{site.port}/") == b"hello"
            assert made[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    finally:
        await runner.cleanup()


async def hello(request):
    return drywire.web.Response(text="hello")


async def test_p_33_unix_connector(tmp_path):
    app = drywire.web.Application()
    app.router.add_get("/", hello)
    runner, path = drywire.web.AppRunner(app), str(tmp_path / "socket")
    await runner.setup()
    try:
        await drywire.web.UnixSite(runner, path).start()
        connector = UnixConnector(path=path)
        assert connector.path == path
        async with ClientSession(connector=connector) as session:
            assert await fetch(session, "http://localhost/") == b"hello"
    finally:
        await runner.cleanup()
    async with ClientSession(connector=UnixConnector(str(tmp_path / "nobody"))) as session:
        with pytest.raises(drywire.UnixClientConnectorError) as caught:
            await fetch(session, "http://localhost/")
    assert caught.value.path == str(tmp_path / "nobody")


def test_p_34_conn_timeout_of_a_unix_connector_works_and_warns():
    """Differs: it is removed from aiohttp, whose documents still have it."""
    with pytest.warns(DeprecationWarning, match=r"ClientTimeout\(sock_connect=\.\.\.\)") as caught:
        UnixConnector("/path/to/socket", conn_timeout=5)
    assert caught[0].filename == __file__
    with pytest.raises(TypeError, match="conn_timeout"):
        aiohttp.UnixConnector("/path/to/socket", conn_timeout=5)
    # as the document writes it
    connector = UnixConnector("/path", conn_timeout=None, keepalive_timeout=30, limit=100, force_close=False, loop=None)
    assert connector.limit == 100


@pytest.mark.skipif(os.name == "nt", reason="this is Windows")
async def test_p_35_named_pipe_connector_is_for_windows():
    with pytest.raises(RuntimeError):
        NamedPipeConnector(r"\\.\pipe\name")


def test_p_38_types_for_makers_of_sockets():
    assert get_args(AddrInfoType) == (int, int, int, str, tuple[Any, ...])
    takes, gives = get_args(SocketFactoryType)
    assert (takes, gives) == ([AddrInfoType], socket.socket)
