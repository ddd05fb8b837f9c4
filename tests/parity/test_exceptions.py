"""Rows E-01 to E-37, E-43 and E-44: the errors, what each is besides, and when it is raised."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import builtins
import errno
import gzip
import importlib
import socket
import ssl
import struct
import warnings

import pytest
from yarl import URL

import drywire
from drywire_client.connections import ConnectionKey
from drywire_sansio.errors import RemoteProtocolError

from ..client.conftest import OK, answering, scripted  # noqa: F401
from ..websocketing import app_of, echo
from .mirror import mirror  # noqa: F401


def kin(name, *parents, apart=()):
    """Assert that the error `name` is each of `parents`, and none of `apart`; return it."""
    error = getattr(drywire, name)
    found = [getattr(drywire, parent) if isinstance(parent, str) else parent for parent in parents]
    assert [parent for parent in found if not issubclass(error, parent)] == []
    assert [other for other in apart if issubclass(error, other)] == []
    return error


async def fetch(url, method="GET", **options):
    async with drywire.ClientSession() as session, session.request(method, url, **options) as response:
        return await response.read()


async def silent(peer, script):
    await peer.ended()


def saying(data):
    """A script that answers with `data` and hangs up."""

    async def talk(peer, script):
        await peer.request()
        await peer.send(data)

    return talk


@pytest.fixture
def refused():
    """The URL of a port at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/"


ALL = [
    "ClientConnectionError",
    "ClientConnectionResetError",
    "ClientConnectorCertificateError",
    "ClientConnectorDNSError",
    "ClientConnectorError",
    "ClientConnectorSSLError",
    "ClientHttpProxyError",
    "ClientOSError",
    "ClientPayloadError",
    "ClientProxyConnectionError",
    "ClientResponseError",
    "ClientSSLError",
    "ConnectionTimeoutError",
    "ContentTypeError",
    "InvalidURL",
    "InvalidUrlClientError",
    "InvalidUrlRedirectClientError",
    "NonHttpUrlClientError",
    "NonHttpUrlRedirectClientError",
    "RedirectClientError",
    "ServerConnectionError",
    "ServerDisconnectedError",
    "ServerFingerprintMismatch",
    "ServerTimeoutError",
    "SocketTimeoutError",
    "TooManyRedirects",
    "UnixClientConnectorError",
    "UploadAbortedError",
    "WSServerHandshakeError",
]


def test_e_01_client_error_is_the_root():
    kin("ClientError", Exception, apart=(OSError, ValueError))
    for name in ALL:
        kin(name, "ClientError")


@pytest.mark.parametrize("name", ["ClientError", *ALL])
def test_e_01_client_errors_are_in_client_exceptions_too(name):
    assert getattr(importlib.import_module("drywire.client_exceptions"), name) is getattr(drywire, name)


async def test_e_01_client_error_catches_what_goes_wrong(scripted, refused):
    with pytest.raises(drywire.ClientError):
        await fetch(refused)
    async with scripted(saying(b"nonsense")) as script:
        with pytest.raises(drywire.ClientError):
            await fetch(script.url)


async def test_e_02_client_connection_error_is_raised_of_what_is_closed(scripted):
    kin("ClientConnectionError", "ClientError", apart=(OSError,))
    async with scripted(saying(OK[:-1])) as script, drywire.ClientSession() as session:
        response = await session.get(script.url)
        response.close()
        with pytest.raises(drywire.ClientConnectionError, match="Connection closed"):
            await response.read()


async def test_e_03_client_connection_reset_error_is_raised_of_a_closed_web_socket(serving):
    kin("ClientConnectionResetError", "ClientConnectionError", ConnectionResetError, OSError)
    async with serving(app_of(echo)) as url, drywire.ClientSession() as session:
        ws = await session.ws_connect(url)
        await ws.close()
        with pytest.raises(drywire.ClientConnectionResetError):
            await ws.send_str("late")


async def test_e_04_client_os_error_is_raised_of_a_reset(scripted):
    kin("ClientOSError", "ClientConnectionError", OSError)

    async def talk(peer, script):
        await peer.head()
        linger = struct.pack("ii", 1, 0)
        peer.stream.extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        peer.stream.abort()

    async with scripted(talk) as script:
        with pytest.raises(drywire.ClientOSError) as caught:
            await fetch(script.url)
        assert isinstance(caught.value, OSError)


async def test_e_05_client_connector_error_says_who_was_not_reached(refused):
    kin("ClientConnectorError", "ClientOSError")
    with pytest.raises(drywire.ClientConnectorError) as caught:
        await fetch(refused)
    error, port = caught.value, URL(refused).port
    assert (error.host, error.port, error.ssl) == ("127.0.0.1", port, True)
    assert isinstance(error.os_error, OSError)
    assert error.errno == error.os_error.errno == errno.ECONNREFUSED
    assert error.strerror == error.os_error.strerror
    assert str(error) == f"Cannot connect to host 127.0.0.1:{port} ssl:default [{error.strerror}]"


@pytest.mark.parametrize("setting", [False, ssl.create_default_context()], ids=["unchecked", "context"])
async def test_e_05_client_connector_error_says_by_which_tls_settings(refused, setting):
    with pytest.raises(drywire.ClientConnectorError) as caught:
        await fetch(refused, ssl=setting)
    assert caught.value.ssl is setting
    assert f" ssl:{setting} [" in str(caught.value)


def test_e_06_client_proxy_connection_error_is_a_connector_error():
    kin("ClientProxyConnectionError", "ClientConnectorError", apart=(drywire.ClientResponseError,))


async def test_e_07_client_connector_dns_error_says_which_name():
    kin("ClientConnectorDNSError", "ClientConnectorError")
    with pytest.raises(drywire.ClientConnectorDNSError) as caught:
        await fetch("http://name.invalid/")
    assert (caught.value.host, caught.value.port) == ("name.invalid", 80)
    assert str(caught.value).startswith("Cannot connect to host name.invalid:80 ssl:default [")


def test_e_08_unix_client_connector_error_is_a_connector_error():
    error = kin("UnixClientConnectorError", "ClientConnectorError")
    key = ConnectionKey("host", 80, False, True, None)
    made = error("/no/socket", key, FileNotFoundError(2, "No such file or directory"))
    assert (made.path, made.host, made.port, made.errno) == ("/no/socket", "host", 80, 2)
    assert str(made) == "Cannot connect to unix socket /no/socket ssl:default [No such file or directory]"


async def certificate_error(scripted, answering, server_tls):
    async with scripted(answering(), server_tls) as script:
        with pytest.raises(drywire.ClientSSLError) as caught:
            await fetch(script.url)
        return caught.value, script.port


async def tls_error(scripted):
    async def talk(peer, script):
        await peer.stream.receive()
        await peer.send(b"HTTP/1.1 400 This is no TLS\r\n\r\n")
        await peer.ended()

    async with scripted(talk) as script:
        with pytest.raises(drywire.ClientSSLError) as caught:
            await fetch(script.url.replace("http:", "https:"))
        return caught.value


async def test_e_09_client_ssl_error_is_raised_of_a_handshake_that_fails(scripted, answering, server_tls):
    kin("ClientSSLError", "ClientConnectorError", apart=(ssl.SSLError,))
    assert isinstance(await tls_error(scripted), drywire.ClientConnectorError)
    assert isinstance((await certificate_error(scripted, answering, server_tls))[0], drywire.ClientConnectorError)


async def test_e_10_client_connector_ssl_error_is_raised_of_a_server_without_tls(scripted):
    kin("ClientConnectorSSLError", "ClientSSLError", ssl.SSLError)
    error = await tls_error(scripted)
    assert type(error) is drywire.ClientConnectorSSLError
    assert isinstance(error.os_error, ssl.SSLError)
    assert error.host == "127.0.0.1"


async def test_e_11_client_connector_certificate_error_is_raised_of_a_certificate(scripted, answering, server_tls):
    parents = ("ClientSSLError", ssl.CertificateError, ssl.SSLError, OSError, ValueError)
    kin("ClientConnectorCertificateError", *parents, apart=(drywire.ClientConnectorSSLError,))
    error, port = await certificate_error(scripted, answering, server_tls)
    assert type(error) is drywire.ClientConnectorCertificateError
    assert isinstance(error.certificate_error, ssl.SSLCertVerificationError)
    assert (error.host, error.port) == ("127.0.0.1", port)
    assert f"127.0.0.1:{port}" in str(error)


def test_e_12_server_connection_error_is_no_os_error():
    kin("ServerConnectionError", "ClientConnectionError", apart=(OSError,))


async def test_e_13_server_disconnected_error_has_a_message(scripted):
    kin("ServerDisconnectedError", "ServerConnectionError", apart=(OSError,))
    async with scripted(saying(b"")) as script:
        with pytest.raises(drywire.ServerDisconnectedError) as caught:
            await fetch(script.url)
    assert caught.value.message == "Server disconnected"
    assert str(caught.value).startswith("Server disconnected")
    assert drywire.ServerDisconnectedError().message == "Server disconnected"
    assert drywire.ServerDisconnectedError("told").message == "told"


async def test_e_13_server_disconnected_error_is_raised_of_half_a_head(scripted):
    """Differs: half a head is no message: aiohttp hands out what it has guessed of it as `message`."""
    async with scripted(saying(b"HTTP/1.1 200 OK\r\nContent-")) as script:
        with pytest.raises(drywire.ServerDisconnectedError) as caught:
            await fetch(script.url)
    assert caught.value.message.startswith("Server disconnected")


def test_e_14_server_fingerprint_mismatch_has_both_fingerprints():
    error = kin("ServerFingerprintMismatch", "ServerConnectionError", apart=(OSError,))(b"\x01", b"\x02", "host", 443)
    assert (error.expected, error.got, error.host, error.port) == (b"\x01", b"\x02", "host", 443)
    assert error.args == (b"\x01", b"\x02", "host", 443)
    assert repr(error) == "<ServerFingerprintMismatch expected=b'\\x01' got=b'\\x02' host='host' port=443>"


def test_e_15_server_timeout_error_is_a_timeout_and_an_os_error():
    kin("ServerTimeoutError", "ServerConnectionError", TimeoutError, OSError)


async def test_e_16_connection_timeout_error_is_raised_of_a_handshake_that_hangs(scripted):
    kin("ConnectionTimeoutError", "ServerTimeoutError")
    async with scripted(silent) as script:
        with pytest.raises(drywire.ConnectionTimeoutError):
            await fetch(script.url.replace("http:", "https:"), timeout=drywire.ClientTimeout(connect=0.1))


async def test_e_17_socket_timeout_error_is_raised_of_a_silence(scripted):
    kin("SocketTimeoutError", "ServerTimeoutError", apart=(drywire.ConnectionTimeoutError,))
    async with scripted(silent) as script:
        with pytest.raises(drywire.SocketTimeoutError):
            await fetch(script.url, timeout=drywire.ClientTimeout(sock_read=0.1))


INFO = drywire.RequestInfo(URL("http://host/"), "GET", {}, URL("http://host/#part"))


def test_e_18_client_response_error_is_made_from_a_request_and_its_history():
    """Differs: its repr leaves out the headers, of which some are secret, and is bounded like its text."""
    error = kin("ClientResponseError", "ClientError", apart=(OSError,))
    made = error(INFO, (), status=404, message="Not Found", headers={"X-A": "1"})
    assert (made.request_info, made.history, made.status) == (INFO, (), 404)
    assert (made.message, made.headers, made.args) == ("Not Found", {"X-A": "1"}, (INFO, ()))
    assert str(made) == "404, message='Not Found', url='http://host/#part'"
    assert repr(made) == f"<ClientResponseError {INFO.method} 404, message='Not Found', url='http://host/#part'>"
    bare = error(INFO, ())
    assert (bare.status, bare.message, bare.headers) == (0, "", None)


async def test_e_18_client_response_error_is_raised_of_a_status(scripted, answering):
    async with scripted(answering(b"HTTP/1.1 404 Not Found\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n")) as script:
        with pytest.raises(drywire.ClientResponseError) as caught:
            await fetch(script.url, raise_for_status=True)
        error = caught.value
        assert (error.status, error.message, error.headers["x-a"], error.history) == (404, "Not Found", "1", ())
        assert error.request_info.real_url == URL(script.url)
        assert str(error) == f"404, message='Not Found', url='{script.url}'"


def test_e_19_code_is_deprecated_for_status():
    with pytest.warns(DeprecationWarning, match="code.*status"):
        error = drywire.ClientResponseError(INFO, (), code=404)
    assert error.status == 404
    with pytest.warns(DeprecationWarning, match="code.*status"):
        assert error.code == 404
    with pytest.warns(DeprecationWarning, match="code.*status"):
        error.code = 500
    assert error.status == 500
    with pytest.raises(ValueError, match="code"):
        drywire.ClientResponseError(INFO, (), code=404, status=404)


async def test_e_20_content_type_error_is_raised_of_json_that_is_none(scripted, answering):
    kin("ContentTypeError", "ClientResponseError", apart=(ValueError,))
    raw = OK.replace(b"\r\n", b"\r\nContent-Type: text/html\r\n", 1)
    async with scripted(answering(raw)) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            with pytest.raises(drywire.ContentTypeError) as caught:
                await response.json()
    error = caught.value
    assert (error.status, error.headers["Content-Type"]) == (200, "text/html")
    assert "JSON" in error.message
    assert "text/html" in error.message


def test_e_21_client_http_proxy_error_is_a_response_error():
    error = kin("ClientHttpProxyError", "ClientResponseError")(INFO, (), status=407, message="Log in")
    assert (error.status, error.message) == (407, "Log in")


async def test_e_22_ws_server_handshake_error_is_raised_of_another_response(scripted, answering):
    kin("WSServerHandshakeError", "ClientResponseError", apart=(drywire.WSHandshakeError,))
    async with scripted(answering(OK)) as script, drywire.ClientSession() as session:
        with pytest.raises(drywire.WSServerHandshakeError) as caught:
            await session.ws_connect(script.url)
        assert (caught.value.status, caught.value.message) == (200, "Invalid response status")


async def test_e_23_too_many_redirects_is_raised_of_a_circle(scripted, answering):
    kin("TooManyRedirects", "ClientResponseError", apart=(drywire.RedirectClientError,))
    async with scripted(answering(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")) as script:
        with pytest.raises(drywire.TooManyRedirects) as caught:
            await fetch(script.url)
        assert {response.status for response in caught.value.history} == {302}
        assert caught.value.request_info.url == URL(script.url)


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip",
        b"Content-Encoding: deflate\r\nContent-Length: 4\r\n\r\n\xff\xff\xff\xff",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"Content-Length: 10\r\n\r\nshort",
    ],
    ids=["gzip", "deflate", "cut chunk", "short"],
)
async def test_e_24_client_payload_error_is_raised_of_a_broken_body(scripted, rest):
    kin("ClientPayloadError", "ClientError", apart=(drywire.ClientConnectionError, OSError))
    async with scripted(saying(b"HTTP/1.1 200 OK\r\n" + rest)) as script:
        with pytest.raises(drywire.ClientPayloadError):
            await fetch(script.url)


CUT_GZIP = gzip.compress(bytes(1000), mtime=0)[:20]


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + CUT_GZIP,
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["cut gzip", "bad chunk"],
)
async def test_e_24_client_payload_error_is_raised_of_every_broken_body(scripted, rest):
    """Differs: aiohttp takes a gzip body that is cut off for whole, and blames the head for a bad chunk beside it."""
    async with scripted(saying(b"HTTP/1.1 200 OK\r\n" + rest)) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            assert response.status == 200
            with pytest.raises(drywire.ClientPayloadError):
                await response.read()


def test_e_25_invalid_url_has_the_url_and_a_description():
    error = kin("InvalidURL", "ClientError", ValueError)
    assert (error("a").url, error("a").description, str(error("a")), error("a").args) == ("a", None, "a", ("a",))
    told = error(URL("a"), "no good")
    assert (told.url, told.description, str(told)) == (URL("a"), "no good", "a - no good")


@pytest.mark.parametrize(
    "url", ["", "/relative", "no.scheme/path", "http://", "http:///path", "http://[::1", "http://a:b"]
)
async def test_e_26_invalid_url_client_error_is_raised_of_the_url_of_a_request(url):
    kin("InvalidUrlClientError", "InvalidURL", apart=(drywire.RedirectClientError,))
    with pytest.raises(drywire.InvalidUrlClientError) as caught:
        await fetch(url)
    assert str(caught.value.url) == url


async def redirected(scripted, answering, location, error):
    raw = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % location
    async with scripted(answering(raw)) as script:
        with pytest.raises(error) as caught:
            await fetch(script.url)
        return caught.value


@pytest.mark.parametrize("location", [b"http://[::1", b"ftp://host/"])
async def test_e_27_redirect_client_error_is_raised_of_a_location(scripted, answering, location):
    kin("RedirectClientError", "ClientError", apart=(ValueError, drywire.ClientResponseError))
    await redirected(scripted, answering, location, drywire.RedirectClientError)


@pytest.mark.parametrize("url", ["ftp://host/", "file:///etc/passwd", "mailto:a@host"])
async def test_e_28_non_http_url_client_error_is_raised_of_another_scheme(url):
    kin("NonHttpUrlClientError", "ClientError", apart=(ValueError, drywire.RedirectClientError))
    with pytest.raises(drywire.NonHttpUrlClientError) as caught:
        await fetch(url)
    assert url in str(caught.value)


async def test_e_29_invalid_url_redirect_client_error_is_raised_of_a_location(scripted, answering):
    kin("InvalidUrlRedirectClientError", "InvalidUrlClientError", "RedirectClientError", ValueError)
    error = await redirected(scripted, answering, b"http://[::1", drywire.InvalidUrlRedirectClientError)
    assert str(error.url) == "http://[::1"
    assert error.description


async def test_e_30_non_http_url_redirect_client_error_is_raised_of_a_location(scripted, answering):
    kin("NonHttpUrlRedirectClientError", "NonHttpUrlClientError", "RedirectClientError", apart=(ValueError,))
    error = await redirected(scripted, answering, b"ftp://host/", drywire.NonHttpUrlRedirectClientError)
    assert "ftp://host/" in str(error)


async def test_e_31_upload_aborted_error_is_raised_of_a_body_that_was_not_sent(refused):
    kin("UploadAbortedError", "ClientError", apart=(OSError,))
    tracker = drywire.UploadTracker()
    with pytest.raises(drywire.ClientConnectorError):
        await fetch(refused, "POST", data=b"body", upload_tracker=tracker)
    with pytest.raises(drywire.UploadAbortedError):
        await tracker.upload_complete


async def test_e_32_ws_message_type_error_is_raised_of_another_message(serving):
    kin("WSMessageTypeError", TypeError, apart=(drywire.ClientError,))
    async with serving(app_of(echo)) as url, drywire.ClientSession() as session, session.ws_connect(url) as ws:
        await ws.send_bytes(b"octets")
        with pytest.raises(drywire.WSMessageTypeError):
            await ws.receive_str()


def test_e_33_web_socket_errors_are_no_client_errors():
    error = kin("WebSocketError", Exception, apart=(drywire.ClientError,))(drywire.WSCloseCode.PROTOCOL_ERROR, "bad")
    assert (error.code, str(error)) == (1002, "bad")
    kin("WSHandshakeError", Exception, apart=(drywire.ClientError,))


DIAGRAM = {
    "ClientError": Exception,
    "ClientResponseError": "ClientError",
    "ContentTypeError": "ClientResponseError",
    "WSServerHandshakeError": "ClientResponseError",
    "ClientHttpProxyError": "ClientResponseError",
    "ClientConnectionError": "ClientError",
    "ClientOSError": "ClientConnectionError",
    "ClientConnectorError": "ClientOSError",
    "ClientSSLError": "ClientConnectorError",
    "ClientConnectorCertificateError": "ClientSSLError",
    "ClientConnectorSSLError": "ClientSSLError",
    "ClientProxyConnectionError": "ClientConnectorError",
    "ServerConnectionError": "ClientConnectionError",
    "ServerDisconnectedError": "ServerConnectionError",
    "ServerTimeoutError": "ServerConnectionError",
    "ServerFingerprintMismatch": "ServerConnectionError",
    "ClientPayloadError": "ClientError",
    "InvalidURL": "ClientError",
}


def test_e_34_the_diagram_of_the_documents_holds():
    for name, parent in DIAGRAM.items():
        kin(name, parent)


async def test_e_35_what_is_no_http_says_which_rule_it_breaks(scripted):
    """Differs: aiohttp's parser has errors of its own; here they are the core's, with rule, RFC and byte."""

    async def talk(peer, script):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nX Y: 1\r\n\r\n")

    async with scripted(talk) as script, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientResponseError) as caught:
            await session.get(script.url)
    cause = caught.value.__cause__
    assert isinstance(cause, RemoteProtocolError)
    assert cause.rule
    assert cause.section.startswith("RFC ")
    assert cause.offset == 17
    assert importlib.import_module("drywire.http_exceptions").LineTooLong.__name__ == "LineTooLong"


async def test_e_36_eof_stream_is_raised_at_the_end_of_a_queue():
    kin("EofStream", Exception, apart=(drywire.ClientError, EOFError))
    queue = drywire.DataQueue(None)
    queue.feed_eof()
    with pytest.raises(drywire.EofStream):
        await queue.read()


def test_e_37_lookup_error_is_raised_of_what_is_no_body():
    """Differs: it is a child of the builtin that it shadows, so a program that means either one catches it."""
    error = importlib.import_module("drywire.payload").LookupError
    assert error is not builtins.LookupError
    assert issubclass(error, builtins.LookupError)
    with pytest.raises(error):
        drywire.get_payload(object())


@pytest.mark.parametrize(
    ("header", "warning", "result"),
    [
        (";;", "BadContentDispositionHeader", (None, {})),
        ('attachment; filename="a', "BadContentDispositionHeader", (None, {})),
        ("attachment; a=b; filename*=UTF-8''%ff", "BadContentDispositionParam", ("attachment", {"a": "b"})),
    ],
)
def test_e_43_a_malformed_content_disposition_is_a_warning(header, warning, result):
    kin(warning, RuntimeWarning)
    with pytest.warns(getattr(drywire, warning)):
        assert drywire.parse_content_disposition(header) == result


def test_e_43_a_content_disposition_that_is_well_formed_warns_of_nothing():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert drywire.parse_content_disposition('form-data; name="a"') == ("form-data", {"name": "a"})
    assert caught == []


async def test_e_44_too_many_members_of_a_gzip_file_are_a_payload_error(scripted):
    """Differs: `TooManyMembersError` is internal to aiohttp; here the cause is a ValueError that names the limit."""
    coded = gzip.compress(b"") * 3000
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(coded)
    async with scripted(saying(head + coded)) as script:
        with pytest.raises(drywire.ClientPayloadError) as caught:
            await fetch(script.url)
        assert isinstance(caught.value.__cause__, ValueError)
        assert "Limits.coding_members" in str(caught.value.__cause__)
