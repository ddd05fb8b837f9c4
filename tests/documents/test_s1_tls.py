"""The examples of seed-001 on TLS. The document's MD5 digests are refused: anybody can forge one."""

import hashlib
import ssl

import pytest


async def test_s1_29_no_verification(play, internet, server_tls):
    with internet.secured(server_tls) as url:
        played = await play(
            """
            conn = aiohttp.TCPConnector(verify_ssl=False)
            session = aiohttp.ClientSession(connector=conn)
            r = await session.get('https://example.com')
            """,
            at=url,
            deprecated="verify_ssl",
        )
    assert played["r"].status == 200


async def test_s1_30_own_authorities(play, internet, server_tls, ca_bundle):
    with internet.secured(server_tls) as url:
        played = await play(
            """
            sslcontext = ssl.create_default_context(
                cafile='/path/to/ca-bundle.crt')
            conn = aiohttp.TCPConnector(ssl_context=sslcontext)
            session = aiohttp.ClientSession(connector=conn)
            r = await session.get('https://example.com')
            """,
            ssl=ssl,
            at=url,
            shortened=[("/path/to/ca-bundle.crt", str(ca_bundle))],
            deprecated="ssl_context",
        )
    assert played["r"].status == 200


PINNED = r"""
    from drywire import FingerprintMismatch

    bad_md5 = b'\xa2\x06G\xad\xaa\xf5\xd8\\J\x99^by;\x06='
    conn = aiohttp.TCPConnector(fingerprint=bad_md5)
    session = aiohttp.ClientSession(connector=conn)
    exc = None
    try:
        r = await session.get('https://www.python.org')
    except FingerprintMismatch as e:
        exc = e
    assert exc is not None
    assert exc.expected == bad_md5

    # www.python.org cert's actual md5
    assert exc.got == b'\xca;I\x9cuv\x8es\x138N$?\x15\xca\xcb'
"""


async def test_s1_31_fingerprint(play, internet, server_tls):
    # Slips: `yield from` in place of await, and a name that is not imported.
    with internet.secured(server_tls) as url:
        with pytest.raises(ValueError, match="SHA-256"):
            await play(PINNED, at=url, deprecated="fingerprint")
        certificate = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("localhost", int(url.rpartition(":")[2]))))
        actual = hashlib.sha256(certificate).digest()
        bad = repr(bytes(32))
        shortened = [
            (r"b'\xa2\x06G\xad\xaa\xf5\xd8\\J\x99^by;\x06='", bad),
            (r"b'\xca;I\x9cuv\x8es\x138N$?\x15\xca\xcb'", repr(actual)),
        ]
        await play(PINNED, at=url, deprecated="fingerprint", shortened=shortened)


async def test_s1_32_unhexlify(play):
    await play(
        r"""
        md5_hex = 'ca3b499c75768e7313384e243f15cacb'
        from binascii import unhexlify
        assert unhexlify(md5_hex) == b'\xca;I\x9cuv\x8es\x138N$?\x15\xca\xcb'
        """
    )
