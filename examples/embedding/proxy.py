"""The core on both sides of a reverse proxy: a ServerConnection for the client, a ClientConnection for the origin.

python examples/embedding/threads.py --port 8080
python examples/embedding/proxy.py --port 8081 --origin 127.0.0.1:8080
curl http://127.0.0.1:8081/ -d hello

Events read from one side are sent to the other, so a body passes in the pieces in which it came: it is never gathered,
and its Content-Encoding is not looked at. Only its framing is made anew, by the core, for each hop. What must change in
the heads is in forwarding.py; what waits, in peers.py.

Request and response pass at the same time, in two tasks: an origin may answer before it has read all, and an echo must
be read from while it is written to. Each task reads a piece and then waits until it is written, so the slower side sets
the pace of the other, and a piece in each direction is all that is held.

What a proxy owes, besides: 502 for an origin that fails and 504 for one that is silent, as long as no response is under
way; after that a broken connection, so that half a body is not taken for a whole one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from http import HTTPStatus

from forwarding import interim_to_client, request_to_origin, response_to_client
from peers import Peer
from program import listen, parser, stop_event

from drywire_sansio.http1 import (
    DONE,
    IDLE,
    SEND_BODY,
    SEND_RESPONSE,
    ClientConnection,
    Data,
    EndOfMessage,
    InformationalResponse,
    LocalProtocolError,
    RemoteProtocolError,
    Request,
    Response,
    ServerConnection,
)

SILENCE = 60.0
"""Seconds that a client may say nothing, or not take what we send."""


class CannotPass(Exception):
    """The client is to be answered by us, with `status`."""

    def __init__(self, status: int, why: object) -> None:
        super().__init__(f"{why}")
        self.status = status


class Aborted(Exception):
    """What was begun cannot be finished: the client's connection must be broken."""


class Proxy:
    """Passes the requests of clients to one origin."""

    def __init__(self, host: str, port: int, patience: float) -> None:
        self._host, self._port, self._patience = host, port, patience
        self._authority = f"{host}:{port}".encode()
        self._clients: set[asyncio.Task[object]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until either side wants no more."""
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        client = Peer(ServerConnection(), reader, writer, SILENCE)
        try:
            while await self._one_request(client):
                client.connection.start_next_cycle()
            await client.hang_up()
        except Aborted:
            client.reset()
        except (OSError, asyncio.CancelledError):
            pass  # the client is gone, or does not read; or the program ends
        finally:
            self._clients.discard(task)
            client.close()

    async def stop(self) -> None:
        """End all clients' connections."""
        tasks = list(self._clients)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _one_request(self, client: Peer) -> bool:
        """Pass a request on and its response back; whether another may follow on the client's connection."""
        connection = client.connection
        client.method = b""
        try:
            request = await client.next_event()
            if not isinstance(request, Request):
                return False  # ConnectionClosed
            await self._pass_on(client, request)
        except (CannotPass, RemoteProtocolError) as error:  # the client broke a rule; if the origin did: CannotPass
            await refuse(client, error.status, str(error))
        except LocalProtocolError as error:  # the origin said what must not be passed on
            await refuse(client, 502, str(error))
        except TimeoutError:
            if connection.their_state is IDLE:
                return False
            await refuse(client, 408, "the request took too long")
        return connection.our_state is DONE and connection.their_state is DONE

    async def _pass_on(self, client: Peer, request: Request) -> None:
        if request.method in (b"CONNECT", b"TRACE"):
            raise CannotPass(405, "not passed on here")
        connection = ClientConnection()
        try:
            head = connection.send_buffers(request_to_origin(request, self._authority))
        except LocalProtocolError as error:  # such as a target of which no Host can be made
            raise CannotPass(400, error) from error
        origin = await self._connect(connection)
        try:
            with origin_failures():
                await origin.write(head)
            async with asyncio.TaskGroup() as group:
                upload = group.create_task(pass_request_body(client, origin))
                await pass_response(origin, client)
                # An answer before the end of the request is final, too: what is left of the request is not sent
                # (RFC 9112, 9.5). The client's side is then not DONE, so its connection is closed.
                upload.cancel()
        except BaseExceptionGroup as group_error:
            raise group_error.exceptions[0] from None  # the first failed; the others were cancelled for it
        finally:
            origin.close()

    async def _connect(self, connection: ClientConnection) -> Peer:
        with origin_failures():
            async with asyncio.timeout(self._patience):
                reader, writer = await asyncio.open_connection(self._host, self._port)
        return Peer(connection, reader, writer, self._patience)


@contextlib.contextmanager
def origin_failures() -> Iterator[None]:
    """Turn what goes wrong in the block, where only the origin is dealt with, into CannotPass."""
    try:
        yield
    except TimeoutError:
        raise CannotPass(504, "the origin was silent for too long") from None
    except (OSError, RemoteProtocolError) as error:
        raise CannotPass(502, f"the origin failed: {error}") from error


async def pass_request_body(client: Peer, origin: Peer) -> None:
    """Send the origin what the client sends. Raises the client's errors only."""
    while True:
        event = await client.next_event()
        assert isinstance(event, Data | EndOfMessage)
        try:
            await origin.send(event)
        except OSError:
            origin.send_failed()  # whether it has answered, `pass_response` will see
            return
        if isinstance(event, EndOfMessage):
            return


async def pass_response(origin: Peer, client: Peer) -> None:
    """Send the client what the origin answers. Raises CannotPass for the origin, OSError for the client."""
    client_is_old = client.connection.their_http_version == b"1.0"
    while True:
        with origin_failures():
            event = await origin.next_event()
        match event:
            case InformationalResponse():  # 100 Continue among them: the client waits for the origin's, not for ours
                if not client_is_old:
                    await client.send(interim_to_client(event))
            case Response():
                refused = event.status >= 400 and client.connection.their_state is SEND_BODY
                await client.send(response_to_client(event, close=refused, chunked=not client_is_old))
            case Data():
                await client.send(event)
            case EndOfMessage(trailers):
                await client.send(EndOfMessage(() if client_is_old else trailers))
                return
            case _:
                raise CannotPass(502, "the origin closed without an answer")


async def refuse(client: Peer, status: int, why: str) -> None:
    """Answer in place of the origin. Raises Aborted where its response is under way already."""
    connection = client.connection
    if connection.our_state not in (IDLE, SEND_RESPONSE):
        raise Aborted(why)
    text = f"{why}\n".encode()
    fields = [(b"Content-Type", b"text/plain; charset=utf-8"), (b"Content-Length", b"%d" % len(text))]
    if connection.their_state is SEND_BODY:
        fields.append((b"Connection", b"close"))  # the rest of the request is not read
    head = Response(status, fields, HTTPStatus(status).phrase.encode())
    await client.write(connection.send_whole(head, b"" if client.method == b"HEAD" else text))


async def serve(port: int, host: str, origin_port: int, patience: float) -> None:
    """Pass on until a signal says that it is enough."""
    stop = stop_event()
    proxy = Proxy(host, origin_port, patience)
    async with await asyncio.start_server(proxy.serve, sock=listen(port)):
        await stop.wait()
        await proxy.stop()


def main() -> None:
    """Pass on until a signal says that it is enough."""
    options = parser(__doc__)
    options.add_argument("--origin", default="127.0.0.1:8000", metavar="HOST:PORT", help="(%(default)s)")
    options.add_argument("--patience", type=float, default=30.0, help="seconds the origin may be silent (%(default)s)")
    given = options.parse_args()
    host, _, port = given.origin.rpartition(":")
    asyncio.run(serve(given.port, host, int(port), given.patience))


if __name__ == "__main__":
    main()
