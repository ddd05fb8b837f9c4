"""A table of routes for a `MemoryConnector`: which request gets which answer."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from yarl import URL

from .errors import ClientConnectionError
from .memory_peer import Answer, RequestHandler, SeenRequest
from .websocket import http_url

__all__ = ["InTurn", "Routes", "in_turn"]

Pattern = str | URL | re.Pattern[str]
_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_STAND_IN: Final = "drywire-place-{}-x"
_LISTED: Final = 20
"""Routes that an error names at the most."""


class InTurn:
    """Answers in turn; see `in_turn`."""

    __slots__ = ("_answers", "_count", "_left")

    def __init__(self, answers: tuple[Answer, ...]) -> None:
        self._answers: Iterator[Answer] = iter(answers)
        self._count = len(answers)
        self._left = len(answers)

    @property
    def left(self) -> int:
        """How many have not been given yet."""
        return self._left

    def __call__(self, request: SeenRequest) -> Answer:
        """Return the next answer. Raises ClientConnectionError after the last."""
        for answer in self._answers:
            self._left -= 1
            return answer
        raise ClientConnectionError(
            f"no answer is left for {request.method} {request.url}: all {self._count} were given"
        )


def in_turn(*answers: Answer) -> InTurn:
    """Return what answers the first request with the first of `answers`, the second with the second, and so on.

    Asked for more, it raises ClientConnectionError.
    """
    return InTurn(answers)


class _Route(NamedTuple):
    method: str
    written: str
    pattern: re.Pattern[str]
    whole: bool
    """Whether `pattern` is for the query too."""
    has_origin: bool
    answer: Answer | RequestHandler

    def match(self, request: SeenRequest) -> re.Match[str] | None:
        if self.method not in ("*", request.method):
            return None
        url = request.url if self.whole else request.url.with_query(None)
        return self.pattern.fullmatch(str(url if self.has_origin else url.relative()))


class Routes:
    """Answers requests by a table: a mapping of ``(method, URL)`` to answers, or to handlers of the request.

    The method is upper-case, or ``"*"`` for any. The URL is a whole one, or a path, for any host. ``{name}`` in it
    stands for one or more characters but ``/`` and ``?``, and is found in `SeenRequest.match_info`. Without a query
    it matches whatever the query is, with one just that. A compiled pattern must match all of the URL's text, with its
    query; its named groups become the `match_info`. The first route that matches is taken, in the order of the table.

    Raises ValueError and TypeError for a key that is none of these.
    """

    def __init__(self, table: Mapping[tuple[str, Pattern], Answer | RequestHandler]) -> None:
        self._routes = [_route(key, answer) for key, answer in table.items()]

    async def __call__(self, request: SeenRequest) -> Answer:
        """Return the answer to `request`. Raises ClientConnectionError where there is none."""
        for route in self._routes:
            found = route.match(request)
            if found is None:
                continue
            request.match_info = {name: unquote(value or "") for name, value in found.groupdict().items()}
            answer = route.answer
            if isinstance(answer, type) or not callable(answer):
                return answer
            made = answer(request)
            return await made if inspect.isawaitable(made) else made
        raise ClientConnectionError(f"nothing answers {request.method} {request.url}; {self._there_is()}")

    def _there_is(self) -> str:
        if not self._routes:
            return "there are no routes"
        named = [f"{route.method} {route.written}" for route in self._routes[:_LISTED]]
        more = len(self._routes) - len(named)
        return f"there is: {', '.join(named)}" + (f" and {more} more" if more else "")


def _route(key: Any, answer: Answer | RequestHandler) -> _Route:
    if not isinstance(key, tuple) or len(key) != 2 or not isinstance(key[0], str):
        raise TypeError(f"a route is a pair of method and URL, not {key!r}")
    method, url = key
    if method != method.upper():
        raise ValueError(f"methods are case-sensitive (RFC 9110, 9.1): write {method.upper()!r}, not {method!r}")
    if isinstance(url, re.Pattern):
        return _Route(method, f"/{url.pattern}/", url, True, True, answer)
    if not isinstance(url, str | URL):
        raise TypeError(f"the URL of a route is a str, a yarl.URL or a compiled pattern, not {type(url).__name__}")
    return _template(method, str(url), answer)


def _template(method: str, text: str, answer: Answer | RequestHandler) -> _Route:
    """Return the route for a URL as text, in which ``{name}`` may stand. Raises ValueError."""
    names: list[str] = _PLACE.findall(text)
    for name in names:
        if not name.isidentifier() or names.count(name) > 1:
            raise ValueError(f"{{{name}}} in {text!r} must be a name, and stand there once")
    counter = iter(range(len(names)))
    url = URL(http_url(URL(_PLACE.sub(lambda _: _STAND_IN.format(next(counter)), text))))
    if not url.absolute and not url.raw_path.startswith("/"):
        raise ValueError(f"{text!r} is neither a whole URL nor a path that begins with a slash")
    pattern = re.escape(str(url.with_fragment(None)))
    for number, name in enumerate(names):
        pattern = pattern.replace(re.escape(_STAND_IN.format(number)), f"(?P<{name}>[^/?]+)")
    return _Route(method, text, re.compile(pattern), bool(url.raw_query_string), url.absolute, answer)
