"""A WebSocket client that comes back: it listens to the chat of examples/chat/server.py, and connects anew if cut off.

python examples/reconnecting_client.py [--url ws://127.0.0.1:8080/chat] [--name guest] [--say TEXT] [--trio]

Three decisions make it, each a function of values: how long to wait (`full_jitter`), and what the end of a connection
(`after_close`) or a refused handshake (`after_refusal`) means for the next attempt. The loop around them is
`stay_connected`, which works for any WebSocket: what is said on it is up to the function that it is given.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from enum import Enum
from functools import partial
from typing import Final

import anyio
from yarl import URL

import drywire
from drywire import ClientWebSocketResponse, WSCloseCode, WSMsgType

HEARTBEAT: Final = 20.0
"""Seconds of silence after which the server is pinged. Without it a cable that is pulled out is never noticed."""
NAME_TAKEN: Final = 4001
"""The chat's own code. After a lost connection our own name may be there still, until the server notices the loss."""

Talk = Callable[[ClientWebSocketResponse], Awaitable[None]]
Say = Callable[[str], None]


class Next(Enum):
    """What to do after a connection has ended."""

    STOP = "stop"
    """The end was meant: all is well."""
    RETRY = "retry"
    """It may be better the next time."""
    GIVE_UP = "give up"
    """It would end the same way again."""


class GivenUp(Exception):
    """There is no use in another attempt, for the reason that it says."""


def full_jitter(
    *, first: float = 0.5, longest: float = 30.0, chance: Callable[[], float] = random.random
) -> Iterator[float]:
    """Yield how long to wait before each attempt, in seconds: at random up to a bound that doubles up to `longest`.

    A server that comes back has all its clients come back. Waits of the same length would bring them all at once, time
    after time; waits anywhere between zero and the bound spread them evenly. `chance` returns a number from 0 to 1.
    """
    bound = min(first, longest)
    while True:
        yield chance() * bound
        bound = min(bound * 2, longest)


_MEANT: Final = frozenset({int(WSCloseCode.OK), 1005})  # 1005: a close frame without a code
_PASSING: Final = frozenset(
    {
        WSCloseCode.GOING_AWAY,
        WSCloseCode.ABNORMAL_CLOSURE,
        WSCloseCode.INTERNAL_ERROR,
        WSCloseCode.SERVICE_RESTART,
        WSCloseCode.TRY_AGAIN_LATER,
        WSCloseCode.BAD_GATEWAY,
        NAME_TAKEN,
    }
)


def after_close(code: int) -> Next:
    """Return what to do after a connection was closed with `code`.

    The other codes say that we did something wrong, or that we are not wanted: both will be so again.
    """
    if code in _MEANT:
        return Next.STOP
    return Next.RETRY if code in _PASSING else Next.GIVE_UP


def after_refusal(status: int) -> Next:
    """Return what to do after a handshake was answered with `status`, an HTTP status that is not 101."""
    return Next.RETRY if status >= 500 or status in (408, 425, 429) else Next.GIVE_UP


async def stay_connected(
    connect: Callable[[], Awaitable[ClientWebSocketResponse]],
    talk: Talk,
    *,
    waits: Callable[[], Iterator[float]] = full_jitter,
    stable: float = 10.0,
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    clock: Callable[[], float] = anyio.current_time,
    say: Say = print,
) -> None:
    """Have ``talk(ws)`` run on a WebSocket of `connect`, and on the next one when that was cut off.

    `waits` makes the times to wait between attempts, anew after a connection that lasted for `stable` seconds: one that
    is accepted and dropped at once is no success. Returns once a connection has ended as it was meant to; raises
    GivenUp where it is no use to try again.
    """
    waiting = waits()
    while True:
        what, why, lasted = await _attempt(connect, talk, clock)
        if what is Next.STOP:
            return
        if what is Next.GIVE_UP:
            raise GivenUp(why)
        if lasted >= stable:
            waiting = waits()
        seconds = next(waiting)
        say(f"{why}; again in {seconds:.1f} s")
        await sleep(seconds)


async def _attempt(
    connect: Callable[[], Awaitable[ClientWebSocketResponse]], talk: Talk, clock: Callable[[], float]
) -> tuple[Next, str, float]:
    """Connect and talk to the end; return what to do then, why, and for how many seconds the connection stood."""
    try:
        ws = await connect()
    except drywire.ClientResponseError as error:
        return after_refusal(error.status), f"refused: {error.status} {error.message}", 0.0
    except drywire.ClientSSLError as error:
        return Next.GIVE_UP, f"not the right server: {error}", 0.0
    except (drywire.ClientConnectionError, TimeoutError) as error:
        return Next.RETRY, f"no connection: {error}", 0.0
    began = clock()
    async with ws:  # whatever happens, Ctrl-C among it, the server is told that we leave
        with suppress(ConnectionResetError):  # cut off while it said something: the close code knows more
            await talk(ws)
    # Who returned from `talk` on an open connection has meant to end it, and it was closed with 1000 just now.
    code = WSCloseCode.ABNORMAL_CLOSURE if ws.close_code is None else ws.close_code
    return after_close(code), f"closed with {code}", clock() - began


# The chat


async def listen(ws: ClientWebSocketResponse, *, greeting: str | None = None, say: Say = print) -> None:
    """Show what is said in the chat, until the connection ends; say `greeting` first."""
    if greeting is not None:
        await ws.send_json({"say": greeting})
    while (message := await ws.receive()).type is WSMsgType.TEXT:
        for line in lines_of(message.data):
            say(line)
    if message.type is WSMsgType.CLOSE and message.extra:
        say(harmless(f"the server says: {message.extra}"))


def lines_of(text: str) -> list[str]:
    """Return what to show of a message of the chat."""
    match json.loads(text):
        case {"kind": "welcome", "members": members, "history": history}:
            return [f"here: {harmless(', '.join(members))}", *[_said(said) for said in history]]
        case {"kind": "said"} as said:
            return [_said(said)]
        case {"kind": "joined" | "left" as what, "name": name}:
            return [f"* {harmless(name)} has {what}"]
        case _:
            return []


def _said(said: dict[str, str]) -> str:
    return harmless(f"{said['name']}: {said['text']}")


def harmless(text: str) -> str:
    """Return `text` without what a terminal might obey."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


async def run(url: str, greeting: str | None) -> None:
    say = partial(print, flush=True)
    async with drywire.ClientSession(timeout=drywire.ClientTimeout(total=30)) as session:
        connect = partial(session.ws_connect, url, heartbeat=HEARTBEAT)
        await stay_connected(connect, partial(listen, greeting=greeting, say=say), say=say)


def main() -> int:
    parser = argparse.ArgumentParser(description="a chat client that reconnects", allow_abbrev=False)
    parser.add_argument("--url", default="ws://127.0.0.1:8080/chat", help="of the chat (%(default)s)")
    parser.add_argument("--name", default="guest", help="in the chat (%(default)s)")
    parser.add_argument("--say", help="what to say each time it is connected")
    parser.add_argument("--trio", action="store_true", help="run on trio, not on asyncio")
    options = parser.parse_args()
    url = str(URL(options.url).update_query(name=options.name))
    try:
        anyio.run(run, url, options.say, backend="trio" if options.trio else "asyncio")
    except GivenUp as error:
        print(f"given up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bye")
    return 0


if __name__ == "__main__":
    sys.exit(main())
