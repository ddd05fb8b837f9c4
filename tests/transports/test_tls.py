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
