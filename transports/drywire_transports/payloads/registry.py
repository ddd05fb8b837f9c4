"""Which kind of payload a value makes."""

from __future__ import annotations

import builtins
import enum
import io
from collections.abc import AsyncIterable, Callable
from typing import Any, Final, TypeVar

from ..body_reader import StreamReader
from .files import BufferedReaderPayload, IOBasePayload, TextIOPayload
from .in_memory import BytesIOPayload, BytesPayload, StringIOPayload, StringPayload
from .payload import Payload
from .streams import AsyncIterablePayload, StreamReaderPayload

__all__ = [
    "PAYLOAD_REGISTRY",
    "LookupError",
    "Order",
    "PayloadRegistry",
    "get_payload",
    "payload_type",
    "register_payload",
]

Kind = TypeVar("Kind", bound=type[Payload])


class LookupError(builtins.LookupError):
    """No kind of payload is registered for the value."""


class Order(str, enum.Enum):  # noqa: UP042 - aiohttp's class
    """When a registered kind is tried."""

    normal = "normal"
    try_first = "try_first"
    try_last = "try_last"


class PayloadRegistry:
    """Kinds of payload by the types of the values that they are made from; the first that fits is taken."""

    def __init__(self) -> None:
        self._first: list[tuple[type[Payload], Any]] = []
        self._normal: list[tuple[type[Payload], Any]] = []
        self._last: list[tuple[type[Payload], Any]] = []
        self._exact: dict[type, type[Payload]] = {}

    def get(self, data: Any, *args: Any, **kwargs: Any) -> Payload:
        """Return the payload for `data`; a payload is its own. Raises LookupError where no kind fits."""
        kind = self._exact.get(type(data))
        if kind is None:
            if isinstance(data, Payload):
                return data
            kind = self._find(data)
        return kind(data, *args, **kwargs)

    def _find(self, data: Any) -> type[Payload]:
        for kinds in (self._first, self._normal, self._last):
            for kind, types in kinds:
                if isinstance(data, types):
                    self._exact[type(data)] = kind
                    return kind
        raise LookupError(f"no payload is registered for {type(data).__name__}")

    def register(self, factory: type[Payload], type: Any, *, order: Order = Order.normal) -> None:
        """Make `factory` the kind for values of `type` (a class or several in a tuple). Raises ValueError for order."""
        self._exact.clear()
        {Order.try_first: self._first, Order.normal: self._normal, Order.try_last: self._last}[Order(order)].append(
            (factory, type)
        )


PAYLOAD_REGISTRY: Final = PayloadRegistry()


def register_payload(factory: type[Payload], type: Any, *, order: Order = Order.normal) -> None:
    """Make `factory` the kind of payload for values of `type`."""
    PAYLOAD_REGISTRY.register(factory, type, order=order)


def payload_type(type: Any, *, order: Order = Order.normal) -> Callable[[Kind], Kind]:
    """Return a class decorator that makes a kind of payload the one for values of `type`."""

    def register(factory: Kind) -> Kind:
        register_payload(factory, type, order=order)
        return factory

    return register


def get_payload(data: Any, *args: Any, **kwargs: Any) -> Payload:
    """Return the payload for `data`. Raises LookupError where no kind fits."""
    return PAYLOAD_REGISTRY.get(data, *args, **kwargs)


for _factory, _types in (
    (BytesPayload, (bytes, bytearray, memoryview)),
    (StringPayload, str),
    (StringIOPayload, io.StringIO),
    (BytesIOPayload, io.BytesIO),
    (BufferedReaderPayload, (io.BufferedReader, io.BufferedRandom)),
    (TextIOPayload, io.TextIOBase),
    (IOBasePayload, io.IOBase),
    (StreamReaderPayload, StreamReader),
):
    register_payload(_factory, _types)
# Last: a class of the user's own may be async iterable beside what it is registered for.
register_payload(AsyncIterablePayload, AsyncIterable, order=Order.try_last)
