"""`AbstractStreamWriter`: what a body is written to, for programs that make one of their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

__all__ = ["AbstractStreamWriter"]


class AbstractStreamWriter(ABC):
    """Takes a message: its head, then its body piece by piece."""

    buffer_size: int = 0
    """Bytes of the body that wait to be sent."""
    output_size: int = 0
    """Bytes that were sent so far."""
    length: int | None = 0
    """Bytes of the body that are to come; None where that is not known."""

    @abstractmethod
    async def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Take a piece of the body; return when there is room for the next."""

    @abstractmethod
    async def write_eof(self, chunk: bytes = b"") -> None:
        """Take the last piece, and end the body."""

    @abstractmethod
    async def drain(self) -> None:
        """Wait for room."""

    @abstractmethod
    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None:
        """Code the body from here on."""

    @abstractmethod
    def enable_chunking(self) -> None:
        """Send the body in the chunked coding."""

    @abstractmethod
    async def write_headers(self, status_line: str, headers: Mapping[str, str]) -> None:
        """Take the head."""
