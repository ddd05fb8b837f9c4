"""Each program of examples/embedding/ runs as a process and is asked by curl, and by bytes that curl would not send."""

import contextlib
import gzip
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading

import pytest

from ..tree import ROOT, environment

CURL = shutil.which("curl")
pytestmark = pytest.mark.skipif(CURL is None, reason="curl is not installed here")

FOLDER = ROOT / "examples" / "embedding"
SERVERS = ["threads", "selecting", "on_toy_loop", "raw_asyncio"]
MEGABYTE = bytes(range(256)) * 4096
PATIENCE = 10


@contextlib.contextmanager
def running(name, *options, ends_by=signal.SIGTERM):
    """Run an example on a free port and give the port; it must end by a signal, with status 0 and without a complaint.

    Development mode shows a warning for every socket that is not closed.
    """
    command = [sys.executable, "-X", "dev", str(FOLDER / f"{name}.py"), "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    try:
        line = process.stdout.readline()
        assert line.startswith(b"listening on http://127.0.0.1:"), process.communicate(timeout=PATIENCE)[1].decode()
        yield int(line.rpartition(b":")[2])
        process.send_signal(ends_by)
        printed, complaints = process.communicate(timeout=PATIENCE)
        assert (process.returncode, printed, complaints) == (0, b"", b"")
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def proxying(origin_port, *options):
    with running("proxy", "--origin", f"127.0.0.1:{origin_port}", *options) as port:
        yield port


@pytest.fixture(scope="module")
def ports():
    """Give the port of each example, all of them at work at once; the proxy stands before the first."""
    with contextlib.ExitStack() as stack:
        found = {name: stack.enter_context(running(name)) for name in SERVERS}
        found["proxy"] = stack.enter_context(proxying(found["threads"]))
        yield found


@pytest.fixture(params=[*SERVERS, "proxy"])
def port(request, ports):
    return ports[request.param]


def curl(port, *options, body=None, urls=1):
    command = [CURL, "-sS", "--noproxy", "*", "-m", str(PATIENCE), *options, *[f"http://127.0.0.1:{port}/"] * urls]
    done = subprocess.run(command, input=body, capture_output=True, timeout=2 * PATIENCE)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@contextlib.contextmanager
def talking(port):
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        yield sock


def until(sock, wanted):
    """Return what comes until `wanted` is in it, or until the peer's end where that is first."""
    received = b""
    while wanted not in received and (data := sock.recv(65536)):
        received += data
    return received


def until_end(sock):
    return b"".join(iter(lambda: sock.recv(65536), b""))


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST_GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

# All of them


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1"])
def test_curl_gets(port, version):
    assert curl(port, version) == b"hello\n"


@pytest.mark.parametrize(
    "options",
    [
        ["--data-binary", "@-"],
        ["--data-binary", "@-", "-H", "Expect:"],
        ["--data-binary", "@-", "-H", "Expect: 100-continue"],
        ["--data-binary", "@-", "--http1.0"],
        ["-X", "POST", "-H", "Transfer-Encoding: chunked", "-T", "-"],
        ["-X", "POST", "-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue", "-T", "-"],
    ],
    ids=["length", "length-at-once", "expect", "http-1.0", "chunked", "chunked-expect"],
)
def test_curl_gets_its_megabyte_back(port, options):
    assert curl(port, *options, body=MEGABYTE) == MEGABYTE


def test_curl_waits_for_100_continue_and_gets_it(port):
    # Left alone curl waits a second for it; told to wait for a minute it shows that it came.
    options = ["-d", "abc", "-H", "Expect: 100-continue", "--expect100-timeout", "60", "-D", "-"]
    assert curl(port, *options).lower().startswith(b"http/1.1 100 continue\r\n")


def test_curl_gets_the_head_alone(port):
    head = curl(port, "-I").lower()
    assert head.startswith(b"http/1.1 200 ok\r\n")
    assert b"content-length: 6\r\n" in head
    assert head.endswith(b"\r\n\r\n")


def test_curl_asks_for_two_urls_over_one_connection(port):
    assert curl(port, "-w", "%{num_connects}", urls=2) == b"hello\n1hello\n0"


def test_curl_posts_twice_over_one_connection(port):
    assert curl(port, "-d", "abc", "-w", "%{num_connects}", urls=2) == b"abc1abc0"


def test_pipelined_requests_are_answered_in_turn(port):
    with talking(port) as sock:
        sock.sendall(GET + b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + LAST_GET)
        answers = until_end(sock)
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert answers.index(b"\r\n\r\nhello\n") < answers.index(b"\r\n\r\nabc") < answers.rindex(b"\r\n\r\nhello\n")


def test_a_body_is_echoed_while_it_still_comes(port):
    with talking(port) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        assert until(sock, b"3\r\nabc\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
        sock.sendall(b"0\r\n\r\n")
        assert until(sock, b"0\r\n\r\n") == b"0\r\n\r\n"


def test_a_client_that_has_ended_its_direction_gets_its_answer(port):
    with talking(port) as sock:
        sock.sendall(GET)
        sock.shutdown(socket.SHUT_WR)
        assert until_end(sock).endswith(b"\r\n\r\nhello\n")


def test_what_is_not_http_is_refused_and_others_are_served(port):
    with talking(port) as other, talking(port) as sock:
        other.sendall(GET)
        assert until(other, b"hello\n").startswith(b"HTTP/1.1 200 OK\r\n")
        sock.sendall(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n")
        answer = until_end(sock)
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"\r\nConnection: close\r\n" in answer
        other.sendall(LAST_GET)
        assert until_end(other).endswith(b"\r\n\r\nhello\n")


def test_a_bad_request_after_a_head_request_is_told_why(port):
    with talking(port) as sock:
        sock.sendall(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        until(sock, b"\r\n\r\n")
        sock.sendall(b"nonsense\r\n\r\n")
        head, _, body = until_end(sock).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"Content-Length: %d\r\n" % len(body) in head + b"\r\n"
    assert body


def test_a_body_that_breaks_off_leaves_a_response_that_is_seen_to_be_cut_short(port):
    with talking(port) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        until(sock, b"3\r\nabc\r\n")
        sock.sendall(b"nonsense\r\n")
        try:
            rest = until_end(sock)
        except ConnectionResetError:
            rest = b""
    assert rest == b""  # above all no last chunk


def test_an_answer_is_not_lost_where_the_request_was_not_read(port):
    # The whole megabyte is sent before anything is read: a close with unread bytes would reset the connection.
    head = b"PATCH / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(MEGABYTE)
    with talking(port) as sock:
        sock.sendall(head + MEGABYTE)
        assert until_end(sock).startswith(b"HTTP/1.1 405 ")


def test_a_client_that_sends_and_does_not_read_is_not_read_from(port):
    # Were the echo kept in memory, the server would take all of it.
    with talking(port) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
        sock.settimeout(0.2)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 100_000_000:
                sent += sock.send(MEGABYTE)
    assert sent < 60_000_000
    assert curl(port) == b"hello\n"


@pytest.mark.parametrize("name", [*SERVERS, "proxy"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
def test_an_idle_connection_and_one_at_work_do_not_keep_it_from_ending(ports, name, number):
    options = ["--origin", f"127.0.0.1:{ports['threads']}"] if name == "proxy" else []
    with contextlib.ExitStack() as clients:
        with running(name, *options, ends_by=number) as port:
            idle, busy = clients.enter_context(talking(port)), clients.enter_context(talking(port))
            idle.sendall(GET)
            until(idle, b"hello\n")
            busy.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
            until(busy, b"\r\n\r\nabc")


# The proxy


@contextlib.contextmanager
def origin(converse):
    """Give the port of an origin that has one client, served by `converse(sock)` in a thread."""
    failures = []

    def run():
        try:
            with listener.accept()[0] as sock:
                sock.settimeout(PATIENCE)
                converse(sock)
        except BaseException as error:
            failures.append(error)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join(2 * PATIENCE)
        assert not thread.is_alive()
    assert not failures


def asked_through_the_proxy(request, answer, eof=True):
    """Return what the proxy's origin is asked, where a client sends `request`, and what the client is answered."""
    asked = []

    def converse(sock):
        asked.append(until(sock, b"\r\n\r\n"))
        sock.sendall(answer)

    with origin(converse) as origin_port, proxying(origin_port) as port, talking(port) as sock:
        sock.sendall(request)
        if eof:
            sock.shutdown(socket.SHUT_WR)
        return asked, until_end(sock)


def test_the_proxy_passes_a_piece_before_the_origin_has_sent_the_rest():
    arrived = threading.Event()

    def converse(sock):
        until(sock, b"\r\n\r\n")
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        assert arrived.wait(PATIENCE)
        sock.sendall(b"def")

    with origin(converse) as origin_port, proxying(origin_port) as port, talking(port) as sock:
        sock.sendall(GET)
        assert until(sock, b"abc").endswith(b"\r\n\r\nabc")
        arrived.set()
        assert until(sock, b"def") == b"def"


def test_the_proxy_does_not_touch_a_compressed_body():
    body = gzip.compress(os.urandom(1000) + MEGABYTE)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n%b\r\n"
    length = b"Content-Length: %d\r\n" % len(body)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:100], body[100:])) + b"0\r\n\r\n"
    for answer in (head % length + body, head % b"Transfer-Encoding: chunked\r\n" + chunks, head % b"" + body):

        def converse(sock, answer=answer):
            until(sock, b"\r\n\r\n")
            sock.sendall(answer)

        with origin(converse) as origin_port, proxying(origin_port) as port:
            # curl decodes only if it is told to
            assert curl(port, "-H", "Accept-Encoding: gzip") == body


def test_the_proxy_keeps_what_is_meant_for_one_hop():
    asked, answered = asked_through_the_proxy(
        b"GET /a?b HTTP/1.1\r\nHost: site\r\nConnection: x-mine, te, host\r\nX-Mine: 1\r\nX-Theirs: 2\r\n"
        b"TE: trailers, deflate\r\nKeep-Alive: 5\r\nProxy-Authorization: secret\r\nUpgrade: h2c\r\n"
        b"Via: 1.0 first\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close, x-yours\r\nX-Yours: 1\r\nX-Ours: 2\r\nKeep-Alive: 5\r\n"
        b"Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n",
    )
    assert asked == [
        b"GET /a?b HTTP/1.1\r\nHost: site\r\nX-Theirs: 2\r\nVia: 1.0 first\r\nVia: 1.1 drywire-example\r\n"
        b"TE: trailers\r\nConnection: close, TE\r\n\r\n"
    ]
    assert answered == (
        b"HTTP/1.1 200 OK\r\nX-Ours: 2\r\nTrailer: X-Sum\r\nVia: 1.1 drywire-example\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n"
    )


def test_the_proxy_speaks_1_1_to_the_origin_for_a_client_of_1_0():
    asked, answered = asked_through_the_proxy(
        b"GET http://site/a HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n",
    )
    assert asked == [b"GET /a HTTP/1.1\r\nHost: site\r\nVia: 1.0 drywire-example\r\nConnection: close\r\n\r\n"]
    assert answered == b"HTTP/1.1 200 OK\r\nVia: 1.1 drywire-example\r\nConnection: close\r\n\r\nok"


@pytest.mark.parametrize(
    ("method", "status", "field"),
    [
        (b"HEAD", b"200 OK", b"Content-Length: 5\r\n"),
        (b"GET", b"304 Not Modified", b"Content-Length: 5\r\n"),
        (b"GET", b"204 No Content", b""),
    ],
)
def test_the_proxy_waits_for_no_body_where_there_is_none(method, status, field):
    _, answered = asked_through_the_proxy(
        method + b" / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 %b\r\nContent-Length: 5\r\n\r\n" % status
    )
    assert answered == b"HTTP/1.1 %b\r\n%bVia: 1.1 drywire-example\r\n\r\n" % (status, field)


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-"], ids=["nothing", "nonsense", "half-a-head"]
)
def test_the_proxy_answers_502_for_an_origin_that_is_broken(answer):
    _, answered = asked_through_the_proxy(GET, answer)
    assert answered.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")


def test_the_proxy_answers_502_where_no_origin_is():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = listener.getsockname()[1]
    with proxying(nobody) as port, talking(port) as sock:
        sock.sendall(GET)
        sock.shutdown(socket.SHUT_WR)
        assert until_end(sock).startswith(b"HTTP/1.1 502 Bad Gateway\r\n")


def test_the_proxy_answers_504_for_an_origin_that_is_silent():
    with origin(until_end) as origin_port, proxying(origin_port, "--patience", "0.1") as port, talking(port) as sock:
        sock.sendall(GET)
        assert until(sock, b"too long\n").startswith(b"HTTP/1.1 504 Gateway Timeout\r\n")


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_the_proxy_breaks_the_connection_where_the_origin_breaks_off(version):
    def converse(sock):
        until(sock, b"\r\n\r\n")
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")

    with origin(converse) as origin_port, proxying(origin_port) as port, talking(port) as sock:
        sock.sendall(b"GET / HTTP/%b\r\nHost: a\r\n\r\n" % version)
        with pytest.raises(ConnectionResetError):  # a client of 1.0 would take a plain end for the end of the body
            until_end(sock)


def test_the_proxy_delivers_an_early_answer_and_sends_no_more_of_the_request():
    def converse(sock):
        until(sock, b"\r\n\r\n")
        sock.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
        with contextlib.suppress(ConnectionResetError):
            assert len(until_end(sock)) < 50_000_000

    with origin(converse) as origin_port, proxying(origin_port) as port, talking(port) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nabc")
        answer = until(sock, b"\r\n\r\nno")
        assert answer.startswith(b"HTTP/1.1 413 Content Too Large\r\n")
        assert b"\r\nConnection: close\r\n" in answer
        assert until_end(sock) == b""


def test_the_proxy_passes_the_origins_refusal_to_a_client_that_waits_for_100_continue():
    asked, answered = asked_through_the_proxy(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
        b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n",
        eof=False,
    )
    assert b"\r\nExpect: 100-continue\r\n" in asked[0]
    assert answered.startswith(b"HTTP/1.1 417 Expectation Failed\r\n")


def test_the_proxy_passes_the_trailers_of_a_request():
    asked = []

    def converse(sock):
        asked.append(until(sock, b"0\r\nX-Sum: 7\r\n\r\n"))
        sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with origin(converse) as origin_port, proxying(origin_port) as port, talking(port) as sock:
        sock.sendall(
            b"POST / HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n"
        )
        assert until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 204 No Content\r\n")
    head, _, body = asked[0].partition(b"\r\n\r\n")
    assert b"\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n" in head
    assert body == b"3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n"


@pytest.mark.parametrize(
    ("asked_for", "start"),
    [
        (b"GET http://site HTTP/1.1", b"GET / HTTP/1.1\r\nHost: site\r\n"),
        (b"GET http://site:1/a?b HTTP/1.1", b"GET /a?b HTTP/1.1\r\nHost: site:1\r\n"),
        (b"GET http://site?a/b HTTP/1.1", b"GET /?a/b HTTP/1.1\r\nHost: site\r\n"),
        (b"OPTIONS http://site HTTP/1.1", b"OPTIONS * HTTP/1.1\r\nHost: site\r\n"),
    ],
)
def test_the_proxy_asks_for_the_site_that_the_target_names(asked_for, start):
    asked, _ = asked_through_the_proxy(asked_for + b"\r\nHost: other\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n")
    assert asked[0].startswith(start)


def test_the_proxy_refuses_a_target_that_it_cannot_pass_on():
    with proxying(1) as port, talking(port) as sock:
        sock.sendall(b"GET http://user@site/ HTTP/1.1\r\nHost: a\r\n\r\n")
        assert until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_the_proxy_refuses_tunnels():
    with proxying(1) as port, talking(port) as sock:
        sock.sendall(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")
        assert until_end(sock).startswith(b"HTTP/1.1 405 ")
