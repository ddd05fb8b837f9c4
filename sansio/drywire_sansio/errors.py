"""The errors of the protocol core: one root, two sides, and limits as a kind of the remote side.

ProtocolError
    LocalProtocolError             this side asked for something the protocol forbids; nothing was sent
    RemoteProtocolError            the peer broke a rule; the connection cannot be read any further
        LimitExceeded              the peer went over one of the `Limits`
"""

from __future__ import annotations

__all__ = ["LimitExceeded", "LocalProtocolError", "ProtocolError", "RemoteProtocolError"]

EXCERPT = 60
"""Bytes of the peer's input that a message quotes at most: errors are built from bounded slices only."""


class ProtocolError(Exception):
    """Root of the core's errors; never raised itself."""


class LocalProtocolError(ProtocolError):
    """You asked the connection to send what the protocol forbids. Nothing was sent; the message says the rule."""


class RemoteProtocolError(ProtocolError):
    """The peer sent what the protocol forbids.

    After it the connection stays in the state ERROR and raises the same error again; a server that has not begun
    its response may still send one, and then must close.

    `status`   the status to answer with: a server's to a bad request (400, 413, 414, 431, 501, 505), and for a bad
               response always the 502 of a gateway.
    `rule`     the rule's short name, stable for tests and metrics, such as ``"bare-lf"``.
    `section`  where the rule stands, such as ``"RFC 9112, 2.2"``.
    `offset`   how many bytes the peer had sent on this connection before the offending one.
    `excerpt`  the offending bytes, at most 60 of them.
    `close_code`  of a WebSocket: the code to close it with (RFC 6455, 7.4.1); 0 for HTTP.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        rule: str = "",
        section: str = "",
        offset: int = 0,
        excerpt: bytes = b"",
        close_code: int = 0,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.rule = rule
        self.section = section
        self.offset = offset
        self.excerpt = excerpt[:EXCERPT]
        self.close_code = close_code

    def __str__(self) -> str:
        text = f"{self.args[0]}, at byte {self.offset}"
        if self.excerpt:
            text += f" ({self.excerpt!r})"
        return f"{text} [{self.section}]" if self.section else text


class LimitExceeded(RemoteProtocolError):
    """The peer went over a limit. `limit` names the field of `Limits` to raise, `value` is what it is set to."""

    # All have a default since an exception is copied and unpickled by its message first, and its attributes then.
    def __init__(
        self,
        message: str,
        *,
        limit: str = "",
        value: int = 0,
        status: int = 400,
        section: str = "",
        offset: int = 0,
        close_code: int = 0,
    ) -> None:
        rule = f"limit-{limit}"
        super().__init__(message, status=status, rule=rule, section=section, offset=offset, close_code=close_code)
        self.limit = limit
        self.value = value
