"""Resources: fixed paths, ones with variables, and all paths below one."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from yarl import URL

from ..match_info import ExpectHandler, Handler, UrlMappingMatchInfo
from ..views import AbstractView
from .abstract import AbstractResource, Lookup, Resolved
from .paths import (
    Segment,
    SegmentPattern,
    decoded_path,
    parse_template,
    quoted_path,
    segment_patterns,
    variable_value,
)
from .routes import AbstractRoute, ResourceRoute

__all__ = ["DynamicResource", "FoundHere", "PlainResource", "PrefixResource", "Resource", "request_path"]


def request_path(request: Any) -> str:
    """Return the path that routing and handlers both see, decoded as `decoded_path` does."""
    target: str = request.raw_path
    path = target.partition("?")[0] if target.startswith("/") else request.rel_url.raw_path
    return decoded_path(path)


class FoundHere(AbstractResource):
    """A resource that is found without a wait: all of ours. `segments` is where it stands in the index of a router."""

    @property
    @abstractmethod
    def segments(self) -> tuple[list[Segment], bool]:
        """The segments that a path must have, and whether it ends there."""

    @property
    def depth(self) -> int:
        """How many segments of the path are fixed: of two resources that match, the one with more is taken."""
        segments, _ = self.segments
        fixed = next((number for number, segment in enumerate(segments) if segment.varies), len(segments))
        return fixed - 1 if fixed and fixed == len(segments) and not segments[-1].text else fixed

    @abstractmethod
    def look_up(self, path: str, request: Any, allowed: set[str]) -> Lookup | None:
        """Return what answers `request`, whose decoded path is `path`; else None, with its methods put in `allowed`."""

    async def resolve(self, request: Any) -> Resolved:
        """Return what matches `request`, or None and the methods by which something would."""
        allowed: set[str] = set()
        found = self.look_up(request_path(request), request, allowed)
        if found is None:
            return None, allowed
        route, variables, apps = found
        info = UrlMappingMatchInfo(variables or {}, route)
        for app in reversed(apps):
            info.add_app(app)
        return info, getattr(info.http_exception, "allowed_methods", None) or set(self.methods)

    @property
    def methods(self) -> set[str]:
        """The methods of its routes."""
        return {route.method for route in self}


class Resource(FoundHere):
    """A resource with a route for each method. Has the length and the iterator of its routes."""

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self._routes: dict[str, ResourceRoute] = {}
        self._any_route: ResourceRoute | None = None

    def __len__(self) -> int:
        return len(self._routes)

    def __iter__(self) -> Iterator[AbstractRoute]:
        return iter(self._routes.values())

    def add_route(
        self, method: str, handler: Handler | type[AbstractView], *, expect_handler: ExpectHandler | None = None
    ) -> ResourceRoute:
        """Add the handler of `method`, ``"*"`` for every one. Raises RuntimeError where it has one already."""
        route = ResourceRoute(method, handler, self, expect_handler=expect_handler)
        known = self.find(route.method)
        if known is not None:
            raise RuntimeError(f"Added route will never be executed, method {known.method} is already registered")
        self.register_route(route)
        return route

    def register_route(self, route: ResourceRoute) -> None:
        """Add a route that is made already. Raises TypeError for what is none."""
        if not isinstance(route, ResourceRoute):
            raise TypeError(f"Instance of ResourceRoute class is required, got {route!r}")
        if route.method == "*":
            self._any_route = route
        self._routes[route.method] = route

    def find(self, method: str) -> ResourceRoute | None:
        """Return the route of `method`, or the one for every method, if there is one."""
        return self._routes.get(method, self._any_route)

    @abstractmethod
    def match(self, path: str) -> dict[str, str] | None:
        """Return the variables where the decoded `path` is one of its own, else None."""

    def look_up(self, path: str, request: Any, allowed: set[str]) -> Lookup | None:
        """Return what answers `request`, whose decoded path is `path`; else None, with its methods put in `allowed`."""
        variables = self.match(path)
        if variables is None:
            return None
        route = self._routes.get(request.method, self._any_route)
        if route is None:
            allowed.update(self._routes)
            return None
        return route, variables or None, ()


def check_prefix(prefix: str) -> None:
    """Raise ValueError where `prefix` cannot stand before a path."""
    if not prefix.startswith("/") or prefix.endswith("/"):
        raise ValueError(f"the prefix {prefix!r} must begin with a slash, and not end with one")


class PlainResource(Resource):
    """A fixed path."""

    def __init__(self, path: str, *, name: str | None = None) -> None:
        super().__init__(name=name)
        if path and not path.startswith("/"):
            raise ValueError(f"the path {path!r} must begin with / or be empty")
        self._path = path
        self.decoded = decoded_path(path)
        """The path as it is compared with those of requests."""

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name is not None else ""
        return f"<PlainResource{name} {self._path}>"

    @property
    def canonical(self) -> str:
        """The path as it was given."""
        return self._path

    @property
    def segments(self) -> tuple[list[Segment], bool]:
        """The segments of the path."""
        return [Segment(text, False) for text in self.decoded.split("/")[1:]], True

    def freeze(self) -> None:
        """Be changed no more: an empty path is that of the root now."""
        if not self._path:
            self._path = self.decoded = "/"

    def add_prefix(self, prefix: str) -> None:
        """Put `prefix` before the path. Raises ValueError for one that does not begin, or does end, with a slash."""
        check_prefix(prefix)
        self._path = prefix + self._path
        self.decoded = decoded_path(self._path)

    def match(self, path: str) -> dict[str, str] | None:
        """Return no variables where the decoded `path` is its own, else None."""
        return {} if path == self.decoded else None

    def raw_match(self, path: str) -> bool:
        """Whether it was made of `path`."""
        return self._path == path

    def get_info(self) -> dict[str, Any]:
        """Return the path, as ``path``."""
        return {"path": self._path}

    def url_for(self) -> URL:  # type: ignore[override] # a fixed path has no variables
        """Return the URL of the path."""
        return URL.build(path=quoted_path(self._path), encoded=True)


class DynamicResource(Resource):
    """A path with variables: ``{name}`` for a segment or a part of it, ``{name:pattern}`` for what a pattern matches.

    Patterns are regular expressions that see the path percent-decoded, but for ``%2F`` and ``%25``. Raises ValueError
    for braces that hold something else, and for a bad pattern.
    """

    def __init__(self, path: str, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self._path = path
        self._use(path)

    def _use(self, path: str) -> None:
        template = parse_template(path)
        try:
            self._pattern = re.compile(template.regex)
        except re.error as error:
            raise ValueError(f"Bad pattern {template.regex!r} of the path {path!r}: {error}") from None
        self._template = template
        self._without_slash = template.without_slash
        self._by_segments = segment_patterns(template)
        self._formatter = template.formatter

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name is not None else ""
        return f"<DynamicResource{name} {self._formatter}>"

    @property
    def canonical(self) -> str:
        """The path, percent-encoded, with ``{name}`` for each variable."""
        return self._formatter

    @property
    def segments(self) -> tuple[list[Segment], bool]:
        """The segments of the path, up to one that may have slashes in it."""
        return self._template.segments()

    def add_prefix(self, prefix: str) -> None:
        """Put `prefix` before the path. Raises ValueError for one that does not begin, or does end, with a slash."""
        check_prefix(prefix)
        self._path = prefix + self._path
        self._use(self._path)

    def match(self, path: str) -> dict[str, str] | None:
        """Return the variables where the decoded `path` is one of its own, else None."""
        if self._by_segments is not None:
            variables = _match_segments(self._by_segments, path)
        else:
            match = self._pattern.fullmatch(path)
            variables = None if match is None else match.groupdict("")
        if variables and "%" in path:
            return {name: variable_value(value) for name, value in variables.items()}
        return variables

    def raw_match(self, path: str) -> bool:
        """Whether it was made of `path`."""
        return self._path == path

    def get_info(self) -> dict[str, Any]:
        """Return the path with ``{name}`` for each variable, as ``formatter``, and its regular expression."""
        return {"formatter": self._formatter, "pattern": self._pattern}

    def url_for(self, **parts: str) -> URL:
        """Return the URL for values of the variables, percent-encoded, slashes too where no pattern may match one.

        Raises KeyError where one is missing, TypeError for a value that is no str.
        """
        for name, value in parts.items():
            if not isinstance(value, str):
                raise TypeError(f"the value of {{{name}}} must be a str, not {type(value).__name__}")
        quoted = {name: quoted_path(value.replace("%", "%25")) for name, value in parts.items()}
        for name in self._without_slash & quoted.keys():
            quoted[name] = quoted[name].replace("/", "%2F")
        return URL.build(path=self._formatter.format_map(quoted), encoded=True)


def _match_segments(patterns: tuple[str | SegmentPattern, ...], path: str) -> dict[str, str] | None:
    segments = path.split("/")
    if len(segments) != len(patterns) or "{" in path or "}" in path:
        return None
    variables: dict[str, str] = {}
    for pattern, segment in zip(patterns, segments, strict=True):
        if segment != pattern if isinstance(pattern, str) else not pattern.match(segment, variables):
            return None
    return variables


class PrefixResource(FoundHere):
    """All paths that begin with the segments of `prefix`, and the prefix itself.

    Raises ValueError for a prefix that neither is empty nor begins with a slash, or that ends with one.
    """

    def __init__(self, prefix: str, *, name: str | None = None) -> None:
        super().__init__(name=name)
        if prefix and prefix != "/":
            check_prefix(prefix)
        self._prefix = quoted_path(prefix)
        self.prefix = decoded_path(prefix)
        """The prefix as it is compared with the paths of requests."""

    @property
    def canonical(self) -> str:
        """The prefix, percent-encoded."""
        return self._prefix

    @property
    def segments(self) -> tuple[list[Segment], bool]:
        """The segments of the prefix."""
        return [Segment(text, False) for text in self.prefix.rstrip("/").split("/")[1:]], False

    def add_prefix(self, prefix: str) -> None:
        """Put another prefix before it. Raises ValueError for one that does not begin, or does end, with a slash."""
        check_prefix(prefix)
        self._prefix = quoted_path(prefix) + self._prefix
        self.prefix = decoded_path(prefix) + self.prefix

    def is_prefix_of(self, path: str) -> bool:
        """Whether the decoded `path` is the prefix, or below it."""
        return path.startswith(self.prefix) and path[len(self.prefix) : len(self.prefix) + 1] in ("", "/")

    def raw_match(self, path: str) -> bool:
        """Return False: no path is added to it."""
        return False
