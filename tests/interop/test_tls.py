"""Our client's TLS against nginx: one process for the whole file, each kind of server on a port of its own."""

import contextlib
import datetime
import hashlib
import shutil
import socket
import ssl
import subprocess
import time

import pytest
import trustme

import drywire
from drywire_transports import current_runtime

from ..ports import free_ports

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed here")

HOSTS = ("localhost", "127.0.0.1", "::1")
SAYS = 'return 200 "$ssl_session_reused $ssl_protocol $ssl_server_name $connection_requests";'
SERVERS = {
    "tls12": ("localhost", "ssl_protocols TLSv1.2;"),
    "tls13": ("localhost", "ssl_protocols TLSv1.3;"),
    "ids12": ("localhost", "ssl_protocols TLSv1.2; ssl_session_tickets off; ssl_session_cache shared:ids:1m;"),
    "stateful13": ("localhost", "ssl_protocols TLSv1.3; ssl_session_tickets off; ssl_session_cache shared:st:1m;"),
    "fresh12": ("localhost", "ssl_protocols TLSv1.2; ssl_session_tickets off; ssl_session_cache off;"),
    "asks": ("localhost", "ssl_protocols TLSv1.2; ssl_verify_client on; ssl_client_certificate ca.pem;"),
    "asks13": ("localhost", "ssl_protocols TLSv1.3; ssl_verify_client on; ssl_client_certificate ca.pem;"),
    "expired": ("expired", ""),
    "early": ("early", ""),
    "self": ("self", ""),
    "stranger": ("stranger", ""),
    "other": ("other", ""),
}


def issue_all(ca, folder):
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    (folder / "self.pem").write_bytes(ca.private_key_pem.bytes() + ca.cert_pem.bytes())
    for name, certificate in {
        "localhost": ca.issue_cert(*HOSTS),
        "expired": ca.issue_cert(*HOSTS, not_before=now - 2 * day, not_after=now - day),
        "early": ca.issue_cert(*HOSTS, not_before=now + day, not_after=now + 2 * day),
        "stranger": trustme.CA().issue_cert(*HOSTS),
        "other": ca.issue_cert("other.example", "192.0.2.1"),
        "one": ca.issue_cert("one.example"),
        "two": ca.issue_cert("two.example"),
    }.items():
        certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / f"{name}.pem"))


def server_block(listen, certificate, settings, name=""):
    return (
        f"server {{ listen {listen}; server_name {name or '_'}; ssl_certificate {certificate}.pem; "
        f"ssl_certificate_key {certificate}.pem; {settings} location / {{ {SAYS} }} }}"
    )


@pytest.fixture(scope="module")
def ports(ca, tmp_path_factory):
    """The ports of nginx by what listens there."""
    folder = tmp_path_factory.mktemp("nginx")
    issue_all(ca, folder)
    known = dict(zip([*SERVERS, "sni", "plain"], free_ports(len(SERVERS) + 2), strict=True))
    blocks = [server_block(f"127.0.0.1:{known[name]} ssl", *SERVERS[name]) for name in SERVERS]
    blocks.append(server_block(f"[::1]:{known['tls13']} ssl", *SERVERS["tls13"]))
    blocks += [server_block(f"127.0.0.1:{known['sni']} ssl", name, "", f"{name}.example") for name in ("one", "two")]
    blocks.append(f"server {{ listen 127.0.0.1:{known['plain']}; location / {{ return 200 plain; }} }}")
    temporary = " ".join(
        f"{kind}_temp_path {folder}/t;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;"
        f"events {{ worker_connections 256; }} http {{ access_log off; {temporary} {' '.join(blocks)} }}"
    )
    child = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        await_listening(child, known["plain"], folder)
        yield known
    finally:
        child.terminate()
        child.wait()


def await_listening(child, port, folder):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        assert child.poll() is None, (folder / "error.log").read_text()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.01)
    raise AssertionError("nginx did not begin to listen")


async def said(session, url, **options):
    async with session.get(url, **options) as response:
        assert response.status == 200
        return (await response.text()).split()


def trusting(ca):
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


@pytest.mark.parametrize(
    ("server", "protocol", "reused"),
    [
        ("tls12", "TLSv1.2", "r"),
        ("tls13", "TLSv1.3", "r"),
        ("ids12", "TLSv1.2", "r"),
        ("stateful13", "TLSv1.3", "r"),
        ("fresh12", "TLSv1.2", "."),
    ],
)
async def test_new_connections_resume_the_session_of_the_one_before(ports, client_tls, server, protocol, reused):
    url = f"https://localhost:{ports[server]}/"
    connector = drywire.TCPConnector(ssl=client_tls, force_close=True)
    async with drywire.ClientSession(connector=connector) as session:
        told = [await said(session, url) for _ in range(4)]
    assert [one[:3] for one in told] == [[".", protocol, "localhost"]] + [[reused, protocol, "localhost"]] * 3


async def test_a_kept_connection_serves_on_and_shakes_hands_once(ports, client_tls):
    async with drywire.ClientSession(connector=drywire.TCPConnector(ssl=client_tls)) as session:
        told = [await said(session, f"https://127.0.0.1:{ports['tls13']}/") for _ in range(3)]
    assert [one[-1] for one in told] == ["1", "2", "3"]


async def test_sessions_are_resumed_by_nobody_else(ports, ca, client_tls):
    url = f"https://localhost:{ports['tls12']}/"
    other = trusting(ca)
    connector = drywire.TCPConnector(ssl=client_tls, force_close=True)
    async with drywire.ClientSession(connector=connector) as session:
        assert [(await said(session, url))[0] for _ in range(2)] == [".", "r"]
        first = [
            await said(session, url, ssl=other),
            await said(session, url, ssl=False),
            await said(session, url, server_hostname="localhost"),
            await said(session, f"https://127.0.0.1:{ports['tls12']}/"),
        ]
        assert [one[0] for one in first] == ["."] * 4
        other.verify_mode, other.check_hostname = ssl.CERT_REQUIRED, False
        assert (await said(session, url, ssl=other))[0] == "."  # the settings are others, though the context is not
        assert (await said(session, url))[0] == "r"
    async with drywire.ClientSession(connector=drywire.TCPConnector(ssl=client_tls)) as session:
        assert (await said(session, url))[0] == "."


async def test_a_pinned_server_shows_its_certificate_each_time(ports, client_tls):
    url = f"https://localhost:{ports['tls12']}/"
    pem = await current_runtime().in_thread(ssl.get_server_certificate, ("127.0.0.1", ports["tls12"]))
    pin = drywire.Fingerprint(hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest())
    connector = drywire.TCPConnector(ssl=pin, force_close=True)
    async with drywire.ClientSession(connector=connector) as session:
        assert [(await said(session, url))[0] for _ in range(2)] == [".", "."]


@pytest.mark.parametrize("server", ["asks", "asks13"])
async def test_a_client_certificate_is_shown_where_the_context_has_one(ports, ca, server):
    url = f"https://localhost:{ports[server]}/"
    known = trusting(ca)
    ca.issue_cert("client.example").configure_cert(known)
    async with drywire.ClientSession(connector=drywire.TCPConnector(force_close=True)) as session:
        assert [(await said(session, url, ssl=known))[0] for _ in range(2)] == [".", "r"]
        async with session.get(url, ssl=trusting(ca)) as response:
            assert response.status == 400
            assert "No required SSL certificate was sent" in await response.text()


async def test_the_name_asked_for_chooses_the_certificate(ports, client_tls):
    url = f"https://127.0.0.1:{ports['sni']}/"
    async with drywire.ClientSession(connector=drywire.TCPConnector(ssl=client_tls)) as session:
        for name in ("one.example", "two.example"):
            assert (await said(session, url, server_hostname=name))[2:] == [name, "1"]
        with pytest.raises(drywire.ClientConnectorCertificateError, match=r"three\.example.* it is for one\.example"):
            await session.get(url, server_hostname="three.example")


async def test_names_are_asked_for_without_their_dot_and_addresses_not_at_all(ports, client_tls):
    port = ports["tls13"]
    async with drywire.ClientSession(connector=drywire.TCPConnector(ssl=client_tls)) as session:
        assert (await said(session, f"https://localhost.:{port}/"))[2] == "localhost"
        assert len(await said(session, f"https://127.0.0.1:{port}/")) == 3
        assert len(await said(session, f"https://[::1]:{port}/")) == 3


REFUSED = [
    ("expired", 10, "its time was over at .* GMT: the server needs a new one"),
    ("early", 9, "it is valid from .* GMT on: is the clock here right"),
    ("self", 18, "it is signed by itself, which is not trusted here: give ssl=SSLContext"),
    ("stranger", 20, "it is issued by 'trustme .*', which is not trusted here: give ssl=SSLContext"),
    ("other", 62, r"it is for other\.example, 192\.0\.2\.1: .*server_hostname"),
]


@pytest.mark.parametrize(("server", "code", "advice"), REFUSED)
async def test_a_certificate_that_does_not_hold_is_refused_and_the_error_says_why(ports, ca, server, code, advice):
    context = ssl.create_default_context() if server == "self" else trusting(ca)
    url = f"https://localhost:{ports[server]}/"
    async with drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientConnectorCertificateError, match=advice) as caught:
            await session.get(url, ssl=context)
        error = caught.value
        assert isinstance(error, ssl.CertificateError)
        assert error.certificate_error.verify_code == code
        assert (error.host, error.port, error.phase) == ("localhost", ports[server], "tls")
        assert "ssl=False" not in error.advice or "for tests" in error.advice
        assert (await said(session, url, ssl=False))[2:] == ["localhost", "1"]


async def test_an_address_that_the_certificate_does_not_have_is_refused(ports, client_tls):
    async with drywire.ClientSession(connector=drywire.TCPConnector(ssl=client_tls)) as session:
        with pytest.raises(drywire.ClientConnectorCertificateError, match=r"127\.0\.0\.1.*it is for other\.example"):
            await session.get(f"https://127.0.0.1:{ports['other']}/")


async def test_what_is_no_tls_and_no_common_version_are_told_apart(ports, client_tls, ca):
    async with drywire.ClientSession(connector=drywire.TCPConnector(ssl=client_tls)) as session:
        with pytest.raises(drywire.ClientConnectorSSLError, match="does not speak TLS: is it the right port") as caught:
            await session.get(f"https://localhost:{ports['plain']}/")
        assert isinstance(caught.value, ssl.SSLError)
        assert not isinstance(caught.value, ssl.CertificateError)
        old = trusting(ca)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(drywire.ClientConnectorSSLError, match="no version of TLS that both sides allow"):
            await session.get(f"https://localhost:{ports['tls13']}/", ssl=old)
        async with session.get(f"http://localhost:{ports['tls13']}/") as response:
            assert response.status == 400
