"""What must hold for any bytes, a function each: it raises for a finding, else says what kind of thing happened."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from ..findings import Check

__all__ = ["ALL", "Target", "corpus", "load"]

HERE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Target:
    """A target and what it is about."""

    name: str
    about: str
    module: str
    function: str = "check"
    messages: str = "requests"
    """The kind of message that inputs are made of, where an engine makes them (see `inventions.py`)."""
    dictionary: str = "http1"
    """What libFuzzer puts into inputs: the name of a file beside this folder, without its `.dict`."""

    @property
    def check(self) -> Check:
        """The function to call with an input."""
        check: Check = getattr(self._home, self.function)
        return check

    def notes(self) -> list[str]:
        """Return what the target has to say of all that it was shown, if anything."""
        return list(getattr(self._home, "notes", list)())

    @property
    def _home(self) -> ModuleType:
        return import_module(f"fuzz.targets.{self.module}")


ALL = {
    target.name: target
    for target in (
        Target("requests", "a server reads any bytes: one verdict however they are split", "reading", "check_requests"),
        Target(
            "responses",
            "a client reads any bytes: one verdict however they are split, with quirks and without",
            "reading",
            "check_responses",
            "responses",
        ),
        Target("chunked", "a chunked body is decoded as the grammar says", "chunked", messages="chunks"),
        Target("sending", "what is sent is one well-formed message, or refused", "sending", messages="fields"),
        Target("conversations", "client and server over a faulty memory transport", "conversations"),
        Target("differential-requests", "h11, llhttp and aiohttp frame requests as we do", "differential", "requests"),
        Target(
            "differential-responses",
            "h11, llhttp and aiohttp frame responses as we do",
            "differential",
            "responses",
            "responses",
        ),
        Target(
            "websocket",
            "frames are events, or one error with its close code, for both roles and however they are split",
            "websockets",
            "check_frames",
            "frames",
            "websocket",
        ),
        Target(
            "websocket-deflate",
            "the same with permessage-deflate, bounded",
            "websockets",
            "check_deflate",
            "deflated",
            "websocket",
        ),
        Target(
            "websocket-handshake",
            "fields make a handshake, or are refused by a rule",
            "handshakes",
            "check_handshakes",
            "handshakes",
            "handshake",
        ),
    )
}


def load(name: str) -> Target:
    """Return the target `name`. Raises KeyError."""
    return ALL[name]


@cache
def corpus(name: str) -> tuple[bytes, ...]:
    """Return the seeds and the regressions of a target."""
    folders = (HERE / "corpus" / name, HERE / "regressions" / name)
    return tuple(path.read_bytes() for folder in folders if folder.is_dir() for path in sorted(folder.iterdir()))
