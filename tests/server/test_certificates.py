"""`ReloadingSSLContext`: new certificates without a restart, and the old ones where the new do not fit."""

import os
import signal
import ssl

import pytest
import trustme

import drywire
from drywire import web
from drywire_server.certificates import watch_certificates
from drywire_transports import current_runtime

from .programs import LOOPS, program  # noqa: F401 - a fixture

APP = os.path.join(os.path.dirname(__file__), "app_program.py")


def write(folder, certificate):
    """Put a certificate and its key where the server looks, each in one step."""
    for name, content in (
        ("cert.pem", b"".join(pem.bytes() for pem in certificate.cert_chain_pems)),
        ("key.pem", certificate.private_key_pem.bytes()),
    ):
        (folder / "new").write_bytes(content)
        os.replace(folder / "new", folder / name)


@pytest.fixture
def files(tmp_path, ca):
    write(tmp_path, ca.issue_cert("127.0.0.1", organization_name="first"))
    return tmp_path


def shown_by(port, ca):
    """Return the name in the certificate of the server."""
    import socket

    context = ssl.create_default_context()
    ca.configure_trust(context)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
            return dict(pair for (pair,) in secured.getpeercert()["subject"])["organizationName"]


async def shown(port, ca):
    return await current_runtime().in_thread(shown_by, port, ca)


async def until(condition):
    runtime = current_runtime()
    limit = runtime.now() + 10
    while not await condition():
        assert runtime.now() < limit
        await runtime.sleep_until(runtime.now() + 0.01)


async def test_new_files_are_seen_while_it_serves_and_broken_ones_left_alone(files, ca):
    runtime = current_runtime()
    context = web.ReloadingSSLContext.from_files(files / "cert.pem", files / "key.pem")
    context.check_every = 0.02
    app = web.Application()
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    stop = watch_certificates(context, runtime)
    assert await shown(site.port, ca) == "first"
    # The key of another certificate, as while files are being replaced.
    (files / "key.pem").write_bytes(trustme.CA().issue_cert("127.0.0.1").private_key_pem.bytes())
    with pytest.raises(ssl.SSLError):
        context.reload()
    assert await shown(site.port, ca) == "first"
    write(files, ca.issue_cert("127.0.0.1", organization_name="second"))

    async def is_second():
        return await shown(site.port, ca) == "second"

    await until(is_second)
    stop()
    client = ssl.create_default_context()
    ca.configure_trust(client)
    async with drywire.ClientSession(connector=drywire.TCPConnector(ssl=client)) as session:
        async with session.get(f"https://127.0.0.1:{site.port}/") as response:
            assert response.status == 404
    await runner.cleanup()


@pytest.mark.parametrize("workers", [None, 1])
@pytest.mark.parametrize("loop", LOOPS[1:])
def test_sighup_loads_them_again(program, files, ca, loop, workers):  # noqa: F811
    context = f"web.ReloadingSSLContext.from_files({str(files / 'cert.pem')!r}, {str(files / 'key.pem')!r})"
    server = program(APP, loop, f"ssl_context={context}", f"workers={workers}")
    assert shown_by(server.port, ca) == "first"
    write(files, ca.issue_cert("127.0.0.1", organization_name="second"))
    server.send(signal.SIGHUP)
    server.until(lambda: shown_by(server.port, ca) == "second")
    (files / "cert.pem").write_text("no certificate")
    server.send(signal.SIGHUP)
    server.until(lambda: any("so those from before stay" in line for line in server.err))
    assert shown_by(server.port, ca) == "second"
    assert server.end()[0] == 0


def test_a_context_without_files_is_left_alone(server_tls):
    assert watch_certificates(server_tls, None)() is None
    assert watch_certificates(None, None)() is None
    with pytest.raises(FileNotFoundError):
        web.ReloadingSSLContext.from_files("/nowhere.pem")
