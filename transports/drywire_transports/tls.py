"""TLS settings for connections to servers: the verifying context that everyone shares, and one that trusts anybody."""

from __future__ import annotations

import functools
import os
import ssl
import sys

__all__ = ["client_context", "unverified_context"]


@functools.cache
def client_context() -> ssl.SSLContext:
    """Return the context that checks certificates against the system's authorities and offers HTTP/1.1 by ALPN.

    It is made once, since loading the authorities takes some 10 ms, and shared: copy nothing into it.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


@functools.cache
def unverified_context() -> ssl.SSLContext:
    """Return a context that encrypts but believes any certificate: whoever is on the way can read and change all."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options |= ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    key_log = os.environ.get("SSLKEYLOGFILE")
    if key_log and not sys.flags.ignore_environment:  # as `ssl.create_default_context` does, for Wireshark
        context.keylog_filename = key_log
    return context
