"""`Server`: the connections of one application, counted, drained and cut."""

from __future__ import annotations

from collections.abc import Callable

from drywire_sansio.http1 import Limits
from drywire_transports import ByteStream, Runtime, TaskHandle

from .connection import RequestHandler, ServerConnection
from .errors import GracefulExit
from .settings import ServerSettings

__all__ = ["Server"]


class Server:
    """Serves every stream it is given with one handler. It opens nothing itself: sites do.

    `handler` gets each request and returns its response; `settings` bounds what a client may take in time, `limits`
    in size.
    """

    def __init__(
        self, runtime: Runtime, handler: RequestHandler, settings: ServerSettings, limits: Limits | None = None
    ) -> None:
        self.runtime = runtime
        self.handler = handler
        self.settings = settings
        self.limits = limits
        self.closing = False
        """Whether connections end after the response they are at."""
        self.on_exit: Callable[[], None] | None = None
        """Called where a handler raises GracefulExit, which otherwise goes on to the event loop."""
        self._connections: set[ServerConnection] = set()

    @property
    def connections(self) -> list[ServerConnection]:
        """The connections that are open."""
        return list(self._connections)

    async def serve(self, stream: ByteStream) -> None:
        """Serve one connection to its end."""
        connection = ServerConnection(stream, self)
        self._connections.add(connection)
        try:
            await connection.run()
        except GracefulExit:
            if self.on_exit is None:
                raise
            self.on_exit()
        finally:
            self._connections.discard(connection)

    def close_websockets(self) -> list[TaskHandle]:
        """Begin to close each WebSocket that is open, with 1001; return the tasks that do."""
        return [
            self.runtime.spawn(connection.go_away, name="drywire closes a WebSocket")
            for connection in self._connections
            if connection.websocket is not None and not connection.websocket.closed
        ]

    def drain(self) -> None:
        """Close idle connections now, and the others once they have sent the response they are at."""
        self.closing = True
        for connection in self._connections:
            if connection.idle:
                connection.stream.abort()
