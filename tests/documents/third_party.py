"""Modules that some examples import beside aiohttp, as far as those use them; none of them is installed here."""

import asyncio
import json
import types
import urllib.request

__all__ = ["async_timeout", "requests", "tenacity"]


def _module(name, **names):
    module = types.ModuleType(name)
    vars(module).update(names)
    return module


class _Timeout:
    """async_timeout.timeout as it was up to 3.0: for ``with``, too. asyncio's own one beneath never waits."""

    def __init__(self, delay, *, loop=None):
        self._timeout = asyncio.timeout(delay)

    @staticmethod
    def _finish(coroutine):
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("it waits")

    def __enter__(self):
        self._finish(self._timeout.__aenter__())
        return self

    def __exit__(self, *error):
        return self._finish(self._timeout.__aexit__(*error))

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, *error):
        return self.__exit__(*error)


async_timeout = _module("async_timeout", timeout=_Timeout)


class _Response:
    def __init__(self, body):
        self._body = body

    def json(self):
        return json.loads(self._body)


def _get(url, headers):
    # urllib, unlike requests, leaves it to its caller to quote.
    quoted = urllib.parse.quote(url, safe=":/?&=")
    with urllib.request.urlopen(urllib.request.Request(quoted, headers=headers)) as response:
        return _Response(response.read())


requests = _module("requests", get=_get)


def _retry(*, stop, wait, retry):
    """Call a coroutine function up to `stop` times, at once again, while it raises `retry`."""

    def decorate(function):
        async def call(*args):
            for left in reversed(range(stop)):
                try:
                    return await function(*args)
                except retry:
                    if not left:
                        raise

        return call

    return decorate


tenacity = _module(
    "tenacity",
    retry=_retry,
    stop_after_attempt=lambda count: count,
    wait_exponential=lambda **settings: settings,
    retry_if_exception_type=lambda kind: kind,
)
