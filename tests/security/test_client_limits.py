"""What a server can make the client hold, decode, say in an error, or do again behind the program's back."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import contextlib
import gc
import socket
import struct
import tracemalloc
import weakref
import zlib

import pytest

import drywire
from drywire_sansio.http1 import Limits
from drywire_transports import TransportError, current_runtime

from ..client.conftest import OK, answering, eventually, scripted  # noqa: F401

KIB, MIB = 1024, 1024 * 1024
SAID = 4 * KIB
"""Characters that an error may have, by str and by repr, whatever the server sent."""
LARGE = bytes(4 * MIB)


# Pitfall 16: an early final response


def refusal(status):
    fields = b"Content-Length: 7\r\nConnection: close\r\n"
    return b"HTTP/1.1 %d Refused\r\n" % status + fields + b"\r\nrefused"


def reset(peer):
    """End the connection by a reset, as a kernel does where what the client sent lies unread."""
    peer.stream.extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.stream.abort()


async def pieces():
    for _ in range(16):
        yield bytes(256 * KIB)


BODIES = {"bytes": lambda: LARGE, "pieces": pieces}


@pytest.mark.parametrize("status", [413, 401, 417])
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("expect100", [False, True])
async def test_pitfall_16_an_early_final_response_is_delivered_and_ends_the_connection(
    scripted, eventually, status, body, expect100
):
    async def talk(peer, script):
        script.heads.append(await peer.head())
        await peer.send(refusal(status))
        await peer.stream.receive()  # whatever is on its way; then the server looks no more, and holds the connection
        await eventually(lambda: "done" in script.heads)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.post(script.url, data=BODIES[body](), expect100=expect100, timeout=5) as response:
            assert response.status == status
            assert await response.read() == b"refused"
        assert "0 in use, 0 idle" in repr(session.connector)
        assert len(script.heads) == 1
        script.heads.append("done")
        await eventually(lambda: script.open == 0)


@pytest.mark.parametrize("body", BODIES)
async def test_pitfall_16_what_is_left_of_a_refused_body_is_never_followed_by_a_request_it_could_swallow(
    scripted, body
):
    """The server answers early, keeps the connection, and reads on: a next request comes behind the whole body only."""

    async def talk(peer, script):
        while head := await peer.head():
            script.heads.append(head.split(b" ")[0])
            assert head.startswith((b"POST / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n"))
            if head.startswith(b"GET"):
                await peer.send(OK)
                continue
            await peer.send(refusal(413).replace(b"Connection: close\r\n", b""))
            if b"chunked" in head:
                await peer.chunks()
            elif len(await peer.exactly(len(LARGE))) < len(LARGE):
                return

    async with scripted(talk) as script, drywire.ClientSession() as session:
        for _ in range(10):
            async with session.post(script.url, data=BODIES[body](), timeout=5) as response:
                assert (response.status, await response.read()) == (413, b"refused")
            async with session.get(script.url, timeout=5) as response:
                assert await response.read() == b"ok"
    assert script.heads == [b"POST", b"GET"] * 10


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("ending", ["closes", "resets", "closes TLS"])
async def test_pitfall_16_an_early_final_response_is_delivered_though_the_server_closes_at_once(
    scripted, server_tls, client_tls, body, ending
):
    """Fifty times: the answer and the end of the connection race with what is being sent."""

    async def talk(peer, script):
        await peer.head()
        await peer.send(refusal(413))
        if ending == "resets":
            reset(peer)

    answers, tls = [], server_tls if ending == "closes TLS" else None
    async with scripted(talk, tls) as script, drywire.ClientSession(ssl=client_tls) as session:
        for _ in range(50):
            try:
                async with session.post(script.url, data=BODIES[body](), timeout=5) as response:
                    answers.append((response.status, await response.read()))
            except drywire.ClientError as error:
                answers.append(repr(error))
            assert "0 in use, 0 idle" in repr(session.connector)
    assert [answer for answer in answers if answer != (413, b"refused")] == []


# Error messages built from bounded slices


def head(*lines, status=b"HTTP/1.1 200 OK"):
    return b"\r\n".join([status, *lines, b"", b""])


LONG = b"x" * MIB
FITS = b"y" * 8000
"""As long as a line may be by default."""
MANY = [b"X-%d: %b" % (number, b"z" * 500) for number in range(110)]
"""Some 55 KiB of fields: all that a head may have by default."""

GARBAGE = {
    "status line": LONG,
    "reason": b"HTTP/1.1 200 " + LONG,
    "long reason": head(b"Content-Length: 0", status=b"HTTP/1.1 500 " + FITS),
    "field": head(b"X: " + LONG),
    "name": head(LONG + b": x"),
    "bad name": head(FITS[:4000] + b"\0" + FITS[:4000] + b": x"),
    "bad value": head(b"X: " + FITS[:4000] + b"\0" + FITS[:4000]),
    "length": head(b"Content-Length: " + b"9" * 8000),
    "coding": head(b"Transfer-Encoding: " + FITS),
    "content coding": head(b"Content-Encoding: gzip, " + FITS, b"Content-Length: 1") + b"x",
    "chunk size": head(b"Transfer-Encoding: chunked") + LONG,
    "trailer": head(b"Transfer-Encoding: chunked") + b"0\r\n" + LONG,
    "many fields": head(b"Content-Length: 5", b"Content-Type: text/plain", *MANY) + b"[1,2]",
    "type": head(b"Content-Length: 5", b"Content-Type: text/" + FITS) + b"[1,2]",
    "broken type": head(b"Content-Length: 5", b"Content-Type: " + FITS) + b"[1,2]",
    "charset": head(b"Content-Length: 5", b"Content-Type: text/plain; charset=" + FITS) + b"[1,2]",
    "location": head(b"Content-Length: 0", b"Location: " + LONG, status=b"HTTP/1.1 302 Found"),
    "location elsewhere": head(b"Content-Length: 0", b"Location: ftp://a/" + FITS, status=b"HTTP/1.1 302 Found"),
    "location of no host": head(b"Content-Length: 0", b"Location: http:///" + FITS, status=b"HTTP/1.1 302 Found"),
    "location of a bad port": head(
        b"Content-Length: 0", b"Location: http://a:" + b"9" * 8000, status=b"HTTP/1.1 302 Found"
    ),
    "location of a bad address": head(
        b"Content-Length: 0", b"Location: http://[" + b"1" * 8000 + b"]/", status=b"HTTP/1.1 302 Found"
    ),
    "location of a long host": head(
        b"Content-Length: 0", b"Location: http://" + b"a." * 3900 + b"1/", status=b"HTTP/1.1 302 Found"
    ),
    "location of a name that is too long": head(
        b"Content-Length: 0", b"Location: http://" + b"a" * 8000 + b"/", status=b"HTTP/1.1 302 Found"
    ),
    "location in a circle": head(b"Content-Length: 0", b"Location: /" + FITS, *MANY[:80], status=b"HTTP/1.1 302 Found"),
    "challenge": head(
        b"Content-Length: 0", b"WWW-Authenticate: Digest realm=" + FITS, status=b"HTTP/1.1 401 Unauthorized"
    ),
    "algorithm": head(
        b"Content-Length: 0",
        b'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=' + FITS,
        status=b"HTTP/1.1 401 Unauthorized",
    ),
    "upgrade": head(b"Upgrade: " + FITS, status=b"HTTP/1.1 101 Switching Protocols"),
}


def chain(error):
    """Return `error` with all that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


async def errors_of(session, url):
    """Return each error that reading the response in JSON, and connecting a WebSocket, comes to."""
    found = []
    for options in ({"raise_for_status": True}, {"middlewares": (drywire.DigestAuthMiddleware("u", "p"),)}):
        try:
            async with session.get(url, timeout=5, **options) as response:
                await response.json()
        except (drywire.ClientError, ValueError, OSError) as error:
            found.append(error)
    try:
        await session.ws_connect(url)
    except (drywire.ClientError, ValueError, OSError) as error:
        found.append(error)
    return found


def too_long(errors):
    """Return what of these errors says too much: its type, and how many characters by str and by repr."""
    everything = [link for error in errors for link in chain(error)]
    sizes = {(type(error).__name__, len(str(error)), len(repr(error))) for error in everything}
    return [size for size in sizes if max(size[1:]) > SAID]


@pytest.mark.parametrize("what", GARBAGE)
async def test_69244_an_error_says_little_whatever_the_server_sent(scripted, what):
    async def talk(peer, script):
        while await peer.head():
            with contextlib.suppress(TransportError):
                await peer.send(GARBAGE[what])

    async with scripted(talk) as script, drywire.ClientSession() as session:
        errors = await errors_of(session, script.url)
    assert errors
    assert too_long(errors) == []


# Pitfall 6: retries


def counted():
    """Return what follows a session, and the list in which it counts connections and requests that went out."""
    seen, config = [], drywire.TraceConfig()
    for name in ("connection_reuseconn", "connection_create_end", "request_headers_sent"):

        async def note(*_, name=name):
            seen.append(name)

        getattr(config, f"on_{name}").append(note)
    return config, seen


async def one_then_gone(peer, script):
    """Answers the first request of each connection, and hangs up on the second once it has read it."""
    for _ in range(2):
        request = await peer.request()
        if not request[0]:
            return
        script.heads.append(request)
        if len(script.heads) % 2:
            await peer.send(OK)
        else:
            return


async def test_pitfall_6_the_one_repetition_is_seen_by_who_traces(scripted):
    config, seen = counted()
    async with scripted(one_then_gone) as script, drywire.ClientSession(trace_configs=[config]) as session:
        async with session.get(script.url) as response:
            await response.read()
        assert seen == ["connection_create_end", "request_headers_sent"]
        del seen[:]
        async with session.get(script.url, timeout=5) as response:
            await response.read()
        assert seen == ["connection_reuseconn", "request_headers_sent", "connection_create_end", "request_headers_sent"]
    assert len(script.heads) == 3


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "PATCH"])
@pytest.mark.parametrize("size", [10, 200_000])
async def test_pitfall_6_a_consumed_body_is_never_sent_again_aiohttp_10790(scripted, method, size):
    begun = []

    async def body():
        begun.append(1)
        yield bytes(size)

    async with scripted(one_then_gone) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            await response.read()
        with pytest.raises(drywire.ClientConnectionError) as caught:
            await session.request(method, script.url, data=body(), timeout=5)
        assert not caught.value.safe_to_retry
        assert caught.value.connection_reused
        assert caught.value.bytes_sent
        assert "0 in use, 0 idle" in repr(session.connector)
    assert len(begun) == 1
    assert len(script.heads) == 2


@pytest.mark.parametrize("method", ["POST", "PATCH", "LOCK"])
async def test_pitfall_6_what_is_not_idempotent_is_never_sent_again(scripted, method):
    async with scripted(one_then_gone) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            await response.read()
        with pytest.raises(drywire.ClientConnectionError) as caught:
            await session.request(method, script.url, data=b"x", timeout=5)
        assert not caught.value.safe_to_retry
    assert len(script.heads) == 2


async def test_pitfall_6_nothing_is_sent_again_once_a_byte_of_the_response_has_come(scripted):
    async def talk(peer, script):
        while (await peer.head()) and script.heads.append(1) is None:
            if len(script.heads) == 2:
                await peer.send(b"H")
                return
            await peer.send(OK)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            await response.read()
        with pytest.raises(drywire.ClientConnectionError) as caught:
            await session.get(script.url, timeout=5)
        assert caught.value.response_started
    assert len(script.heads) == 2


# Pitfall 7: timers and callbacks


class Timers:
    """The timers that the runtime was asked for and that have neither been cancelled nor rung."""

    def __init__(self, monkeypatch):
        self.alive = []
        kind = type(current_runtime())
        call_at, timers = kind.call_at, self

        def watched(runtime, when, callback):
            def ring():
                timers.alive.remove(entry)
                callback()

            inner = call_at(runtime, when, ring)
            entry = _Watched(inner, timers.alive)
            timers.alive.append(entry)
            return entry

        monkeypatch.setattr(kind, "call_at", watched)


class _Watched:
    def __init__(self, timer, alive):
        self._timer = timer
        self._alive = alive

    def cancel(self):
        self._timer.cancel()
        if self in self._alive:
            self._alive.remove(self)


ENDS = {
    "read": lambda response: response.read(),
    "forgotten": lambda response: None,
    "left": lambda response: response.release(),
    "closed": lambda response: response.close(),
}


def by_identity(thing):
    """Return a reference to what weakref cannot refer to."""
    kind, number = type(thing), id(thing)
    return lambda: next((one for one in gc.get_objects() if type(one) is kind and id(one) == number), None)


async def half_read(session, url, end):
    """Ask for what never comes whole, end that by `end`, and return references to all that was in use for it."""
    response = await session.get(url)
    watched = [by_identity(response.connection.stream), weakref.ref(response), weakref.ref(response.content)]
    with contextlib.suppress(TimeoutError):
        ending = ENDS[end](response)
        if end == "read":
            await ending
    return watched


@pytest.mark.parametrize("end", ENDS)
async def test_pitfall_7_nothing_of_a_closed_session_is_left_to_be_called_12953(scripted, monkeypatch, end):
    """Neither a timer, nor anything that holds the session, its connections or its responses."""
    timers = Timers(monkeypatch)

    async def talk(peer, script):
        while head := await peer.head():
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok")
            if b"/whole" in head:
                await peer.send(b"ok")

    async def use(script):
        timeout = drywire.ClientTimeout(total=60, sock_read=0.05 if end == "read" else 30)
        session = drywire.ClientSession(timeout=timeout)
        watched = [weakref.ref(session), weakref.ref(session.connector)]
        watched += await half_read(session, script.url + "half", end)
        async with session.get(script.url + "whole") as response:
            assert await response.read() == b"okok"
            watched.append(weakref.ref(response))
        assert timers.alive  # that of the connection which is kept
        await session.close()
        return watched

    async with scripted(talk) as script:
        watched = await use(script)
        assert timers.alive == []
        for _ in range(5):  # what the loop itself lets go of in its next turns
            await current_runtime().sleep_until(current_runtime().now())
        gc.collect()
        assert [one() for one in watched if one() is not None] == []


# Pitfall 13, and 69223: what is decoded


def zeros(size, wbits=31):
    coder = zlib.compressobj(9, wbits=wbits)
    return coder.compress(bytes(size)) + coder.flush()


BOMB = zeros(64 * MIB)


def coded(body, coding=b"gzip", *lines, status=b"HTTP/1.1 200 OK"):
    return head(b"Content-Encoding: " + coding, b"Content-Length: %d" % len(body), *lines, status=status) + body


def peak(function):
    """Return what ``await function()`` does, and the most bytes that it held at once."""

    async def run():
        gc.collect()
        tracemalloc.start()
        try:
            result = await function()
            return result, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return run()


async def test_69223_a_step_decodes_no_more_than_is_asked_for(scripted, answering):
    sizes = []

    async def read():
        async with session.get(script.url) as response:
            async for piece in response.content.iter_any():
                sizes.append(len(piece))

    async def fail_to_read():
        with pytest.raises(drywire.ClientPayloadError):
            await read()

    async with scripted(answering(coded(BOMB))) as script, drywire.ClientSession() as session:
        _, held = await peak(fail_to_read)
    assert max(sizes) <= MIB
    assert held < 8 * MIB


@pytest.mark.parametrize("reads", ["read", "text", "json", "content.read", "content.readexactly"])
async def test_69223_a_body_over_the_limit_is_refused_by_each_way_of_reading_and_again_the_second_time(
    scripted, answering, reads
):
    calls = {
        "read": lambda response: response.read(),
        "text": lambda response: response.text(),
        "json": lambda response: response.json(content_type=None),
        "content.read": lambda response: response.content.read(),
        "content.readexactly": lambda response: response.content.readexactly(64 * MIB),
    }

    async def read():
        async with session.get(script.url) as response:
            for _ in range(2):
                with pytest.raises(drywire.ClientPayloadError, match="decoded"):
                    await calls[reads](response)

    async with scripted(answering(coded(BOMB))) as script, drywire.ClientSession() as session:
        _, held = await peak(read)
        assert "0 in use" in repr(session.connector)
    assert held < 100 * MIB  # `Limits.decoded_free`, and the pieces joined


@pytest.mark.parametrize(
    "leaves", ["release", "close", "context", "redirect", "raise_for_status", "forgotten", "begun", "begun twice"]
)
async def test_54278_urllib3_21441_44432_pitfall_13_what_nobody_reads_is_never_decoded(scripted, leaves):
    answers = {
        "redirect": coded(BOMB, b"gzip", b"Location: /landed", status=b"HTTP/1.1 302 Found"),
        "raise_for_status": coded(BOMB, status=b"HTTP/1.1 500 Oops"),
    }

    async def talk(peer, script):
        while head := await peer.head():
            await peer.send(OK if b"/landed" in head else answers.get(leaves, coded(BOMB)))

    async def leave():
        if leaves in ("context", "redirect"):
            async with session.get(script.url) as response:
                return response.status
        if leaves == "raise_for_status":
            with pytest.raises(drywire.ClientResponseError):
                await session.get(script.url, raise_for_status=True)
            return None
        response = await session.get(script.url)
        for _ in range({"begun": 1, "begun twice": 2}.get(leaves, 0)):
            assert len(await response.content.read(1000)) == 1000
        if leaves != "forgotten":
            getattr(response, "close" if leaves == "close" else "release")()
        del response
        gc.collect()
        return None

    async with scripted(talk) as script, drywire.ClientSession() as session:
        _, held = await peak(leave)
        assert "0 in use" in repr(session.connector)
    assert held < 2 * MIB


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (zeros(0) * 1100, b"gzip"),
        (b"x", b"gzip, gzip, gzip, gzip, gzip, gzip"),
        (b"x", b"gzip," * 6 + b"identity"),
    ],
    ids=["members", "codings", "codings in one list"],
)
async def test_13362_urllib3_66418_members_and_codings_are_counted(scripted, answering, body, coding):
    async with scripted(answering(coded(body, coding))) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            with pytest.raises(drywire.ClientPayloadError):
                await response.read()
        assert "0 in use" in repr(session.connector)


async def test_a_9_the_limit_on_what_is_decoded_is_the_connectors_to_set(scripted, answering):
    small = zeros(100_000)
    for limits, ends in ((Limits(decoded_free=1000, decoded_ratio=10), True), (Limits(), False)):
        connector = drywire.TCPConnector(limits=limits)
        async with scripted(answering(coded(small))) as script, drywire.ClientSession(connector=connector) as session:
            async with session.get(script.url) as response:
                if ends:
                    with pytest.raises(drywire.ClientPayloadError, match="decoded_ratio"):
                        await response.read()
                else:
                    assert await response.read() == bytes(100_000)
