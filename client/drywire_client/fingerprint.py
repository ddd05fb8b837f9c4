"""`Fingerprint`: a server known by its certificate."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from .errors import ServerFingerprintMismatch

__all__ = ["Fingerprint"]

_SIZE: Final = hashlib.sha256().digest_size


class Fingerprint:
    """The SHA-256 digest of the one certificate that is accepted, whoever has signed it.

    Give it as ``ssl=``. Raises ValueError for a digest of MD5 or SHA-1, which can be forged, or of another length.
    """

    def __init__(self, fingerprint: bytes) -> None:
        if len(fingerprint) in (16, 20):
            raise ValueError("a fingerprint of MD5 or SHA-1 can be forged: give that of SHA-256 (sha256)")
        if len(fingerprint) != _SIZE:
            raise ValueError(f"fingerprint has invalid length: {len(fingerprint)} bytes, not the {_SIZE} of SHA-256")
        self._fingerprint = bytes(fingerprint)

    @property
    def fingerprint(self) -> bytes:
        """The digest."""
        return self._fingerprint

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fingerprint) and hmac.compare_digest(self._fingerprint, other._fingerprint)

    def __hash__(self) -> int:
        return hash(self._fingerprint)

    def verify(self, certificate: bytes, host: str, port: int) -> None:
        """Raise ServerFingerprintMismatch unless `certificate` (DER) is the one."""
        got = hashlib.sha256(certificate).digest()
        if not hmac.compare_digest(got, self._fingerprint):
            raise ServerFingerprintMismatch(self._fingerprint, got, host, port)
