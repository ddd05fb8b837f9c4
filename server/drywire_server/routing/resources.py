"""Paths: fixed ones, and ones with variables in braces."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from ..match_info import Handler, Route

__all__ = ["Resource", "canonical_path"]

_VARIABLE = re.compile(r"\{(?P<name>[^\W\d]\w*)(?::(?P<pattern>[^{}]+(?:\{[^{}]*\}[^{}]*)*))?\}")
_UNQUOTED = "!$&'()*+,;=:@-._~"  # pchar without percent-encoding (RFC 3986, 3.3)
_ANYTHING = "[^{}/]+"


def canonical_path(path: str) -> str:
    """Return `path` percent-encoded the one way that both routes and requests are compared in.

    Segments stay segments: ``%2F`` is no slash, and dots mean nothing. Bytes that are no UTF-8 are kept.
    """
    return "/".join([_canonical_segment(segment) for segment in path.split("/")])


def _canonical_segment(segment: str) -> str:
    if segment.isalnum() and segment.isascii():
        return segment
    return quote(unquote(segment, errors="surrogateescape"), safe=_UNQUOTED, errors="surrogateescape")


class Resource:
    """A path and the routes on it, by method.

    ``{name}`` stands for one segment or a part of it, ``{name:pattern}`` for what the regular expression matches.
    Raises ValueError for a path that does not begin with a slash, or has unbalanced braces or a bad pattern.
    """

    def __init__(self, path: str) -> None:
        if path and not path.startswith("/"):
            raise ValueError(f"the path {path!r} must begin with / or be empty")
        self.path = path
        self.routes: dict[str, Route] = {}
        self.pattern: re.Pattern[str] | None = None
        """Matches a canonical path; None where the path is fixed."""
        self.prefix = path
        """The fixed segments that the path begins with, in canonical form."""
        if "{" in path or "}" in path:
            self.pattern, self.prefix = _compile(path)
        else:
            self.prefix = canonical_path(path)

    def add_route(self, method: str, handler: Handler, name: str | None = None) -> Route:
        """Add the handler of `method` (``"*"`` for every one). Raises RuntimeError where it has one already."""
        if method in self.routes or "*" in self.routes:
            raise RuntimeError(f"added route will never be executed, method {method} is already registered")
        route = self.routes[method] = Route(method, self.path, handler, name)
        return route

    def find(self, method: str) -> Route | None:
        """Return the route of `method`, or the one for every method, if there is one."""
        return self.routes.get(method) or self.routes.get("*")

    def match(self, path: str) -> dict[str, str] | None:
        """Return the variables where the canonical `path` is this one, else None."""
        if self.pattern is None:
            return {} if path == self.prefix else None
        match = self.pattern.fullmatch(path)
        return None if match is None else {name: unquote(value) for name, value in match.groupdict().items()}


def _compile(path: str) -> tuple[re.Pattern[str], str]:
    pattern, fixed, position = "", "", 0
    for variable in _VARIABLE.finditer(path):
        literal = path[position : variable.start()]
        fixed = fixed if pattern else _fixed_segments(literal)
        pattern += re.escape(_literal(literal, path))
        pattern += f"(?P<{variable['name']}>{variable['pattern'] or _ANYTHING})"
        position = variable.end()
    pattern += re.escape(_literal(path[position:], path))
    try:
        return re.compile(pattern), fixed
    except re.error as error:
        raise ValueError(f"bad pattern in the path {path!r}: {error}") from None


def _literal(text: str, path: str) -> str:
    if "{" in text or "}" in text:
        raise ValueError(f"invalid path {path!r}: braces must hold a name, or a name and a pattern")
    return canonical_path(text) if text else ""


def _fixed_segments(literal: str) -> str:
    return canonical_path(literal[: literal.rfind("/")]) or "/"
