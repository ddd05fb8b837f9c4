"""TLS: what hostile, broken and silent peers can do, and what connections of other settings share (nothing)."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import gc
import ssl
import warnings
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import drywire
from drywire_client.tls_settings import tls_error
from drywire_transports import StreamBroken, StreamTimeout, TLSFailed, TransportError, current_runtime, memory_pair
from drywire_transports.tls_stream import start_tls_over

from ..client.conftest import OK, answering, eventually, scripted  # noqa: F401

FEW = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


def https(script):
    return script.url.replace("http:", "https:")


async def get(session, url, **options):
    async with session.get(url, **options) as response:
        return await response.read()


async def secured(runtime, stream, context, server_hostname=None):
    return await start_tls_over(
        stream,
        context,
        server_side=server_hostname is None,
        server_hostname=server_hostname,
        now=runtime.now,
        in_thread=runtime.in_thread,
    )


# (a) 7 and (b) 8: closing


async def test_feature_7_closing_leaves_no_connection_no_warning_and_says_goodbye(scripted, server_tls, eventually):
    ends = []

    async def talk(peer, script):
        while (await peer.request())[0]:
            await peer.send(OK)
        ends.append(peer.stream.cut_off)

    runtime = current_runtime()
    async with scripted(talk, server_tls) as script:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            session = drywire.ClientSession()
            assert await get(session, script.url, ssl=False) == b"ok"
            before = runtime.now()
            await session.close()
            assert runtime.now() - before < 0.5
            del session
            gc.collect()
        await eventually(lambda: script.open == 0)
    assert ends == [False]


@pytest.mark.parametrize("reads", [True, False])
async def test_pitfall_8_a_stream_closes_in_its_time_whatever_its_peer_does(client_tls, server_tls, reads):
    runtime, over = current_runtime(), current_runtime().wake()

    async def keep(stream):
        secure = await stream.start_tls(server_tls, server_side=True)
        if reads:  # and never says goodbye
            while await secure._below.receive():
                pass
        await runtime.park(over)

    listener = await runtime.listen_tcp(keep, "127.0.0.1")
    below = await runtime.connect_tcp(*listener.addresses[0])
    here = await below.start_tls(client_tls, server_hostname="localhost")
    if not reads:
        here.write_deadline = runtime.now() + 0.05
        with pytest.raises(TransportError):
            await here.send(bytes(100 << 20))
    before = runtime.now()
    here.write_deadline = before + 0.2
    await here.aclose()
    assert runtime.now() - before < 1
    assert here.closed
    assert below.closed
    over.set()
    listener.close()
    assert await listener.join(runtime.now() + 5)


async def test_pitfall_7_no_deadline_of_the_handshake_outlives_it(scripted, server_tls, eventually):
    async def talk(peer, script):
        await peer.request()
        runtime = current_runtime()
        await runtime.sleep_until(runtime.now() + 0.25)
        await peer.send(OK)

    async with scripted(talk, server_tls) as script:
        timeout = drywire.ClientTimeout(total=None, sock_connect=0.2)
        async with drywire.ClientSession(timeout=timeout) as session:
            assert await get(session, script.url, ssl=False) == b"ok"


# (b) 4: what tells connections apart


async def test_pitfall_4_requests_that_differ_in_tls_share_no_connection_and_equal_ones_do(
    scripted, answering, server_tls, client_tls, ca
):
    other = ssl.create_default_context()
    ca.configure_trust(other)
    ways = [
        {"ssl": False},
        {"ssl": client_tls},
        {"ssl": other},
        {"ssl": client_tls, "server_hostname": "localhost"},
        {"ssl": False, "server_hostname": "localhost"},
        {"ssl": False, "server_hostname": "other.example"},
    ]
    async with scripted(answering(), server_tls) as script, drywire.ClientSession() as session:
        for connections, way in enumerate(ways, 1):
            assert await get(session, script.url, **way) == b"ok"
            assert script.connections == connections
        for way in ways:
            assert await get(session, script.url, **way) == b"ok"
        assert script.connections == len(ways)


async def test_pitfall_4_what_was_believed_unverified_is_not_believed_by_a_request_that_verifies(
    scripted, answering, server_tls
):
    async with scripted(answering(), server_tls) as script, drywire.ClientSession() as session:
        for _ in range(2):
            assert await get(session, script.url, ssl=False) == b"ok"
            with pytest.raises(drywire.ClientConnectorCertificateError):
                await session.get(script.url)
            with pytest.raises(drywire.ServerFingerprintMismatch):
                await session.get(script.url, ssl=drywire.Fingerprint(bytes(32)))


@pytest.mark.parametrize(("code", "field"), [(62, "subjectAltName"), (20, "issuer")])
def test_what_a_stranger_writes_into_its_certificate_cannot_forge_lines_of_a_log(code, field):
    evil = "a\n2026-01-01 ERROR forged\x1b[2J\u202e" + "x" * 1000
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.verify_code = code
    failed = TLSFailed("the TLS handshake failed")
    failed.__cause__ = cause
    failed.certificate = {field: (("DNS", evil),) if code == 62 else ((("organizationName", evil),),)}
    text = str(tls_error(SimpleNamespace(host="localhost", port=443, ssl=True), failed))
    assert text.isprintable()
    assert text.isascii()
    assert "forged" in text
    assert len(text) < 800


# Bytes that are no TLS


@FEW
@given(garbage=st.binary(min_size=6, max_size=600), after=st.sampled_from([0, 1, 3]))
async def test_whatever_comes_in_place_of_tls_fails_and_leaves_nothing_open(client_tls, server_tls, garbage, after):
    runtime = current_runtime()
    for side, context in (("client", client_tls), ("server", server_tls)):
        here, there = memory_pair(runtime)
        await there.send(b"\x16\x03\x03"[:after] + garbage)
        await there.send_eof()
        with pytest.raises(TLSFailed):
            await secured(runtime, here, context, **({"server_hostname": "localhost"} if side == "client" else {}))
        assert here.closed
        there.abort()


class Spoiling:
    """A stream whose incoming bytes are spoiled: one of them, counted from where `spoil` was set, is another."""

    def __init__(self, below):
        self.below = below
        self.at = None

    async def receive(self):
        data = bytearray(await self.below.receive())
        if self.at is not None and self.at < len(data):
            data[self.at] ^= 0x40
        return bytes(data)

    def __getattr__(self, name):
        return getattr(self.below, name)


@FEW
@given(at=st.integers(0, 60), size=st.integers(60, 40_000))
async def test_a_bit_that_was_changed_on_the_way_breaks_the_stream_and_gives_no_byte_of_its_record(
    client_tls, server_tls, at, size
):
    runtime = current_runtime()
    below = memory_pair(runtime)
    spoiling, ends = Spoiling(below[0]), []

    async def serve():
        ends.append(await secured(runtime, below[1], server_tls))

    serving = runtime.spawn(serve)
    here = await secured(runtime, spoiling, client_tls, server_hostname="localhost")
    assert await serving.wait(runtime.now() + 5)
    spoiling.at = None
    await ends[0].send(b"before")
    assert await here.receive() == b"before"
    spoiling.at = at
    await ends[0].send(b"x" * size)
    await ends[0].aclose()
    try:
        assert await here.receive() == b""
        assert here.cut_off
    except StreamBroken:
        assert here.closed
    here.abort()


class Flooding:
    """A stream on which the same bytes come without end, and without a wait."""

    read_deadline = write_deadline = float("inf")
    closed = False

    def __init__(self, data):
        self.data = data

    async def receive(self):
        return self.data

    async def send(self, *buffers):
        pass

    def abort(self):
        self.closed = True


HELLO_REQUEST = b"\x16\x03\x01\x00\x04\x00\x00\x00\x00"
"""What a client must ignore while it shakes hands (RFC 5246, 7.4.1.1)."""


async def test_messages_without_end_in_a_handshake_are_held_to_the_deadline(client_tls):
    runtime, flooding = current_runtime(), Flooding(HELLO_REQUEST * 50)
    flooding.read_deadline = runtime.now() + 0.05
    with pytest.raises(StreamTimeout):
        await secured(runtime, flooding, client_tls, "localhost")
    assert flooding.closed
    assert runtime.now() < flooding.read_deadline + 2


async def test_a_handshake_byte_by_byte_is_held_to_the_deadline(scripted):
    async def hello_requests(peer, script):
        runtime = current_runtime()
        while True:
            for byte in HELLO_REQUEST:
                await peer.send(bytes((byte,)))
                await runtime.sleep_until(runtime.now() + 0.002)

    timeout = drywire.ClientTimeout(sock_connect=0.1)
    async with scripted(hello_requests) as script, drywire.ClientSession(timeout=timeout) as session:
        with pytest.raises(drywire.ConnectionTimeoutError) as caught:
            await session.get(https(script))
    assert caught.value.phase == "tls"
