"""Logging in at a proxy by Digest: over CONNECT, by the whole URL, and to nobody else."""

import hashlib
import re

import pytest
from yarl import URL

import drywire

from .conftest import OK
from .forwarding import connect, fields_of, join, telling
from .socksing import at, socks


def digest_of(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Guard:
    """A proxy that wants Digest: it counts what it lets pass, and each nonce serves `uses` times."""

    def __init__(self, uses=100, login="user", password="geheim", challenge=None):
        self.uses, self.login, self.password, self.challenge = uses, login, password, challenge
        self.nonces, self.counts, self.passed, self.refused = 0, [], [], 0

    def _new_challenge(self, stale):
        self.nonces += 1
        self.counts = []
        if self.challenge is not None:
            return self.challenge
        return f'Digest realm="r", nonce="n{self.nonces}", qop="auth", algorithm=SHA-256, stale={str(stale).lower()}'

    def _complaint(self, method, target, field):
        """Return None where the answer is right, else a challenge."""
        told = dict(re.findall(r'(\w+)="?([^",]+)"?', field))
        if not field.startswith("Digest ") or told.get("nonce") != f"n{self.nonces}":
            return self._new_challenge(field.startswith("Digest "))
        if int(told["nc"], 16) != len(self.counts) + 1 or len(self.counts) >= self.uses:
            return self._new_challenge(True)
        secret = digest_of(f"{self.login}:r:{self.password}")
        middle = ":".join((told["nonce"], told["nc"], told["cnonce"], "auth"))
        right = digest_of(f"{secret}:{middle}:{digest_of(f'{method}:{target}')}")
        if (told["response"], told["uri"]) != (right, target):
            return self._new_challenge(False)
        self.counts.append(told["nc"])
        return None

    async def __call__(self, peer, script):
        while (request := await peer.request())[0]:
            head, _ = request
            script.heads.append(head)
            method, target, _ = head.split(b"\r\n")[0].decode().split()
            complaint = self._complaint(method, target, fields_of(head).get("Proxy-Authorization", b"").decode())
            if complaint is not None:
                self.refused += 1
                answer = f"HTTP/1.1 407 Log in\r\nProxy-Authenticate: {complaint}\r\nContent-Length: 0\r\n\r\n"
                await peer.send(answer.encode())
                continue
            self.passed.append(method)
            if method != "CONNECT":
                await peer.send(OK)
                continue
            upstream = await connect(int(target.rpartition(":")[2]))
            try:
                await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
                await join(peer.stream, upstream)
            finally:
                upstream.abort()
            return


async def test_requests_by_the_whole_url_are_answered_and_counted(scripted):
    guard = Guard(uses=3)
    async with scripted(guard) as proxy:
        middleware = drywire.ProxyDigestAuthMiddleware("user", "geheim")
        assert "geheim" not in repr(middleware)
        async with drywire.ClientSession(proxy=proxy.url, middlewares=(middleware,)) as session:
            for number in range(5):
                async with session.post(f"http://name.invalid/{number}?a=%20", data=b"body") as response:
                    assert await response.text() == "ok"
        assert (guard.passed, guard.refused) == (["POST"] * 5, 2)
        assert proxy.connections == 1


async def test_tunnels_are_opened_by_it_and_used_again(scripted, serving, server_tls, client_tls):
    guard = Guard()
    async with serving(telling(), ssl_context=server_tls) as url, serving(telling()) as plain, scripted(guard) as proxy:
        middleware = drywire.ProxyDigestAuthMiddleware("user", "geheim")
        # a login of Basic beside it is what the first request tries
        proxy_url = URL(proxy.url).with_user("user").with_password("other")
        async with drywire.ClientSession(proxy=proxy_url, middlewares=(middleware,)) as session:
            for _ in range(3):
                async with session.put(url, ssl=client_tls, data=b"body") as response:
                    told = await response.json()
                assert told["body"] == "body"
                assert not any(name.lower() == "proxy-authorization" for name, _ in told["fields"])
            async with session.get(URL(plain).with_scheme("ws")) as response:
                assert response.status == 200
        assert (guard.passed, guard.refused) == (["CONNECT"] * 2, 1)
        assert proxy.connections == 3


async def test_a_nonce_that_is_too_old_is_replaced_for_tunnels_too(scripted, serving, server_tls, client_tls):
    guard = Guard(uses=1)
    async with serving(telling(), ssl_context=server_tls) as url, scripted(guard) as proxy:
        connector = drywire.TCPConnector(force_close=True, ssl=client_tls)
        middleware = drywire.ProxyDigestAuthMiddleware("user", "geheim")
        async with drywire.ClientSession(proxy=proxy.url, middlewares=(middleware,), connector=connector) as session:
            for _ in range(3):
                assert (await session.get(url)).status == 200
        assert (guard.passed, guard.refused) == (["CONNECT"] * 3, 3)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_wrong_password_is_told_once(scripted, scheme):
    guard = Guard(password="another")
    async with scripted(guard) as proxy:
        middleware = drywire.ProxyDigestAuthMiddleware("user", "geheim")
        async with drywire.ClientSession(proxy=proxy.url, middlewares=(middleware,)) as session:
            if scheme == "http":
                assert (await session.get("http://name.invalid/")).status == 407
            else:
                with pytest.raises(drywire.ClientHttpProxyError) as caught:
                    await session.get("https://name.invalid/")
                assert caught.value.status == 407
        assert guard.refused == 2


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("challenge", ['Digest realm="r"', 'Digest realm="r", nonce="n", qop="auth-int"'])
async def test_what_cannot_be_answered_is_an_error(scripted, scheme, challenge, eventually):
    async with scripted(Guard(challenge=challenge)) as proxy:
        middleware = drywire.ProxyDigestAuthMiddleware("user", "geheim")
        async with drywire.ClientSession(proxy=proxy.url, middlewares=(middleware,)) as session:
            with pytest.raises(drywire.ClientError, match="Digest challenge cannot be answered"):
                await session.get(f"{scheme}://name.invalid/")
            assert "0 in use" in repr(session.connector)
        await eventually(lambda: proxy.open == 0)


async def test_it_is_for_the_first_proxy_and_for_no_server(scripted, serving, answering):
    async def want(request):
        raise drywire.web.HTTPProxyAuthenticationRequired(headers={"Proxy-Authenticate": 'Digest realm="r", nonce="n"'})

    app = drywire.web.Application()
    app.router.add_get("/", want)
    guard, other = Guard(), Guard()
    async with serving(app) as url, scripted(guard) as first, scripted(other) as second, scripted(socks()) as third:
        middleware = drywire.ProxyDigestAuthMiddleware("user", "geheim")
        async with drywire.ClientSession(middlewares=(middleware,)) as session:
            assert (await session.get("http://name.invalid/", proxy=first.url)).status == 200
            assert (await session.get("http://name.invalid/", proxy=second.url)).status == 407
            for options in ({}, {"proxy": at(third, "socks5h")}):
                assert (await session.get(url, **options)).status == 407
            # the server behind a tunnel is not the proxy
            assert (await session.get(URL(url).with_scheme("ws"), proxy=first.url)).status == 407
        assert (guard.refused, other.refused, other.passed) == (1, 1, [])


@pytest.mark.parametrize("login", [("us:er", "x"), ("us\ner", "x"), (None, "x"), ("user", None)])
def test_a_login_that_cannot_be_said_is_refused(login):
    with pytest.raises(ValueError, match=r"login|password|user name"):
        drywire.ProxyDigestAuthMiddleware(*login)
