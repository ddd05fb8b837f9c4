"""Tracing: signals for what happens on the way of a request, with aiohttp's names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from aiosignal import Signal
from multidict import CIMultiDict
from yarl import URL

__all__ = [
    "Trace",
    "TraceConfig",
    "TraceConnectionCreateEndParams",
    "TraceConnectionCreateStartParams",
    "TraceConnectionQueuedEndParams",
    "TraceConnectionQueuedStartParams",
    "TraceConnectionReuseconnParams",
    "TraceDnsCacheHitParams",
    "TraceDnsCacheMissParams",
    "TraceDnsResolveHostEndParams",
    "TraceDnsResolveHostStartParams",
    "TraceRequestChunkSentParams",
    "TraceRequestEndParams",
    "TraceRequestExceptionParams",
    "TraceRequestHeadersSentParams",
    "TraceRequestRedirectParams",
    "TraceRequestStartParams",
    "TraceResponseChunkReceivedParams",
    "emit",
]


@dataclass(frozen=True, slots=True)
class TraceRequestStartParams:
    """A request begins."""

    method: str
    url: URL
    headers: CIMultiDict[str]


@dataclass(frozen=True, slots=True)
class TraceRequestChunkSentParams:
    """A piece of a request's body was sent."""

    method: str
    url: URL
    chunk: bytes


@dataclass(frozen=True, slots=True)
class TraceRequestHeadersSentParams:
    """A request's head was sent."""

    method: str
    url: URL
    headers: CIMultiDict[str]


@dataclass(frozen=True, slots=True)
class TraceResponseChunkReceivedParams:
    """A response's body was read."""

    method: str
    url: URL
    chunk: bytes


@dataclass(frozen=True, slots=True)
class TraceRequestEndParams:
    """The final response's head is there."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    response: Any  # a ClientResponse


@dataclass(frozen=True, slots=True)
class TraceRequestExceptionParams:
    """A request failed."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    exception: BaseException


@dataclass(frozen=True, slots=True)
class TraceRequestRedirectParams:
    """A redirect is followed."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    response: Any  # a ClientResponse


@dataclass(frozen=True, slots=True)
class TraceConnectionQueuedStartParams:
    """A request waits for a place in the pool."""


@dataclass(frozen=True, slots=True)
class TraceConnectionQueuedEndParams:
    """It has one."""


@dataclass(frozen=True, slots=True)
class TraceConnectionCreateStartParams:
    """A connection is being opened."""


@dataclass(frozen=True, slots=True)
class TraceConnectionCreateEndParams:
    """It is open."""


@dataclass(frozen=True, slots=True)
class TraceConnectionReuseconnParams:
    """A kept connection is used again."""


@dataclass(frozen=True, slots=True)
class TraceDnsResolveHostStartParams:
    """The resolver is asked."""

    host: str


@dataclass(frozen=True, slots=True)
class TraceDnsResolveHostEndParams:
    """The resolver has answered."""

    host: str


@dataclass(frozen=True, slots=True)
class TraceDnsCacheHitParams:
    """The addresses of a host are known already."""

    host: str


@dataclass(frozen=True, slots=True)
class TraceDnsCacheMissParams:
    """The addresses of a host are not known yet."""

    host: str


_SIGNALS = (
    "request_start",
    "request_chunk_sent",
    "response_chunk_received",
    "request_end",
    "request_exception",
    "request_redirect",
    "connection_queued_start",
    "connection_queued_end",
    "connection_create_start",
    "connection_create_end",
    "connection_reuseconn",
    "dns_resolvehost_start",
    "dns_resolvehost_end",
    "dns_cache_hit",
    "dns_cache_miss",
    "request_headers_sent",
)


class TraceConfig:
    """Signals of a session's requests: append ``async def on_x(session, trace_config_ctx, params)`` to them.

    `trace_config_ctx_factory` makes the context of one request; it is called with ``trace_request_ctx=``, what the
    request was given by that name. The session freezes it.
    """

    on_request_start: Signal[Any]
    """`TraceRequestStartParams`."""
    on_request_chunk_sent: Signal[Any]
    """`TraceRequestChunkSentParams`."""
    on_response_chunk_received: Signal[Any]
    """`TraceResponseChunkReceivedParams`."""
    on_request_end: Signal[Any]
    """`TraceRequestEndParams`: the head is there, the body is not."""
    on_request_exception: Signal[Any]
    """`TraceRequestExceptionParams`."""
    on_request_redirect: Signal[Any]
    """`TraceRequestRedirectParams`."""
    on_connection_queued_start: Signal[Any]
    """`TraceConnectionQueuedStartParams`."""
    on_connection_queued_end: Signal[Any]
    """`TraceConnectionQueuedEndParams`."""
    on_connection_create_start: Signal[Any]
    """`TraceConnectionCreateStartParams`."""
    on_connection_create_end: Signal[Any]
    """`TraceConnectionCreateEndParams`."""
    on_connection_reuseconn: Signal[Any]
    """`TraceConnectionReuseconnParams`."""
    on_dns_resolvehost_start: Signal[Any]
    """`TraceDnsResolveHostStartParams`."""
    on_dns_resolvehost_end: Signal[Any]
    """`TraceDnsResolveHostEndParams`."""
    on_dns_cache_hit: Signal[Any]
    """`TraceDnsCacheHitParams`."""
    on_dns_cache_miss: Signal[Any]
    """`TraceDnsCacheMissParams`."""
    on_request_headers_sent: Signal[Any]
    """`TraceRequestHeadersSentParams`."""

    def __init__(self, trace_config_ctx_factory: Callable[..., Any] = SimpleNamespace) -> None:
        for name in _SIGNALS:
            setattr(self, f"on_{name}", Signal(self))
        self._factory = trace_config_ctx_factory

    def trace_config_ctx(self, trace_request_ctx: Mapping[str, Any] | None = None) -> Any:
        """Return a new context."""
        return self._factory(trace_request_ctx=trace_request_ctx)

    def freeze(self) -> None:
        """Let no further receiver be appended; what is frozen already stays so."""
        for name in _SIGNALS:
            getattr(self, f"on_{name}").freeze()


class Trace:
    """One request as one `TraceConfig` follows it."""

    __slots__ = ("_config", "_context", "_session")

    def __init__(self, session: Any, trace_config: TraceConfig, trace_config_ctx: Any) -> None:
        self._session = session
        self._config = trace_config
        self._context = trace_config_ctx

    async def send(self, signal: str, params: Any) -> None:
        """Send `params` to the receivers of `signal`, by its name without ``on_``."""
        receivers = getattr(self._config, f"on_{signal}")
        if receivers:
            await receivers.send(self._session, self._context, params)


async def emit(traces: Sequence[Trace], signal: str, params: Any) -> None:
    """Send `params` to the receivers of `signal` of all `traces`, in their order."""
    for trace in traces:
        await trace.send(signal, params)


def traces_of(session: Any, configs: Iterable[TraceConfig], request_context: Any) -> list[Trace]:
    """Return what follows one request of `session`."""
    return [Trace(session, config, config.trace_config_ctx(request_context)) for config in configs]
