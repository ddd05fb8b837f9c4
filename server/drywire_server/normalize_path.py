"""`normalize_path_middleware`: redirects to the path that a request without a route may have meant."""

from __future__ import annotations

import re
from typing import Any, Final

from yarl import URL

from .http_exceptions import HTTPMove, HTTPPermanentRedirect
from .match_info import Handler
from .middlewares import Middleware, middleware
from .routing.paths import decoded_path, quoted_path
from .routing.routes import SystemRoute
from .routing.table import UrlDispatcher

__all__ = ["normalize_path_middleware"]

_SLASHES: Final = re.compile("//+")


def normalize_path_middleware(
    *,
    append_slash: bool = True,
    remove_slash: bool = False,
    merge_slashes: bool = True,
    redirect_class: type[HTTPMove] = HTTPPermanentRedirect,
) -> Middleware:
    """Return a middleware that redirects a request without a route to a path that has one, its query kept.

    Tried are, in this order: slashes behind one another merged into one, a slash at the end appended or removed, and
    both. The redirect stays on this server whatever the path begins with. Raises AssertionError where slashes are to be
    both appended and removed.
    """
    if append_slash and remove_slash:
        raise AssertionError("Cannot both remove and append slash")

    def variants(path: str) -> list[str]:
        paths = [_SLASHES.sub("/", path)] if merge_slashes else []
        if append_slash and not path.endswith("/"):
            paths.append(f"{path}/")
        if remove_slash and path.endswith("/"):
            paths.append(path[:-1])
        if merge_slashes and (append_slash or remove_slash):
            merged = _SLASHES.sub("/", f"{path}/")
            paths.append(merged if append_slash else merged[:-1])
        return paths

    @middleware
    async def normalize(request: Any, handler: Handler) -> Any:
        if isinstance(request.match_info.route, SystemRoute):
            path = request.rel_url.raw_path
            for variant in dict.fromkeys(variants(path)):
                # Two slashes in front, or a slash and a backslash, would begin the name of another server.
                location = "/" + quoted_path(variant.lstrip("/\\"))
                if location != path and await _has_route(request, location):
                    _, mark, query = request.raw_path.partition("?")
                    raise redirect_class(URL(location + mark + query, encoded=True))
        return await handler(request)

    return normalize


async def _has_route(request: Any, path: str) -> bool:
    router = request.app.router
    if isinstance(router, UrlDispatcher) and not router.waits:
        return not isinstance(router.look_up(decoded_path(path), request)[0], SystemRoute)
    match = await router.resolve(request.clone(rel_url=path))
    return match.http_exception is None
