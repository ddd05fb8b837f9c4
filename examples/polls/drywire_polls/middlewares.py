"""What stands around every view: pages for errors, and the refusal of forms that other sites send."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from drywire import web
from drywire.jinja2 import render_template

__all__ = ["error_pages", "handle_404", "handle_500", "protect_page", "same_site", "setup_middlewares"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger("polls")

HARMLESS: Final = ("GET", "HEAD", "OPTIONS")
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No script at all runs in these pages, and nobody may frame them, so that no click goes where it was not meant to."""


async def handle_404(request: web.Request) -> web.StreamResponse:
    return render_template("404.html", request, {}, status=404)


async def handle_500(request: web.Request) -> web.StreamResponse:
    return render_template("500.html", request, {}, status=500)


def error_pages(overrides: Mapping[int, Handler]) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
    """Return a middleware that has errors of these statuses answered by these handlers.

    An exception that is no answer is logged and is the error 500.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as error:
            if error.status not in overrides:
                raise
            return await overrides[error.status](request)
        except ConnectionError:
            raise  # the client has gone: nobody reads a page
        except Exception:
            if 500 not in overrides:
                raise
            log.exception("%s %s failed", request.method, request.path)
            return await overrides[500](request)
        override = None if response.prepared else overrides.get(response.status)
        return response if override is None else await override(request)

    return middleware


@web.middleware
async def same_site(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what changes something and comes from a page of another site, which browsers let any page send.

    They say where it comes from: in Sec-Fetch-Site, older ones in Origin. What says neither is no browser, and nobody
    can make it vote against its will.
    """
    if request.method not in HARMLESS and not is_own(request):
        raise web.HTTPForbidden(text="403: this form belongs to another site")
    return await handler(request)


def is_own(request: web.Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    # https: behind a proxy
    return origin is None or origin in (f"http://{request.host}", f"https://{request.host}")


async def protect_page(request: web.Request, response: web.StreamResponse) -> None:
    """Tell browsers what a page may do, before its head goes out."""
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"


def setup_middlewares(app: web.Application) -> None:
    app.middlewares.append(error_pages({404: handle_404, 500: handle_500}))
    app.middlewares.append(same_site)
    app.on_response_prepare.append(protect_page)
