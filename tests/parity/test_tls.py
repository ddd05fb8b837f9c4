"""Rows L-01 to L-18: TLS and pinned certificates."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import binascii
import hashlib
import shutil
import ssl
import subprocess
import warnings

import pytest

import drywire
from drywire_transports import current_runtime

from ..client.conftest import OK, answering, eventually, scripted  # noqa: F401
from ..client.forwarding import forward


def pin_of(certificate):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).digest()


async def pin_at(port):
    return pin_of(await current_runtime().in_thread(ssl.get_server_certificate, ("127.0.0.1", port)))


async def get(session, url, **options):
    async with session.get(url, **options) as response:
        return await response.read()


def a_session(**options):
    return drywire.ClientSession(connector=drywire.TCPConnector(**options))


async def test_l_01_certificates_are_verified_unless_told_otherwise(scripted, answering, server_tls):
    async with scripted(answering(), server_tls) as script, drywire.ClientSession() as session:
        for explicit in ({}, {"ssl": True}, {"ssl": None}):
            with pytest.raises(drywire.ClientConnectorCertificateError):
                await session.get(script.url, **explicit)


async def test_l_02_ssl_false_believes_any_certificate_and_any_name(scripted, answering, server_tls):
    async with scripted(answering(), server_tls) as script:
        async with drywire.ClientSession() as session:
            assert await get(session, script.url, ssl=False, server_hostname="other.example") == b"ok"
        async with a_session(ssl=False) as session:
            assert await get(session, script.url) == b"ok"


async def test_l_03_an_ssl_context_brings_authorities_and_the_clients_certificate(scripted, ca):
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    ca.configure_trust(server)
    ca.configure_trust(client)
    server.verify_mode = ssl.CERT_REQUIRED
    ca.issue_cert("client.example").configure_cert(client)
    seen = []

    async def talk(peer, script):
        seen.append(peer.stream.extra_info("peercert")["subjectAltName"])
        await peer.request()
        await peer.send(OK)

    async with scripted(talk, server) as script, drywire.ClientSession() as session:
        assert await get(session, script.url, ssl=client) == b"ok"
    assert seen == [(("DNS", "client.example"),)]


async def test_l_03_the_context_is_that_of_the_connection_to_an_https_proxy_too(
    scripted, answering, server_tls, client_tls
):
    async with scripted(answering(), server_tls) as server, scripted(forward, server_tls) as proxy:
        async with drywire.ClientSession(proxy=proxy.url) as session:
            assert await get(session, server.url, ssl=client_tls) == b"ok"


async def test_l_04_a_fingerprint_is_enough_and_another_is_a_mismatch(scripted, answering, server_tls):
    async with scripted(answering(), server_tls) as script, drywire.ClientSession() as session:
        good = await pin_at(script.port)
        assert await get(session, script.url, ssl=drywire.Fingerprint(good)) == b"ok"
        assert drywire.Fingerprint(good).fingerprint == good
        wrong = bytes(32)
        with pytest.raises(drywire.ServerFingerprintMismatch) as caught:
            await session.get(script.url, ssl=drywire.Fingerprint(wrong))
        error = caught.value
        assert (error.expected, error.got, error.host, error.port) == (wrong, good, "127.0.0.1", script.port)
        assert "ServerFingerprintMismatch expected=" in repr(error)
        assert isinstance(error, drywire.ServerConnectionError)


@pytest.mark.parametrize("digest", [hashlib.md5(b"x").digest(), hashlib.sha1(b"x").digest()])
def test_l_05_digests_of_md5_and_sha1_are_refused(digest):
    with pytest.raises(ValueError, match=r"MD5 or SHA-1.*SHA-256 \(sha256\)"):
        drywire.Fingerprint(digest)


@pytest.mark.parametrize("digest", [b"", b"x", b"0" * 64, bytes(31), bytes(33)])
def test_l_06_digests_of_another_length_are_refused(digest):
    with pytest.raises(ValueError, match="fingerprint has invalid length"):
        drywire.Fingerprint(digest)


async def warned(session, url, **options):
    with pytest.warns(DeprecationWarning, match=f"{next(iter(options))} is deprecated: use ssl="):
        return await get(session, url, **options)


def warned_session(**options):
    with pytest.warns(DeprecationWarning, match=f"{next(iter(options))} is deprecated: use ssl="):
        return a_session(**options)


async def test_l_07_verify_ssl_is_deprecated_and_works(scripted, answering, server_tls):
    async with scripted(answering(), server_tls) as script:
        async with drywire.ClientSession() as session:
            assert await warned(session, script.url, verify_ssl=False) == b"ok"
        async with warned_session(verify_ssl=False) as session:
            assert await get(session, script.url) == b"ok"


async def test_l_08_ssl_context_is_deprecated_and_works(scripted, answering, server_tls, client_tls):
    async with scripted(answering(), server_tls) as script:
        async with drywire.ClientSession() as session:
            assert await warned(session, script.url, ssl_context=client_tls) == b"ok"
        async with warned_session(ssl_context=client_tls) as session:
            assert await get(session, script.url) == b"ok"


async def test_l_09_fingerprint_is_deprecated_and_works(scripted, answering, server_tls):
    async with scripted(answering(), server_tls) as script:
        pin = await pin_at(script.port)
        async with drywire.ClientSession() as session:
            assert await warned(session, script.url, fingerprint=pin) == b"ok"
        async with warned_session(fingerprint=bytes(32)) as session:
            with pytest.raises(drywire.ServerFingerprintMismatch):
                await session.get(script.url)
        with pytest.warns(DeprecationWarning, match="fingerprint"), pytest.raises(ValueError, match="sha256"):
            drywire.TCPConnector(fingerprint=bytes(20))


async def test_l_10_what_a_request_says_goes_before_what_its_connector_says(
    scripted, answering, server_tls, client_tls
):
    async with scripted(answering(), server_tls) as script:
        pin = drywire.Fingerprint(await pin_at(script.port))
        wrong, strict = drywire.Fingerprint(bytes(32)), ssl.create_default_context()
        for of_connector in (client_tls, pin, False):
            async with a_session(ssl=of_connector) as session:
                for silent in ({}, {"ssl": True}, {"ssl": None}):
                    assert await get(session, script.url, **silent) == b"ok"
                with pytest.raises(drywire.ServerFingerprintMismatch):
                    await session.get(script.url, ssl=wrong)
                with pytest.raises(drywire.ClientConnectorCertificateError):
                    await session.get(script.url, ssl=strict)
        for of_connector in (wrong, strict, True):
            async with a_session(ssl=of_connector) as session:
                for of_request in (client_tls, pin, False):
                    assert await get(session, script.url, ssl=of_request) == b"ok"
                with pytest.raises(drywire.ClientConnectionError):
                    await session.get(script.url)


def test_l_11_the_old_name_of_the_mismatch_is_the_same_error():
    """Differs: aiohttp has dropped the name, and its documents still use it."""
    assert drywire.FingerprintMismatch is drywire.ServerFingerprintMismatch
    assert issubclass(drywire.ServerFingerprintMismatch, drywire.ServerConnectionError)


async def without_tls(peer, script):
    await peer.stream.receive()
    await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def test_l_12_a_handshake_that_fails_is_an_ssl_error(scripted):
    async with scripted(without_tls) as script, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientConnectorSSLError) as caught:
            await session.get(script.url.replace("http:", "https:"))
    assert isinstance(caught.value, ssl.SSLError)
    assert (caught.value.host, caught.value.port) == ("127.0.0.1", script.port)


async def test_l_13_a_certificate_that_is_not_good_is_a_certificate_error(scripted, answering, server_tls):
    async with scripted(answering(), server_tls) as script, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientConnectorCertificateError) as caught:
            await session.get(script.url)
    error = caught.value
    for kind in (ssl.CertificateError, ssl.SSLError, OSError, ValueError):
        assert isinstance(error, kind)
    assert isinstance(error.certificate_error, ssl.SSLCertVerificationError)
    assert (error.host, error.port, error.ssl) == ("127.0.0.1", script.port, True)
    assert not isinstance(error, drywire.ClientConnectorSSLError)


async def test_l_14_one_class_catches_either(scripted, answering, server_tls):
    async with scripted(without_tls) as plain, scripted(answering(), server_tls) as secure:
        async with drywire.ClientSession() as session:
            for url in (plain.url.replace("http:", "https:"), secure.url):
                with pytest.raises(drywire.ClientSSLError):
                    await session.get(url)


async def test_l_15_a_certificate_for_another_host_is_refused(scripted, answering, ca, client_tls):
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("other.example").configure_cert(other)
    async with scripted(answering(), other) as script, a_session(ssl=client_tls) as session:
        for host in ("localhost", "127.0.0.1"):
            with pytest.raises(drywire.ClientConnectorCertificateError, match=r"it is for other\.example"):
                await session.get(f"https://{host}:{script.port}/")


def test_l_16_a_fingerprint_comes_from_a_certificates_file(ca, tmp_path):
    pem = ca.issue_cert("localhost").cert_chain_pems[0].bytes().decode()
    pin = pin_of(pem)
    text = binascii.hexlify(pin).decode()
    assert drywire.Fingerprint(binascii.unhexlify(text)) == drywire.Fingerprint(pin)
    openssl = shutil.which("openssl")
    if openssl is not None:
        (tmp_path / "certificate.pem").write_text(pem)
        command = [openssl, "x509", "-in", str(tmp_path / "certificate.pem"), "-inform", "PEM", "-outform", "DER"]
        der = subprocess.run(command, capture_output=True, check=True, timeout=20).stdout
        assert hashlib.sha256(der).digest() == pin


async def test_l_17_server_hostname_is_the_name_asked_for_and_checked(scripted, ca, client_tls):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("real.example").configure_cert(server)
    names = []
    server.sni_callback = lambda _, name, context: names.append(name)
    heads = []

    async def talk(peer, script):
        heads.append(await peer.head())
        await peer.send(OK)

    async with scripted(talk, server) as script, a_session(ssl=client_tls) as session:
        assert await get(session, script.url, server_hostname="real.example") == b"ok"
        with pytest.raises(drywire.ClientConnectorCertificateError):
            await session.get(script.url)
    assert names == ["real.example", None]
    assert f"Host: 127.0.0.1:{script.port}\r\n".encode() in heads[0]


async def test_l_18_tls_inside_tls_warns_of_nothing(scripted, answering, server_tls, client_tls):
    async with scripted(answering(), server_tls) as server, scripted(forward, server_tls) as proxy:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            async with a_session(ssl=client_tls) as session:
                for _ in range(2):
                    assert await get(session, server.url, proxy=proxy.url) == b"ok"
        assert proxy.connections == 1
