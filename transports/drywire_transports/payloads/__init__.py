"""What a message's body may be made of: each kind knows its size and type, and writes itself.

Client requests and server responses are sent from these; `get_payload` finds the kind for a value, and `payload_type`
registers a kind of your own. The names and behaviour are aiohttp's.
"""

from .files import BufferedReaderPayload, IOBasePayload, TextIOPayload
from .in_memory import (
    BytesIOPayload,
    BytesPayload,
    JsonBytesPayload,
    JsonPayload,
    StringIOPayload,
    StringPayload,
)
from .payload import BodyWriter, Buffer, Payload
from .registry import PAYLOAD_REGISTRY, LookupError, Order, PayloadRegistry, get_payload, payload_type, register_payload
from .streams import AsyncIterablePayload, StreamReaderPayload

__all__ = [
    "PAYLOAD_REGISTRY",
    "AsyncIterablePayload",
    "BodyWriter",
    "Buffer",
    "BufferedReaderPayload",
    "BytesIOPayload",
    "BytesPayload",
    "IOBasePayload",
    "JsonBytesPayload",
    "JsonPayload",
    "LookupError",
    "Order",
    "Payload",
    "PayloadRegistry",
    "StreamReaderPayload",
    "StringIOPayload",
    "StringPayload",
    "TextIOPayload",
    "get_payload",
    "payload_type",
    "register_payload",
]
