"""Runs the examples as they stand: an example is a text, and only its hosts are others when it runs.

Beside the import of drywire for aiohttp and what a comment calls a slip, a test changes one thing only: a value that it
looks at, and that the document drops, gets a name, or stands at a prompt.
"""

import ast
import asyncio
import contextlib
import doctest
import functools
import gc
import importlib.util
import inspect
import io
import linecache
import re
import textwrap
import warnings
from pathlib import Path

import pytest

import drywire
from drywire_transports import run

__all__ = ["ON_ASYNCIO", "Played", "Player", "Script", "installed", "run_or_left_out"]


def installed(name):
    """Return the mark of what needs the module `name`."""
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{name} is not installed here")


HOSTS = re.compile(
    r"""https?://
    (?: (?:[a-z]+\.)* (?: httpbin\.org | github\.com | example\.(?:com|org) | python\.org | baidu\.com )
      | some\.url | proxy:8080 | 127\.0\.0\.1:8080
    ) (?![\w.:-])""",
    re.VERBOSE,
)
"""The hosts that the server of the tests stands in for."""

ON_ASYNCIO = [
    pytest.param(("asyncio", {}), id="asyncio"),
    pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop", marks=installed("uvloop")),
]
"""Values of `anyio_backend` for an example that names asyncio's API."""

PROLOGUE = re.compile(r"asyncio\.run\((\w+)\(\)\)")
"""How an example starts its loop."""


class Played:
    """What an example has left behind."""

    def __init__(self, names):
        self._printed = io.StringIO()
        self.names = {"aiohttp": drywire, "print": functools.partial(print, file=self._printed), **names}
        self.values = []
        """Of an example at the prompt, the value of each expression, and the text that the document prints for it."""

    @property
    def said(self):
        """What it has printed so far."""
        return self._printed.getvalue()

    def __getitem__(self, name):
        return self.names[name]


class Player:
    """Runs an example in the test's own loop: ``played = await play(text)``."""

    def __init__(self, name, url):
        self._name = name
        self.url = url

    def text_of(self, example, at=None, relative=False, shortened=()):
        """Return `example` as it is run.

        Its hosts are `at`, else the server of the tests; with `relative`, paths in quotes are paths there, too.
        `shortened` are pairs of what an example writes and what is run, so that no test waits for seconds.
        """
        text = textwrap.dedent(example).strip("\n") + "\n"
        for written, run_instead in shortened:
            assert written in text
            text = text.replace(written, run_instead)
        url = self.url if at is None else at.rstrip("/")
        text = HOSTS.sub(url, text)
        if relative:
            text = re.sub(r'"(?=/\w)', f'"{url}', text)
        return text

    def compiled(self, text, mode="exec"):
        """Return `text` as code that may await at its top level. Tracebacks show its lines."""
        name = f"<{self._name}>"
        linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name
        return compile(text, name, mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)

    async def __call__(self, example, *, deprecated=None, main=None, at=None, relative=False, shortened=(), **names):
        """Run `example` with `names`, then its function `main`; close the sessions that it has left open.

        `deprecated` is what its DeprecationWarnings say; without it, it must not give any.
        """
        played = Played(names)
        text = self.text_of(example, at, relative, shortened)
        with expected(deprecated):
            try:
                await self._run(text, played)
                if main is not None:
                    await played[main]()
            finally:
                for name, value in played.names.items():
                    if isinstance(value, drywire.ClientSession) and name not in names:
                        await value.close()
        return played

    async def _run(self, text, played):
        if ">>> " not in text:
            await self._finish(self.compiled(text), played)
            return
        for prompt in doctest.DocTestParser().get_examples(text):
            try:
                code = self.compiled(prompt.source.strip(), "eval")
            except SyntaxError:
                await self._finish(self.compiled(prompt.source), played)
            else:
                played.values.append((await self._finish(code, played), prompt.want.strip()))

    @staticmethod
    async def _finish(code, played):
        made = eval(code, played.names)
        return await made if code.co_flags & inspect.CO_COROUTINE else made


class Script(Player):
    """Runs an example that is a whole program, in the main thread, outside of any loop: ``played = script(text)``.

    A program that starts a loop gets one of `backend`; on trio its ``asyncio.run(main())`` is trio.run.
    """

    def __init__(self, name, url, backend):
        super().__init__(name, url)
        self.backend = backend

    def __call__(self, example, *, deprecated=None, at=None, relative=False, shortened=(), **names):
        played = Played({"__name__": "__main__", **names})
        text = self.text_of(example, at, relative, shortened)
        with expected(deprecated):
            if self.backend == "trio":
                starts = PROLOGUE.findall(text)
                text = PROLOGUE.sub(r"\1", text)
                assert "asyncio." not in text, "this example is not for trio"
                exec(self.compiled(text), played.names)
                for start in starts:
                    self.run(played[start])
            else:
                with event_loops_of(self.backend):
                    exec(self.compiled(text), played.names)
        gc.collect()
        return played

    def run(self, function, *args):
        """Run a coroutine function in a loop of `backend`."""
        if self.backend == "trio":
            return run(function, *args, backend="trio")
        return run(function, *args, loop_factory=loop_factory_of(self.backend))


def loop_factory_of(backend):
    if backend == "uvloop":
        import uvloop

        return uvloop.new_event_loop
    return asyncio.SelectorEventLoop


@contextlib.contextmanager
def event_loops_of(backend):
    """Let ``asyncio.run`` and ``asyncio.get_event_loop`` give loops of `backend`."""

    # Python 3.14 deprecates policies; ``asyncio.run`` has no other way to be told of a loop from outside.
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):

        class Policy(asyncio.DefaultEventLoopPolicy):
            def new_event_loop(self):
                return loop_factory_of(backend)()

        asyncio.set_event_loop_policy(Policy())
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        loop.close()
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            asyncio.set_event_loop(None)
            asyncio.set_event_loop_policy(None)


def expected(deprecated):
    return contextlib.nullcontext() if deprecated is None else pytest.warns(DeprecationWarning, match=deprecated)


def run_or_left_out(left_out, document, count):
    """Check that of the examples of `document`, ``S0-01`` to `count`, each has a test or a reason to have none."""
    files = Path(__file__).parent.glob(f"test_{document.lower()}*.py")
    names = re.findall(rf"def test_{document.lower()}_(\d\d)_", "".join(file.read_text("utf-8") for file in files))
    found = {f"{document}-{number}" for number in names}
    assert not found & set(left_out)
    assert found | set(left_out) == {f"{document}-{number:02}" for number in range(1, count + 1)}
    assert all(left_out.values())
