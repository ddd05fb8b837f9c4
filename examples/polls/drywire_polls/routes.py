"""Which view answers which URL."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from drywire import web

from .views import index, poll, results, vote

__all__ = ["setup_routes"]

STATIC: Final = Path(__file__).parent.parent / "static"
QUESTION: Final = "/poll/{question_id:[0-9]{1,9}}"
"""Nine digits: no more fit into the integers of a database."""


def setup_routes(app: web.Application) -> None:
    app.add_routes(
        [
            web.get("/", index, name="index"),
            web.get(QUESTION, poll, name="poll"),
            web.get(f"{QUESTION}/results", results, name="results"),
            web.post(f"{QUESTION}/vote", vote, name="vote"),
        ]
    )
    # With its version in the URL, a file that has changed is another one to browsers.
    app.router.add_static("/static/", path=STATIC, name="static", append_version=True)
