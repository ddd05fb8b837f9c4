"""A chat room on WebSockets: a page for browsers, and messages in JSON for any other program.

python examples/chat/server.py [--port 8080] [--trio | --uvloop]

A client opens ws://127.0.0.1:8080/chat?name=ada. It says {"say": "hello"}, and hears {"kind": ...} with the kinds
"welcome" (who is there, and what was said before), "joined", "said" and "left".

What a room must not do is wait for its members: a broadcast only puts a message into the queue of each, and a task for
each member sends what is in its queue. Whose queue is full does not read, and has to leave.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anyio

from drywire import web

PAGE: Final = Path(__file__).with_name("page.html")
LONGEST_NAME: Final = 24
NAME_REFUSED: Final = 4000
"""The codes from 4000 to 4999 are an application's own (RFC 6455, 7.4.2)."""
NAME_TAKEN: Final = 4001


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a room allows. Times are seconds."""

    members: int = 200
    history: int = 50
    """Messages that who joins is told."""
    queue: int = 64
    """Messages that may wait for a member to read."""
    pause: float = 0.05
    """Between two messages of one member. What it says faster waits in its own connection, not in our memory."""
    message_bytes: int = 4096
    heartbeat: float = 20.0
    patience: float = 5.0
    """For a member that we hang up on to read why."""
    origins: frozenset[str] | None = None
    """Sites whose pages may connect; None for the page that is served here."""


class Member:
    """Somebody in the room, with the messages that it has not been sent yet."""

    def __init__(self, name: str, queue: int) -> None:
        self.name = name
        self.slow = False
        self.listening = anyio.CancelScope()
        self._writer, self.letters = anyio.create_memory_object_stream[str](queue)

    def tell(self, text: str) -> None:
        """Have `text` sent soon; never waits."""
        if self.slow:
            return
        try:
            self._writer.send_nowait(text)
        except anyio.WouldBlock:
            self.slow = True
            self.listening.cancel()

    def close(self) -> None:
        """End the sending task; what it has not sent is dropped."""
        self._writer.close()
        self.letters.close()


class Room:
    """Who is there, and what was said. It does no I/O and never waits."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.members: dict[str, Member] = {}
        self._history: deque[dict[str, Any]] = deque(maxlen=rules.history)

    def refusal(self, name: str) -> tuple[int, str] | None:
        """Return the close code and the reason for which `name` cannot join; None if it can."""
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            return NAME_REFUSED, f"a name has 1 to {LONGEST_NAME} printable characters"
        if name in self.members:
            return NAME_TAKEN, "somebody of that name is here already"
        if len(self.members) >= self.rules.members:
            return web.WSCloseCode.TRY_AGAIN_LATER, "the room is full"
        return None

    @contextmanager
    def joined(self, name: str) -> Iterator[Member]:
        """Have a member of this name while the block runs, and tell the others of both its ends."""
        member = Member(name, self.rules.queue)
        self._tell_all({"kind": "joined", "name": name})
        self.members[name] = member
        try:
            member.tell(json.dumps({"kind": "welcome", "members": list(self.members), "history": list(self._history)}))
            yield member
        finally:
            del self.members[name]
            member.close()
            self._tell_all({"kind": "left", "name": name})

    def say(self, member: Member, text: str) -> None:
        said = {"kind": "said", "name": member.name, "text": text}
        self._history.append(said)
        self._tell_all(said)

    def _tell_all(self, message: dict[str, Any]) -> None:
        text = json.dumps(message)  # once for all of them
        for member in self.members.values():
            member.tell(text)


ROOM = web.AppKey("room", Room)


async def chat(request: web.Request) -> web.WebSocketResponse:
    room: Room = request.app[ROOM]
    rules = room.rules
    check_origin(request, rules.origins)
    ws = web.WebSocketResponse(heartbeat=rules.heartbeat, max_msg_size=rules.message_bytes, timeout=rules.patience)
    await ws.prepare(request)
    name = request.query.get("name", "").strip()
    refusal = room.refusal(name)
    if refusal is not None:
        # An answer with a status in place of 101 would do, too, but a page is not told which status it was.
        await ws.close(code=refusal[0], message=refusal[1])
        return ws
    async with anyio.create_task_group() as tasks:
        with room.joined(name) as member:
            tasks.start_soon(send_letters, ws, member)
            with member.listening:
                await listen(ws, room, member)
        if member.slow:
            # A close frame, too, waits for the message that is going out, but only as long as our patience lasts.
            await ws.close(code=web.WSCloseCode.POLICY_VIOLATION, message="you do not read what is said")
    return ws


def check_origin(request: web.Request, allowed: frozenset[str] | None) -> None:
    """Refuse the pages of other sites: browsers let any page open a WebSocket to anywhere, cookies included.

    A program that is no browser may say what it likes, or nothing, as most do. Who wants to know it asks for more.
    """
    origin = request.headers.get("Origin")
    if origin is None:
        return
    if allowed is None:
        allowed = frozenset({f"http://{request.host}", f"https://{request.host}"})  # https: behind a proxy
    if origin not in allowed:
        raise web.HTTPForbidden(text="403: this page may not connect here")


async def listen(ws: web.WebSocketResponse, room: Room, member: Member) -> None:
    """Tell the room what `member` says, until the connection ends, for whatever reason."""
    async for message in ws:
        if message.type is web.WSMsgType.ERROR:
            break  # too long, or no WebSocket: the connection is closed already, with the code that says so
        text = what_is_said(message)
        if text is None:
            await ws.close(code=web.WSCloseCode.UNSUPPORTED_DATA, message='say {"say": "..."}')
            break
        if text.strip():
            room.say(member, text)
        await anyio.sleep(room.rules.pause)


def what_is_said(message: web.WSMessage) -> str | None:
    """Return the text in a message of a client, None where it is not as it should be."""
    if message.type is not web.WSMsgType.TEXT:
        return None
    with suppress(ValueError, RecursionError):
        match message.json():
            case {"say": str(text)}:
                return text
    return None


async def send_letters(ws: web.WebSocketResponse, member: Member) -> None:
    """Send `member` what it is told, in its own time: each send waits until the connection can take more."""
    # Reset: the connection is lost, which whoever listens is told, too. Closed: the member has left.
    with suppress(ConnectionResetError, anyio.ClosedResourceError):
        async for text in member.letters:
            await ws.send_str(text)


def make_page() -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return the handler of the page. Its policy lets run what stands in it, and nothing that somebody may slip in."""
    html = PAGE.read_text("utf-8")
    sources = {}
    for tag in ("script", "style"):
        found = re.search(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert found is not None
        sources[tag] = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{sources['script']}'; style-src 'sha256-{sources['style']}'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html", headers=headers)

    return page


def make_app(rules: Rules | None = None) -> web.Application:
    app = web.Application()
    app[ROOM] = Room(rules or Rules())
    app.add_routes([web.get("/", make_page()), web.get("/chat", chat)])
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="a chat room on WebSockets", allow_abbrev=False)
    parser.add_argument("--port", type=int, default=8080, help="port on 127.0.0.1; 0 for a free one (%(default)s)")
    loops = parser.add_mutually_exclusive_group()
    loops.add_argument("--trio", action="store_true", help="run on trio, not on asyncio")
    loops.add_argument("--uvloop", action="store_true", help="run on uvloop")
    options = parser.parse_args()
    loop_factory = None
    if options.uvloop:
        import uvloop

        loop_factory = uvloop.new_event_loop
    web.run_app(
        make_app(),
        host="127.0.0.1",
        port=options.port,
        backend="trio" if options.trio else "asyncio",
        loop_factory=loop_factory,
        shutdown_timeout=10,  # once a signal has come, members are told 1001 (going away), and may take so long
        print=lambda text: print(text, flush=True),
    )


if __name__ == "__main__":
    main()
