"""What a recording must not hold: the values of fields that carry secrets are replaced before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final

from multidict import CIMultiDict, CIMultiDictProxy

from .memory_peer import SeenRequest
from .recording_file import Exchange, RecordedResponse

__all__ = ["REDACTED", "Redaction", "ScrubRequest", "ScrubResponse"]

REDACTED: Final = "REDACTED"
"""What stands in the place of a secret."""

ScrubRequest = Callable[[SeenRequest], SeenRequest]
"""Returns a request without what must not be written; `dataclasses.replace` makes one."""
ScrubResponse = Callable[[RecordedResponse], RecordedResponse]
"""Returns a response without what must not be written."""

_SECRET: Final = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie"})
_ATTRIBUTES: Final = frozenset(
    {"domain", "expires", "httponly", "max-age", "partitioned", "path", "samesite", "secure"}
)


@dataclass(frozen=True, slots=True)
class Redaction:
    """Takes secrets out of exchanges: those of the usual fields, of `fields`, and what the two hooks take out."""

    fields: Collection[str] = ()
    """Names of more fields, of requests, responses and trailers, whose values are replaced."""
    scrub_request: ScrubRequest | None = None
    scrub_response: ScrubResponse | None = None

    def __call__(self, exchange: Exchange) -> Exchange:
        """Return `exchange` as it may be written."""
        names = _SECRET.union(name.lower() for name in self.fields)
        request, response = exchange.request, exchange.response
        request = replace(request, headers=_redacted(request.headers, names))
        response = replace(
            response, headers=_redacted(response.headers, names), trailers=_redacted(response.trailers, names)
        )
        return Exchange(
            request if self.scrub_request is None else self.scrub_request(request),
            response if self.scrub_response is None else self.scrub_response(response),
        )


def _redacted(headers: CIMultiDictProxy[str], names: Collection[str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(
        CIMultiDict(
            (name, _without_secret(name.lower(), value) if name.lower() in names else value)
            for name, value in headers.items()
        )
    )


def _without_secret(name: str, value: str) -> str:
    """Return the value of a secret field as it may be written: of cookies the names stay, so that they still work."""
    if name == "cookie":
        return "; ".join(_nameless(pair) for pair in value.split(";"))
    if name == "set-cookie":
        pair, *attributes = value.split(";")
        # What is no attribute may be the rest of a value that has a semicolon in it.
        known = [text for text in attributes if text.partition("=")[0].strip(" \t").lower() in _ATTRIBUTES]
        return ";".join([_nameless(pair), *known])
    return REDACTED


def _nameless(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name.strip(' ')}={REDACTED}" if equals else REDACTED
