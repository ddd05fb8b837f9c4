"""A SOCKS proxy as a script: it writes down what it is asked for, and connects to this machine whatever that is."""

import socket

from .conftest import HungUp
from .forwarding import connect, join

__all__ = ["GRANTED", "at", "refuse", "socks"]

GRANTED = {4: b"\x00\x5a" + bytes(6), 5: b"\x05\x00\x00\x01" + bytes(6)}


async def take(peer, size):
    """Return the next `size` bytes. Raises HungUp where the client has ended the connection."""
    data = await peer.exactly(size)
    if len(data) < size:
        raise HungUp
    return data


async def read_4(peer):
    """Return the host, port and user id that are asked for."""
    port = int.from_bytes(await take(peer, 2), "big")
    address = await take(peer, 4)
    texts = []
    for _ in range(2 if address.startswith(bytes(3)) and address[3] else 1):
        text = b""
        while (byte := await take(peer, 1)) != b"\0":
            text += byte
        texts.append(text.decode())
    return texts[1] if len(texts) == 2 else socket.inet_ntoa(address), port, texts[0]


async def read_5(peer):
    """Return the host and port that are asked for."""
    version, command, reserved, kind = await take(peer, 4)
    assert (version, command, reserved) == (5, 1, 0)
    if kind == 3:
        host = (await take(peer, (await take(peer, 1))[0])).decode()
    else:
        size, family = {1: (4, socket.AF_INET), 4: (16, socket.AF_INET6)}[kind]
        host = socket.inet_ntop(family, await take(peer, size))
    return host, int.from_bytes(await take(peer, 2), "big")


async def read_login(peer):
    assert await take(peer, 1) == b"\x01"
    name = await take(peer, (await take(peer, 1))[0])
    password = await take(peer, (await take(peer, 1))[0])
    return name.decode(), password.decode()


async def read_request(peer, script, login):
    """Return the version; ``script.asked`` has what is asked for, ``script.logins`` name and password."""
    version, second = await take(peer, 2)
    if version == 4:
        assert second == 1
        host, port, user = await read_4(peer)
        script.asked.append((host, port))
        script.logins.append(user)
        return 4
    assert version == 5
    methods = await take(peer, second)
    script.methods.append(methods)
    if login is None:
        await peer.send(b"\x05\x00")
        script.logins.append(None)
    else:
        await peer.send(b"\x05\x02")
        script.logins.append(await read_login(peer))
        await peer.send(b"\x01\x00" if script.logins[-1] == login else b"\x01\x01")
        if script.logins[-1] != login:
            await peer.ended()
            return 0
    script.asked.append(await read_5(peer))
    return 5


def prepared(script):
    if not hasattr(script, "asked"):
        script.asked, script.logins, script.methods = [], [], []
    return script


def socks(login=None):
    """Return a script that serves SOCKS of any version, and wants this login of SOCKS 5."""

    async def talk(peer, script):
        version = await read_request(peer, prepared(script), login)
        if version:
            upstream = await connect(script.asked[-1][1])
            try:
                await peer.send(GRANTED[version])
                await join(peer.stream, upstream)
            finally:
                upstream.abort()

    return talk


def refuse(*codes):
    """Return a script that answers each request with the next of these codes, the last of them again and again."""

    async def talk(peer, script):
        version = await read_request(peer, prepared(script), None)
        code = codes[min(len(script.asked), len(codes)) - 1]
        await peer.send(bytes([5 if version == 5 else 0, code]) + GRANTED[version][2:])
        await peer.ended()

    return talk


def at(script, scheme, login=""):
    """Return the URL of the proxy that `script` is."""
    return f"{scheme}://{login}127.0.0.1:{script.port}"
