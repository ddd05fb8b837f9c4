"""The pages: each handler returns the variables of its template."""

from __future__ import annotations

from typing import Any, Final

from drywire import web
from drywire.jinja2 import render_template, template

from .db import Database, RecordNotFound

__all__ = ["DATABASE", "index", "poll", "results", "vote"]

DATABASE: Final = web.AppKey("database", Database)

Variables = dict[str, Any]


@template("index.html")
async def index(request: web.Request) -> Variables:
    return {"questions": await request.app[DATABASE].questions()}


@template("detail.html")
async def poll(request: web.Request) -> Variables:
    return await question_of(request)


@template("results.html")
async def results(request: web.Request) -> Variables:
    return await question_of(request)


async def vote(request: web.Request) -> web.StreamResponse:
    choice = (await request.post()).get("choice", "")
    try:
        await request.app[DATABASE].vote(question_id_of(request), number(choice))
    except RecordNotFound:
        # Nobody has chosen, or the question has gone meanwhile, which is 404.
        variables = {**await question_of(request), "error": "You did not choose."}
        return render_template("detail.html", request, variables, status=400)
    # "See other": reloading the page that follows does not vote again.
    raise web.HTTPSeeOther(request.app.router["results"].url_for(**request.match_info))


async def question_of(request: web.Request) -> Variables:
    """Return the question that the URL names, and its choices."""
    try:
        question, choices = await request.app[DATABASE].question(question_id_of(request))
    except RecordNotFound as error:
        raise web.HTTPNotFound(text=str(error)) from error
    return {"question": question, "choices": choices}


def question_id_of(request: web.Request) -> int:
    return int(request.match_info["question_id"])  # digits, says the route


def number(text: object) -> int:
    """Return the number that a field of a form is. Raises RecordNotFound: nothing has another one."""
    if isinstance(text, str) and 0 < len(text) < 10 and text.isascii() and text.isdigit():
        return int(text)
    raise RecordNotFound("this is no number of a record")
