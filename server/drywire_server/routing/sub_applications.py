"""Applications within another: below a prefix (`PrefixedSubAppResource`), or by a rule (`MatchedSubAppResource`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from .abstract import Lookup, Resolved
from .domains import AbstractRuleMatching, Domain
from .paths import Segment
from .resources import FoundHere, PrefixResource, request_path
from .routes import AbstractRoute

__all__ = ["MatchedSubAppResource", "PrefixedSubAppResource", "SubAppResource"]


class SubAppResource(FoundHere):
    """The routes of an application within another. It answers all that it is asked, be it by 404."""

    _app: Any

    def __len__(self) -> int:
        return len(self._app.router.routes())

    def __iter__(self) -> Iterator[AbstractRoute]:
        return iter(self._app.router.routes())

    @property
    def app(self) -> Any:
        """The application."""
        return self._app

    @property
    def waits(self) -> bool:
        """Whether something in it can only be found by waiting: a resource or a router of somebody's own."""
        return bool(getattr(self._app.router, "waits", True))

    def url_for(self, *args: str, **kwargs: str) -> NoReturn:
        """Raise RuntimeError: the resources of the application have URLs, it has none itself."""
        raise RuntimeError(".url_for() is not supported by sub-application root")

    def look_up(self, path: str, request: Any, allowed: set[str]) -> Lookup | None:
        """Return what the application answers `request` with."""
        route, variables, apps = self._app.router.look_up(path, request)
        return route, variables, (self._app, *apps)

    async def resolve(self, request: Any) -> Resolved:
        """Return what the application answers `request` with, and for a 405 the methods that it allows."""
        info = await self._app.router.resolve(request)
        info.add_app(self._app)
        return info, getattr(info.http_exception, "allowed_methods", set())


class PrefixedSubAppResource(SubAppResource, PrefixResource):
    """An application below a path; the paths of its resources begin with that path from here on."""

    def __init__(self, prefix: str, app: Any) -> None:
        super().__init__(prefix)
        self._app = app
        self._add_to_resources(prefix)

    def __repr__(self) -> str:
        return f"<PrefixedSubAppResource {self._prefix} -> {self._app!r}>"

    def add_prefix(self, prefix: str) -> None:
        """Put `prefix` before the paths of all its resources. Raises ValueError for one that cannot be."""
        super().add_prefix(prefix)
        self._add_to_resources(prefix)

    def _add_to_resources(self, prefix: str) -> None:
        for resource in self._app.router.resources():
            resource.add_prefix(prefix)
        self._app.router.forget_index()

    def get_info(self) -> dict[str, Any]:
        """Return the application, as ``app``, and its ``prefix``."""
        return {"app": self._app, "prefix": self._prefix}

    def look_up(self, path: str, request: Any, allowed: set[str]) -> Lookup | None:
        """Return what the application answers a request below the prefix with."""
        return super().look_up(path, request, allowed) if self.is_prefix_of(path) else None

    async def resolve(self, request: Any) -> Resolved:
        """Return what the application answers a request below the prefix with."""
        return await super().resolve(request) if self.is_prefix_of(request_path(request)) else (None, set())


class MatchedSubAppResource(SubAppResource):
    """An application for the requests that satisfy a rule, whatever their path."""

    def __init__(self, rule: AbstractRuleMatching, app: Any) -> None:
        super().__init__()
        self._rule = rule
        self._app = app

    def __repr__(self) -> str:
        return f"<MatchedSubAppResource -> {self._app!r}>"

    @property
    def canonical(self) -> str:
        """The rule."""
        return self._rule.canonical

    @property
    def segments(self) -> tuple[list[Segment], bool]:
        """None: its paths are any."""
        return [], False

    @property
    def waits(self) -> bool:
        """Whether something in it can only be found by waiting, or its rule is not one of ours."""
        return super().waits or not isinstance(self._rule, Domain)

    def add_prefix(self, prefix: str) -> None:
        """Put `prefix` before the paths of its resources."""
        for resource in self._app.router.resources():
            resource.add_prefix(prefix)
        self._app.router.forget_index()

    def get_info(self) -> dict[str, Any]:
        """Return the application, as ``app``, and its ``rule``."""
        return {"app": self._app, "rule": self._rule}

    def raw_match(self, path: str) -> bool:
        """Return False: no path is added to it."""
        return False

    def look_up(self, path: str, request: Any, allowed: set[str]) -> Lookup | None:
        """Return what the application answers a request that satisfies the rule with."""
        if not (isinstance(self._rule, Domain) and self._rule.matches(request)):
            return None
        return super().look_up(path, request, allowed)

    async def resolve(self, request: Any) -> Resolved:
        """Return what the application answers a request that satisfies the rule with."""
        return await super().resolve(request) if await self._rule.match(request) else (None, set())
