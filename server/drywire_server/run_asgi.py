"""`run_asgi`: another framework's ASGI application as a program, on our server."""

from __future__ import annotations

from typing import Any

from .app import Application
from .asgi.messages import ASGIApp
from .asgi.resource import mount_asgi
from .run_app import run_app

__all__ = ["asgi_application", "run_asgi"]


def asgi_application(asgi_app: ASGIApp, **options: Any) -> Application:
    """Return an `Application` that has nothing in it but the ASGI application `asgi_app`, which gets all requests.

    `options` are those of `ASGIHandler`, such as `root_path` and `lifespan`. Bodies of requests reach it coded as they
    came, if they did.
    """
    app = Application(handler_args={"auto_decompress": False})
    mount_asgi(app, "", asgi_app, **options)
    return app


def run_asgi(
    asgi_app: ASGIApp, *, root_path: str = "", lifespan: Any = "auto", max_msg_size: int | None = None, **settings: Any
) -> None:
    """Serve `asgi_app`, an ASGI 3 application, until SIGINT or SIGTERM, then stop it cleanly and return.

    `root_path`, `lifespan` and `max_msg_size` (bytes; 16 MiB) are those of `ASGIHandler`, `settings` those of
    `run_app`: host, port, `backend`, `ssl_context` and so on. Raises OSError where an address cannot be had,
    LifespanFailed where the application says that it cannot start.

        web.run_asgi(FastAPI(), port=8000)
    """
    options: dict[str, Any] = {} if max_msg_size is None else {"max_msg_size": max_msg_size}
    run_app(asgi_application(asgi_app, root_path=root_path, lifespan=lifespan, **options), **settings)
