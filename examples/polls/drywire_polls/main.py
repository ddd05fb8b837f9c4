"""The application, put together, and its command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import jinja2
from drywire import jinja2 as templates
from drywire import web

from .db import Database, Unavailable
from .middlewares import setup_middlewares
from .routes import setup_routes
from .settings import Settings, SettingsError
from .views import DATABASE

__all__ = ["CONFIG", "main", "make_app"]

CONFIG: Final = web.AppKey("config", Settings)
DEFAULT_CONFIG: Final = Path(__file__).parent.parent / "config" / "polls.toml"


async def database(app: web.Application) -> AsyncIterator[None]:
    """Have the database while the application runs."""
    settings = app[CONFIG]
    async with Database.open(settings.database, settings.connections) as opened:
        if settings.sample_data:
            await opened.add_samples()
        app[DATABASE] = opened
        yield


def make_app(settings: Settings) -> web.Application:
    app = web.Application()
    app[CONFIG] = settings
    templates.setup(app, loader=jinja2.PackageLoader(__package__, "templates"))
    setup_middlewares(app)
    setup_routes(app)
    app.cleanup_ctx.append(database)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(prog="polls", description="questions to vote on", allow_abbrev=False)
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="a file in TOML or YAML (%(default)s)")
    parser.add_argument("--database", help="sqlite:FILE or postgresql://user:password@host/name")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int, help="0 for a free one")
    parser.add_argument("--loop", choices=("asyncio", "uvloop", "trio"), default="asyncio", help="(%(default)s)")
    options = vars(parser.parse_args())
    loop, config = options.pop("loop"), options.pop("config")
    try:
        settings = Settings.from_file(config, **{name: value for name, value in options.items() if value is not None})
        serve(make_app(settings), loop)
    except (SettingsError, Unavailable) as error:
        sys.exit(f"polls: {error}")
    except OSError as error:  # the address is taken, or none of ours
        sys.exit(f"polls: {error.strerror or error}")


def serve(app: web.Application, loop: str) -> None:
    extra: dict[str, Any] = {}
    if loop == "uvloop":
        import uvloop

        extra["loop_factory"] = uvloop.new_event_loop
    web.run_app(
        app,
        host=app[CONFIG].host,
        port=app[CONFIG].port,
        backend="trio" if loop == "trio" else "asyncio",
        shutdown_timeout=10,
        print=lambda text: print(text, flush=True),
        **extra,
    )
