"""Requests through proxies of others: tinyproxy, stunnel before it, microsocks, Dante, ssh (for SOCKS 4a), Squid."""

import contextlib
import getpass
import hashlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from yarl import URL

import drywire
from drywire import web

from ..ports import free_port
from ..websocketing import echo

BIG = bytes(range(256)) * 1024  # 256 KiB
LOGIN = ("user", "word")


def program(*names):
    """Return where the program is that has the first of `names` that there is, None for none."""
    return next(
        filter(None, (shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/bin") for name in names)), None
    )


TINYPROXY, STUNNEL = program("tinyproxy"), program("stunnel4", "stunnel")
SSH, SSHD = program("ssh"), program("sshd")
MICROSOCKS, DANTE = program("microsocks"), program("danted", "sockd")


SQUID, SQUID_DIGEST = program("squid"), Path("/usr/lib/squid/digest_file_auth")


def needs(path, name):
    return pytest.mark.skipif(path is None, reason=f"{name} is not installed here")


TLS_PROXY = [needs(TINYPROXY, "tinyproxy"), needs(STUNNEL, "stunnel")]
KINDS = [
    pytest.param("http", marks=needs(TINYPROXY, "tinyproxy")),
    pytest.param("https", marks=TLS_PROXY),
    pytest.param("socks5", marks=needs(MICROSOCKS, "microsocks")),
    pytest.param("socks5h", marks=needs(MICROSOCKS, "microsocks")),
    pytest.param("socks4", marks=needs(DANTE, "Dante")),
    pytest.param("socks4a", marks=[needs(SSH, "ssh"), needs(SSHD, "sshd")]),
]


class Proxies:
    """Proxies that are started when they are first asked for, and ended with the tests."""

    def __init__(self, folder, ca):
        self.folder, self.ca = folder, ca
        self._children = []
        self._folders = []
        self._ports = {}

    def url(self, kind, login=False, host="127.0.0.1"):
        """Return the URL of the proxy of `kind`, with a login in it if one is to be needed."""
        family = "socks5" if kind == "socks5h" else kind
        port = self._ports.get((family, login))
        if port is None:
            port = self._ports[family, login] = getattr(self, f"_start_{family}")(login)
        url = URL.build(scheme=kind, host=host, port=port)
        return url.with_user(LOGIN[0]).with_password(LOGIN[1]) if login else url

    def _start_http(self, login):
        port = free_port()
        lines = ["Listen 127.0.0.1", "Listen ::1", f"Port {port}", "Timeout 30", "Allow 127.0.0.1", "Allow ::1"]
        lines += [f'LogFile "{self.folder}/tinyproxy{port}.log"', "MaxClients 20", "StartServers 1"]
        lines += [f"BasicAuth {LOGIN[0]} {LOGIN[1]}"] if login else []
        conf = self._file(f"tinyproxy{port}", lines)
        return self._run(port, TINYPROXY, "-d", "-c", conf)

    def _start_https(self, login):
        below, port = self.url("http", login).port, free_port()
        certificate = self.folder / f"proxy{port}.pem"
        made = self.ca.issue_cert("localhost", "127.0.0.1", "::1")
        certificate.write_bytes(made.private_key_and_cert_chain_pem.bytes())
        lines = ["foreground = yes", "pid =", "debug = 0", f"cert = {certificate}"]
        for host in ("127.0.0.1", "::1"):
            lines += [f"[proxy {host}]", f"accept = {host}:{port}", f"connect = 127.0.0.1:{below}"]
        return self._run(port, STUNNEL, self._file(f"stunnel{port}", lines))

    def _start_socks5(self, login):
        port = free_port()
        logins = ["-u", LOGIN[0], "-P", LOGIN[1]] if login else []
        return self._run(port, MICROSOCKS, "-i", "::", "-p", str(port), *logins)

    def _start_socks4(self, login):
        port, user = free_port(), getpass.getuser()
        lines = [f"logoutput: {self.folder}/dante.log", f"internal: 127.0.0.1 port = {port}"]
        lines += [f"internal: ::1 port = {port}", "external: lo", "socksmethod: none", "clientmethod: none"]
        lines += [f"user.privileged: {user}", f"user.unprivileged: {user}"]
        lines += [f"client pass {{ from: {net} to: {net} }}" for net in ("0/0", "::/0")]
        lines += [f"socks pass {{ from: {net} to: {net} protocol: tcp }}" for net in ("0/0", "::/0")]
        return self._run(port, DANTE, "-N", "1", "-f", self._file("dante", lines), "-p", f"{self.folder}/dante.pid")

    def _start_socks4a(self, login):
        """Start what serves this machine's users as a SOCKS proxy of any kind: a session of ssh with it."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        below, port, at = free_port(), free_port(), self.folder
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", at / name], check=True)
        lines = [
            f"Port {below}",
            "ListenAddress 127.0.0.1",
            f"HostKey {at}/host",
            "PermitRootLogin yes",
            "PidFile none",
        ]
        lines += [f"AuthorizedKeysFile {at}/user.pub", "UsePAM no", "StrictModes no", "PasswordAuthentication no"]
        self._run(below, SSHD, "-D", "-e", "-f", self._file("sshd", lines))
        options = ["StrictHostKeyChecking=no", f"UserKnownHostsFile={at}/known", "IdentitiesOnly=yes"]
        options += ["ExitOnForwardFailure=yes", "BatchMode=yes"]
        options = [part for option in options for part in ("-o", option)]
        listen = [part for host in ("127.0.0.1", "[::1]") for part in ("-D", f"{host}:{port}")]
        login = ("-p", str(below), f"{getpass.getuser()}@127.0.0.1")
        return self._run(port, SSH, "-F", "none", "-N", "-i", at / "user", *options, *listen, *login)

    def _start_digest(self, login):
        """Start Squid, which leaves root's rights behind, and so needs a folder that others can read."""
        port, folder = free_port(), Path(tempfile.mkdtemp())
        self._folders.append(folder)
        folder.chmod(0o755)
        answer = hashlib.md5(f"{LOGIN[0]}:proxy:{LOGIN[1]}".encode(), usedforsecurity=False).hexdigest()
        (folder / "passwords").write_text(f"{LOGIN[0]}:proxy:{answer}\n")
        lines = [f"http_port 127.0.0.1:{port}", f"auth_param digest program {SQUID_DIGEST} -c {folder}/passwords"]
        lines += ["auth_param digest children 1", "auth_param digest realm proxy", "acl known proxy_auth REQUIRED"]
        lines += ["http_access allow known", "http_access deny all", "cache deny all", "cache_mem 1 MB"]
        lines += ["pid_filename none", "access_log none", "cache_log /dev/null", "netdb_filename none"]
        (folder / "squid.conf").write_text("\n".join((*lines, f"coredump_dir {folder}", "")))
        return self._run(port, SQUID, "-N", "-f", folder / "squid.conf")

    def _file(self, name, lines):
        path = self.folder / f"{name}.conf"
        path.write_text("\n".join((*lines, "")))
        return str(path)

    def _run(self, port, *command):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self._children.append(child)
        for _ in range(500):
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return port
            assert child.poll() is None, f"{command[0]} has ended: {child.returncode}"
            time.sleep(0.01)
        raise AssertionError(f"{command[0]} does not listen")

    def end(self):
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                # Squid takes its time to go
                os.killpg(child.pid, signal.SIGKILL if child.args[0] == SQUID else signal.SIGTERM)
        for child in self._children:
            child.wait()
        for folder in self._folders:
            shutil.rmtree(folder)


@pytest.fixture(scope="session")
def proxies(tmp_path_factory, ca):
    running = Proxies(tmp_path_factory.mktemp("proxies"), ca)
    yield running
    running.end()


@pytest.fixture
def target(server_tls):
    """``async with target() as ports``: the ports of a server without and with TLS, on both loopback addresses."""

    async def give(request):
        return web.Response(body=await request.read())

    @contextlib.asynccontextmanager
    async def serve():
        app = web.Application(client_max_size=0)
        app.add_routes([web.get("/", echo), web.put("/give", give)])
        runner = web.AppRunner(app, shutdown_timeout=2)
        await runner.setup()
        ports = {"http": free_port(), "https": free_port()}
        try:
            for scheme, port in ports.items():
                for host in ("127.0.0.1", "::1"):
                    tls = server_tls if scheme == "https" else None
                    await web.TCPSite(runner, host, port, ssl_context=tls).start()
            yield ports
        finally:
            await runner.cleanup()

    return serve


async def check(session, url, data):
    """Ask the server at `url` for what HTTP and WebSockets give."""
    async with session.put(url / "give", data=data) as response:
        assert await response.read() == data
    async with session.ws_connect(url) as ws:
        await ws.send_bytes(data)
        assert await ws.receive_bytes() == data


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_target_is_reached_through_every_kind_of_proxy(proxies, target, client_tls, kind):
    old = kind in ("socks4", "socks4a")  # which know no IPv6, and no passwords
    async with target() as ports:
        for login, hosts in ((False, ("localhost", "127.0.0.1", "::1")), (True, ("localhost",))):
            if old and login:
                continue
            connector = drywire.TCPConnector(ssl=client_tls)
            async with drywire.ClientSession(proxy=proxies.url(kind, login), connector=connector) as session:
                for scheme, host in itertools.product(ports, hosts):
                    if not (old and host == "::1"):
                        url = URL.build(scheme=scheme, host=host, port=ports[scheme])
                        await check(session, url, b"small" if login or host != "localhost" else BIG)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_real_proxy_refuses_is_told(proxies, client_tls, kind):
    """The proxy is reached by IPv6 here."""
    closed = free_port()
    url = URL.build(scheme="https", host="127.0.0.1", port=closed)
    async with drywire.ClientSession(connector=drywire.TCPConnector(ssl=client_tls)) as session:
        with pytest.raises((drywire.ClientProxyConnectionError, drywire.ClientHttpProxyError)) as caught:
            await session.get(url, proxy=proxies.url(kind, host="::1"))
        assert (caught.value.phase, caught.value.safe_to_retry) == ("proxy", True)
        assert f"[::1]:{proxies.url(kind).port}" in str(caught.value)
        assert str(closed) in str(caught.value)
        if kind in ("socks4", "socks4a"):
            return
        for login in ("", "user:geheim@"):
            proxy = str(proxies.url(kind, login=True)).replace("user:word@", login)
            with pytest.raises((drywire.ClientProxyConnectionError, drywire.ClientHttpProxyError)) as caught:
                await session.get(url, proxy=proxy)
            assert "geheim" not in str(caught.value) + repr(caught.value)
            if isinstance(caught.value, drywire.ClientHttpProxyError):
                assert caught.value.status in (401, 407)
            else:
                assert "login" in str(caught.value) or "name and password" in str(caught.value)


@pytest.mark.skipif(SQUID is None or not SQUID_DIGEST.exists(), reason="Squid is not installed here")
async def test_squid_takes_logins_by_digest(proxies, target, client_tls):
    proxy = proxies.url("digest").with_scheme("http")
    middleware = drywire.ProxyDigestAuthMiddleware(*LOGIN)
    connector = drywire.TCPConnector(ssl=client_tls)
    async with (
        target() as ports,
        drywire.ClientSession(proxy=proxy, middlewares=(middleware,), connector=connector) as session,
    ):
        for scheme, port in ports.items():
            for _ in range(3):
                async with session.put(f"{scheme}://127.0.0.1:{port}/give", data=b"data") as response:
                    assert (response.status, await response.read()) == (200, b"data")
        async with session.put(f"http://127.0.0.1:{port}/give", proxy=proxy, middlewares=()) as response:
            assert response.status == 407
