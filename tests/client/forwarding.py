"""A real HTTP proxy, as a script (absolute targets are forwarded, CONNECT opens a tunnel), and what tests read from it.

Whatever name is asked for, it goes to this machine: so a client that asks the resolver itself fails.
"""

import base64
import contextlib

from multidict import CIMultiDict
from yarl import URL

from drywire import web
from drywire_transports import TransportError, current_runtime

__all__ = ["basic", "cancelled_at_each_step", "fields_of", "forward", "logins", "named", "targets", "telling"]


async def pump(source, sink):
    with contextlib.suppress(TransportError):
        while data := await source.receive():
            await sink.send(data)
        await sink.send_eof()


async def join(client, upstream):
    """Pass bytes both ways until both have ended."""
    back = current_runtime().spawn(pump, upstream, client)
    try:
        await pump(client, upstream)
        await back.wait(current_runtime().now() + 10)
    finally:
        upstream.abort()
        back.cancel()
        await back.wait()


async def connect(port):
    runtime = current_runtime()
    stream = await runtime.connect_tcp("127.0.0.1", port)
    stream.read_deadline = stream.write_deadline = runtime.now() + 30
    return stream


async def forward(peer, script):
    """Serve a client as a proxy does: one tunnel, or one request after the other."""
    while (request := await peer.request())[0]:
        head, body = request
        script.heads.append(head)
        method, target, _ = head.split(b"\r\n")[0].split()
        if method == b"CONNECT":
            upstream = await connect(int(target.rpartition(b":")[2]))
            try:
                await peer.send(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 here\r\n\r\n")
                await join(peer.stream, upstream)
            finally:
                upstream.abort()
            return
        scheme, _, rest = target.partition(b"://")
        assert scheme == b"http", target
        authority, _, path = rest.partition(b"/")
        _, _, port = authority.partition(b":")
        lines = [line for line in head.split(b"\r\n")[1:-2] if not line.lower().startswith(b"proxy-")]
        upstream = await connect(int(port or 80))
        try:
            first = b"%b /%b HTTP/1.1" % (method, path)
            await upstream.send(b"\r\n".join([first, *lines, b"Connection: close", b"", b""]), body)
            while data := await upstream.receive():
                await peer.send(data)
        finally:
            upstream.abort()
        return


def basic(login):
    return b"Basic " + base64.b64encode(login.encode())


def fields_of(head):
    """Return the header fields of a head, in lower case the names."""
    pairs = [line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2]]
    return CIMultiDict([(name.decode(), value) for name, value in pairs])


def targets(script):
    return [head.split(b" ")[1] for head in script.heads]


def logins(script):
    return [fields_of(head).get("Proxy-Authorization") for head in script.heads]


async def tell(request):
    """Answer with what the server was asked."""
    fields = [(name.decode(), value.decode()) for name, value in request.raw_headers]
    body = (await request.read()).decode()
    return web.json_response({"target": request.raw_path, "fields": fields, "body": body})


def telling():
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", tell)
    return app


def named(url, name="name.invalid"):
    """Return `url` by a name that no resolver knows."""
    return URL(url).with_host(name)


async def cancelled_at_each_step(session, url, steps):
    """Make a request whose connection is not kept, cancelled one turn of the loop later each time: none is left."""
    runtime = current_runtime()

    async def once():
        await (await session.get(url)).read()

    for step in range(steps):
        task = runtime.spawn(once)
        for _ in range(step):
            await runtime.sleep_until(runtime.now())
        task.cancel()
        assert await task.wait(runtime.now() + 5)
        assert "0 in use, 0 idle" in repr(session.connector)
    assert (await session.get(url)).status == 200
