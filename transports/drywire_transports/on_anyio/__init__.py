"""trio, and `ByteStream` over any anyio stream.

`AnyioStream` needs anyio only; what needs trio is in `runtime`, `listener` and `socket_stream`, imported on first use.
"""

from .stream import AnyioStream

__all__ = ["AnyioStream"]
