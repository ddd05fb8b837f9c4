"""The routing table: an application's resources, found by path (`app.router`)."""

from __future__ import annotations

import keyword
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from ..errors import HTTPMethodNotAllowed, HTTPNotFound
from ..match_info import ExpectHandler, Handler, UrlMappingMatchInfo
from ..views import AbstractView
from .abstract import AbstractResource, AbstractRouter, Lookup
from .definitions import AbstractRouteDef
from .path_index import Entry, PathIndex
from .paths import Segment, decoded_path
from .resources import DynamicResource, FoundHere, PlainResource, Resource, request_path
from .routes import AbstractRoute, ResourceRoute, SystemRoute
from .static_files import CHUNK_SIZE, StaticResource
from .sub_applications import MatchedSubAppResource, SubAppResource

__all__ = ["ResourcesView", "RoutesView", "UrlDispatcher"]

_BETWEEN_NAMES: Final = re.compile(r"[.:-]")
_OWN_LOOK_UPS: Final = {FoundHere.resolve, SubAppResource.resolve}

HandlerOrView = Handler | type[AbstractView]


class ResourcesView(Collection[AbstractResource]):
    """The resources of a router, in the order added."""

    def __init__(self, resources: list[AbstractResource]) -> None:
        self._resources = resources

    def __len__(self) -> int:
        return len(self._resources)

    def __iter__(self) -> Iterator[AbstractResource]:
        return iter(self._resources)

    def __contains__(self, resource: object) -> bool:
        return resource in self._resources


class RoutesView(Collection[AbstractRoute]):
    """The routes of a router, resource by resource."""

    def __init__(self, resources: list[AbstractResource]) -> None:
        self._routes = [route for resource in resources for route in resource]

    def __len__(self) -> int:
        return len(self._routes)

    def __iter__(self) -> Iterator[AbstractRoute]:
        return iter(self._routes)

    def __contains__(self, route: object) -> bool:
        return route in self._routes


class UrlDispatcher(AbstractRouter, Mapping[str, AbstractResource]):
    """Finds the handler of a request; also a mapping of names to resources.

    A fixed path is found by one look-up, one with variables by its segments: neither takes longer for there being many.
    Of several that match, the one whose path begins with more fixed segments is taken, and of those the first added.
    """

    def __init__(self) -> None:
        super().__init__()
        self._resources: list[AbstractResource] = []
        self._named_resources: dict[str, AbstractResource] = {}
        self._by_rule: list[MatchedSubAppResource] = []
        self._plain: dict[str, list[Entry]] = {}
        self._index: PathIndex | None = None
        self._waits = False

    def __repr__(self) -> str:
        return f"<UrlDispatcher {len(self._resources)} resources>"

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    # Names

    def __len__(self) -> int:
        return len(self._named_resources)

    def __iter__(self) -> Iterator[str]:
        return iter(self._named_resources)

    def __contains__(self, name: object) -> bool:
        return name in self._named_resources

    def __getitem__(self, name: str) -> AbstractResource:
        return self._named_resources[name]

    def named_resources(self) -> Mapping[str, AbstractResource]:
        """Return the resources that have a name, by their names."""
        return MappingProxyType(self._named_resources)

    def resources(self) -> ResourcesView:
        """Return every resource, in the order added."""
        return ResourcesView(self._resources)

    def routes(self) -> RoutesView:
        """Return every route that there is now."""
        return RoutesView(self._resources)

    # Adding

    def freeze(self) -> None:
        """Let no more resources be added."""
        super().freeze()
        for resource in self._resources:
            resource.freeze()
        self.forget_index()

    def register_resource(self, resource: AbstractResource) -> None:
        """Add a resource.

        Raises RuntimeError once the application has started, TypeError for what is no resource, ValueError for a name
        that is in use, or is not made of identifiers with dots, colons or hyphens between them.
        """
        if not isinstance(resource, AbstractResource):
            raise TypeError(f"Instance of AbstractResource class is required, got {resource!r}")
        if self._frozen:
            raise RuntimeError("Cannot register a resource into frozen router.")
        if resource.name is not None:
            self._check_name(resource.name)
            self._named_resources[resource.name] = resource
        self._resources.append(resource)
        if isinstance(resource, MatchedSubAppResource):
            self._by_rule.append(resource)
        self.forget_index()

    def _check_name(self, name: str) -> None:
        for part in _BETWEEN_NAMES.split(name):
            if keyword.iskeyword(part):
                raise ValueError(f"Incorrect route name {name!r}, python keywords cannot be used for route name")
            if not part.isidentifier():
                raise ValueError(
                    f"Incorrect route name {name!r}, the name should be a sequence of python identifiers "
                    "separated by dash, dot or column"
                )
        if name in self._named_resources:
            raise ValueError(f"Duplicate {name!r}, already handled by {self._named_resources[name]!r}")

    def add_resource(self, path: str, *, name: str | None = None) -> Resource:
        """Add a resource of `path`, and return it: the last one, if that has this very path and name.

        Raises ValueError for a path that neither is empty nor begins with a slash, or whose braces hold no name or a
        bad pattern; and what `register_resource` raises.
        """
        if path and not path.startswith("/"):
            raise ValueError(f"path should be started with / or be empty, not {path!r}")
        last = self._resources[-1] if self._resources else None
        if isinstance(last, Resource) and last.name == name and last.raw_match(path) and not self._frozen:
            return last
        varies = "{" in path or "}" in path
        resource = DynamicResource(path, name=name) if varies else PlainResource(path, name=name)
        self.register_resource(resource)
        return resource

    def add_route(
        self,
        method: str,
        path: str,
        handler: HandlerOrView,
        *,
        name: str | None = None,
        expect_handler: ExpectHandler | None = None,
    ) -> ResourceRoute:
        """Add the handler of `method` (in any case, ``"*"`` for every one) on `path`.

        `name` is what `router[name]` finds the resource by, `expect_handler` an async function that sees requests with
        the field Expect first. Raises RuntimeError once the application has started, and for a second handler of one
        method; ValueError for a path, a method or a name that cannot be; TypeError for what is no handler.
        """
        return self.add_resource(path, name=name).add_route(method, handler, expect_handler=expect_handler)

    def add_get(
        self, path: str, handler: HandlerOrView, *, name: str | None = None, allow_head: bool = True, **kwargs: Any
    ) -> ResourceRoute:
        """Add a handler of GET, and of HEAD unless `allow_head` is False."""
        resource = self.add_resource(path, name=name)
        if allow_head:
            resource.add_route("HEAD", handler, **kwargs)
        return resource.add_route("GET", handler, **kwargs)

    def add_head(self, path: str, handler: HandlerOrView, **kwargs: Any) -> ResourceRoute:
        """Add a handler of HEAD."""
        return self.add_route("HEAD", path, handler, **kwargs)

    def add_options(self, path: str, handler: HandlerOrView, **kwargs: Any) -> ResourceRoute:
        """Add a handler of OPTIONS."""
        return self.add_route("OPTIONS", path, handler, **kwargs)

    def add_post(self, path: str, handler: HandlerOrView, **kwargs: Any) -> ResourceRoute:
        """Add a handler of POST."""
        return self.add_route("POST", path, handler, **kwargs)

    def add_put(self, path: str, handler: HandlerOrView, **kwargs: Any) -> ResourceRoute:
        """Add a handler of PUT."""
        return self.add_route("PUT", path, handler, **kwargs)

    def add_patch(self, path: str, handler: HandlerOrView, **kwargs: Any) -> ResourceRoute:
        """Add a handler of PATCH."""
        return self.add_route("PATCH", path, handler, **kwargs)

    def add_delete(self, path: str, handler: HandlerOrView, **kwargs: Any) -> ResourceRoute:
        """Add a handler of DELETE."""
        return self.add_route("DELETE", path, handler, **kwargs)

    def add_view(self, path: str, handler: type[AbstractView], **kwargs: Any) -> ResourceRoute:
        """Add a class made of `View`, for every method."""
        return self.add_route("*", path, handler, **kwargs)

    def add_static(
        self,
        prefix: str,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        expect_handler: ExpectHandler | None = None,
        chunk_size: int = CHUNK_SIZE,
        show_index: bool = False,
        follow_symlinks: bool = False,
        append_version: bool = False,
    ) -> StaticResource:
        """Send the files of the folder `path`, and of those in it, under the URL path `prefix`, to GET and HEAD.

        A folder is answered by its index with `show_index`, else by 403. Symbolic links that lead out of the folder
        are only followed with `follow_symlinks`. `chunk_size` is that of `FileResponse`, `append_version` that of
        `StaticResource.url_for`.

        Raises RuntimeError once the application has started, ValueError for a folder that is not there, and for a
        prefix or a name that cannot be.
        """
        resource = StaticResource(
            prefix,
            path,
            name=name,
            expect_handler=expect_handler,
            chunk_size=chunk_size,
            show_index=show_index,
            follow_symlinks=follow_symlinks,
            append_version=append_version,
        )
        self.register_resource(resource)
        return resource

    def add_routes(self, routes: Iterable[AbstractRouteDef]) -> list[AbstractRoute]:
        """Add what `web.get` and the like made, or a whole `RouteTableDef`; return the routes."""
        return [route for definition in routes for route in definition.register(self)]

    # Finding

    def forget_index(self) -> None:
        """Look at all resources anew: their paths have changed."""
        self._index = None

    @property
    def waits(self) -> bool:
        """Whether a resource of somebody's own is among them, which `resolve` must wait for."""
        if self._index is None:
            self._make_index()
        return self._waits

    def _make_index(self) -> PathIndex:
        index = self._index = PathIndex()
        self._plain = {}
        self._waits = False
        for serial, resource in enumerate(self._resources):
            self._waits = self._waits or _waits(resource)
            if isinstance(resource, MatchedSubAppResource):
                continue
            if not isinstance(resource, FoundHere):
                segments = _segments_of(resource.canonical)
                index.add(segments, False, Entry(-len(segments), serial, resource))
                continue
            entry = Entry(-resource.depth, serial, resource)
            if isinstance(resource, PlainResource):
                self._plain.setdefault(resource.decoded, []).append(entry)
            else:
                index.add(*resource.segments, entry)
        return index

    def plain_paths(self) -> Iterator[tuple[str, Resource]]:
        """Yield the fixed paths, decoded, and the resource of each; also those of applications within this one."""
        for resource in self._resources:
            if isinstance(resource, PlainResource):
                yield resource.decoded, resource
            elif isinstance(resource, SubAppResource) and isinstance(resource.app.router, UrlDispatcher):
                yield from resource.app.router.plain_paths()

    @property
    def by_rule(self) -> bool:
        """Whether applications of domains are among the resources, or among those of applications within this one."""
        return bool(self._by_rule) or any(
            getattr(resource.app.router, "by_rule", True)
            for resource in self._resources
            if isinstance(resource, SubAppResource)
        )

    def candidates(self, path: str) -> list[Entry]:
        """Return the resources that may match the decoded `path`, in the order in which they are asked."""
        found = (self._index or self._make_index()).find(path)
        if path in self._plain:
            found += self._plain[path]
        if len(found) > 1:
            found.sort()
        return found

    def look_up(self, path: str, request: Any) -> Lookup:
        """Return what answers `request`, whose decoded path is `path`: where there is nothing, a `SystemRoute`.

        Leaves out what must be waited for.
        """
        allowed: set[str] = set()
        for resource in self._by_rule:
            found = resource.look_up(path, request, allowed)
            if found is not None:
                return found
        for _, _, candidate in self.candidates(path):
            lookup: Lookup | None = candidate.look_up(path, request, allowed)
            if lookup is not None:
                return lookup
        return _nothing(request, allowed), None, ()

    async def resolve(self, request: Any) -> UrlMappingMatchInfo:
        """Return what answers `request`: where there is nothing, a match with an `http_exception`."""
        allowed: set[str] = set()
        candidates: list[AbstractResource] = [*self._by_rule]
        candidates += [entry.resource for entry in self.candidates(request_path(request))]
        for resource in candidates:
            info, methods = await resource.resolve(request)
            if info is not None:
                return info
            allowed |= methods
        return UrlMappingMatchInfo({}, _nothing(request, allowed))


def _nothing(request: Any, allowed: set[str]) -> SystemRoute:
    return SystemRoute(HTTPMethodNotAllowed(request.method, allowed) if allowed else HTTPNotFound())


def _waits(resource: AbstractResource) -> bool:
    if isinstance(resource, SubAppResource):
        return resource.waits
    return not (isinstance(resource, FoundHere) and type(resource).resolve in _OWN_LOOK_UPS)


def _segments_of(canonical: str) -> list[Segment]:
    """Return the fixed segments that the path of a resource begins with, of which no more is known."""
    fixed, brace, _ = canonical.partition("{")
    if brace:
        fixed = fixed.rpartition("/")[0]
    return [Segment(text, False) for text in decoded_path(fixed).rstrip("/").split("/")[1:]]
