"""TLS settings for clients."""

import ssl

from drywire_transports import client_context, unverified_context


def test_the_context_of_clients_verifies_and_is_made_once():
    context = client_context()
    assert context is client_context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_the_unverified_context_is_another_one():
    context = unverified_context()
    assert context is unverified_context()
    assert context is not client_context()
    assert not context.check_hostname
    assert context.verify_mode is ssl.CERT_NONE


def test_the_unverified_context_needs_no_authorities_and_offers_http_1_1_like_the_other(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    context = unverified_context.__wrapped__()
    assert context.cert_store_stats()["x509"] == 0
    assert context.keylog_filename == str(tmp_path / "keys")
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
