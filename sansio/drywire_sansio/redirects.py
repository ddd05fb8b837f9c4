"""Which request follows a redirect: its method, its body and what of its fields survives (RFC 9110, 15.4)."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["REDIRECTS", "Redirection", "fields_left_behind", "redirection"]

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
"""Statuses whose Location is followed. 300 offers a choice, 304 to 306 are none."""

_CREDENTIALS: Final = frozenset({"authorization", "cookie", "cookie2", "proxy-authorization"})
_CONTENT: Final = frozenset(
    {
        "content-length",
        "content-type",
        "content-encoding",
        "content-language",
        "content-location",
        "content-range",
        "digest",
        "content-digest",
        "repr-digest",
        "last-modified",
        "transfer-encoding",
        "trailer",
        "expect",
    }
)


class Redirection(NamedTuple):
    """What becomes of the request."""

    method: str
    keeps_body: bool


def redirection(method: str, status: int) -> Redirection:
    """Return how `method` goes on after `status`, one of `REDIRECTS`.

    303 is fetched by GET, whatever was sent, and 301 and 302 after POST too, as everybody has always done it; else
    method and body stay.
    """
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        return Redirection("GET", False)
    return Redirection(method, True)


def fields_left_behind(*, other_origin: bool, keeps_body: bool) -> frozenset[str]:
    """Return the lower-case names of the fields that the next request must not have, in any number of copies.

    Credentials never go to another origin (scheme, host and port); what describes a body goes with the body only; Host
    belongs to the first URL.
    """
    names: frozenset[str] = frozenset({"host"})
    if other_origin:
        names |= _CREDENTIALS
    if not keeps_body:
        names |= _CONTENT
    return names
