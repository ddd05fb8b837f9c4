"""`ASGIResource`: an ASGI application below a path of ours."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from yarl import URL

from ..routing.paths import quoted_path
from ..routing.resources import PrefixResource, Resource
from .handler import ASGIHandler
from .messages import ASGIApp

__all__ = ["ASGIResource", "mount_asgi"]


class ASGIResource(PrefixResource, Resource):
    """All paths below `prefix` (``""`` or ``"/"`` for all there are), answered by the ASGI application `asgi_app`.

    Its path in the scope is the whole one, with the prefix as `root_path`. `options` are those of `ASGIHandler`. Add it
    by `mount_asgi`, or by hand, then with its `lifespan`. Raises ValueError for a prefix that cannot be.
    """

    def __init__(self, prefix: str, asgi_app: ASGIApp, *, name: str | None = None, **options: Any) -> None:
        super().__init__(prefix.rstrip("/"), name=name)
        self.handler = ASGIHandler(asgi_app, **options)
        """What answers."""
        self.handler.mounted_at = unquote(self._prefix)
        self.add_route("*", self.handler)

    def __repr__(self) -> str:
        return f"<ASGIResource {self.canonical or '/'} -> {self.handler.app!r}>"

    @property
    def lifespan(self) -> Any:
        """The clean-up context that starts and ends the application (see `ASGIHandler.lifespan`)."""
        return self.handler.lifespan

    def add_prefix(self, prefix: str) -> None:
        """Put another prefix before it. Raises ValueError for one that does not begin, or does end, with a slash."""
        super().add_prefix(prefix)
        self.handler.mounted_at = unquote(self._prefix)

    def match(self, path: str) -> dict[str, str] | None:
        """Return no variables where the decoded `path` is the prefix, or below it; else None."""
        return {} if self.is_prefix_of(path) else None

    def get_info(self) -> dict[str, Any]:
        """Return the application, as ``asgi_app``, and its ``prefix``."""
        return {"asgi_app": self.handler.app, "prefix": self.canonical}

    def url_for(self, *, path: str = "/") -> URL:  # type: ignore[override] # its variable is one by name
        """Return the URL of a path of the application's, which is percent-encoded, but for slashes in it."""
        rest = quoted_path(path.replace("%", "%25")).lstrip("/")
        return URL.build(path=f"{self.canonical}/{rest}", encoded=True)


def mount_asgi(app: Any, prefix: str, asgi_app: ASGIApp, *, name: str | None = None, **options: Any) -> ASGIResource:
    """Let `asgi_app` answer all below the path `prefix` of `app`, an `Application`, and start and end with that.

    `options` are those of `ASGIHandler`. Raises RuntimeError once the application has started, ValueError for a prefix
    that cannot be.

        web.mount_asgi(app, "/api", FastAPI())
    """
    resource = ASGIResource(prefix, asgi_app, name=name, **options)
    app.router.register_resource(resource)
    app.cleanup_ctx.append(resource.lifespan)
    return resource
