"""Basic authentication (RFC 7617)."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode

__all__ = ["decode_basic", "encode_basic"]


def encode_basic(login: str, password: str = "", encoding: str = "utf-8") -> str:
    """Return the Authorization field for `login` and `password`.

    Raises ValueError for a colon in the login, which would end it, and for a control character.
    """
    if ":" in login:
        raise ValueError('a ":" is not allowed in a login (RFC 7617, 2)')
    if any(ord(char) < 32 or ord(char) == 127 for char in login + password):
        raise ValueError("a login or password holds a control character (RFC 7617, 2)")
    return "Basic " + b64encode(f"{login}:{password}".encode(encoding)).decode("ascii")


def decode_basic(field: str, encoding: str = "utf-8") -> tuple[str, str]:
    """Return the login and password of an Authorization field. Raises ValueError where it holds none."""
    scheme, _, token = field.strip(" \t").partition(" ")
    if scheme.lower() != "basic":
        raise ValueError(f"authorization by {scheme[:30]!r}, not Basic")
    try:
        decoded = b64decode(token.strip(" ").encode("ascii"), validate=True).decode(encoding)
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("the credentials are not in base64, or not text") from error
    login, colon, password = decoded.partition(":")
    if not colon:
        raise ValueError("the credentials lack a colon")
    return login, password
