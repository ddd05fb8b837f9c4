"""Credentials of a client, behind proxies, under Digest and in cookies: to whom they go, and whom they reach never."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import gc
import re
import types

import pytest
from yarl import URL

import drywire
from drywire_sansio.cookies import SuffixList

from ..client.conftest import OK, answering, eventually, scripted  # noqa: F401
from ..client.forwarding import basic, fields_of, forward, targets, telling
from ..names import Names

SECRETS = {"Authorization": "Bearer s3cret", "Cookie": "a=s3cret", "cookie": "b=s3cret", "Cookie2": "c=s3cret"}
LOGIN = "user:geheim"


async def get(session, url, **options):
    async with session.get(url, timeout=10, **options) as response:
        return response.status, await response.read()


# Through a proxy


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_urllib3_44431_behind_one_proxy_two_hosts_are_two_origins(scripted, status):
    """It is the proxy that hears both requests; the second is for another server all the same."""
    location = b"HTTP/1.1 %d Found\r\nContent-Length: 0\r\nLocation: http://%b/end\r\n\r\n"

    async def proxy(peer, script):
        while head := await peer.head():
            script.heads.append(head)
            to = {b"http://first.test/start": b"first.test", b"http://first.test/away": b"second.test"}
            place = to.get(head.split(b" ")[1])
            await peer.send(location % (status, place) if place else OK)

    async with scripted(proxy) as script:
        async with drywire.ClientSession(proxy=script.url.replace("://", f"://{LOGIN}@")) as session:
            for path in ("start", "away"):
                assert await get(session, f"http://first.test/{path}", headers=SECRETS) == (200, b"ok")
    assert targets(script)[1::2] == [b"http://first.test/end", b"http://second.test/end"]
    assert all(fields_of(head).getall("Proxy-Authorization") == [basic(LOGIN)] for head in script.heads)
    assert [head.count(b"s3cret") for head in script.heads] == [4, 4, 4, 0]


@pytest.mark.parametrize("through", ["url", "option", "header"])
async def test_requests_32681_a_redirect_into_a_tunnel_does_not_take_the_proxys_login_along(
    scripted, serving, server_tls, client_tls, through
):
    """The proxy is told at each hop, by CONNECT; inside of the tunnel, where the server listens, nothing is said."""
    login = drywire.BasicAuth(*LOGIN.split(":"))
    async with serving(telling(), ssl_context=server_tls) as end:

        async def proxy(peer, script):
            request = await peer.request()
            if request[0].startswith(b"CONNECT "):
                peer.request = answered_once(request, peer.request)
                return await forward(peer, script)
            script.heads.append(request[0])
            fields = b"Content-Length: 0\r\nConnection: close\r\nLocation: %b\r\n\r\n" % end.encode()
            return await peer.send(b"HTTP/1.1 302 Found\r\n" + fields)

        async with scripted(proxy) as script, drywire.ClientSession(ssl=client_tls) as session:
            options = {
                "url": {"proxy": script.url.replace("://", f"://{LOGIN}@")},
                "option": {"proxy": script.url, "proxy_auth": login},
                "header": {"proxy": script.url, "proxy_headers": {"Proxy-Authorization": login.encode()}},
            }[through]
            status, told = await get(session, "http://first.test/", **options)
    assert status == 200
    assert [head.split(b" ")[0] for head in script.heads] == [b"GET", b"CONNECT"]
    assert [fields_of(head).getall("Proxy-Authorization") for head in script.heads] == [[basic(LOGIN)]] * 2
    assert b'"fields"' in told
    assert b"proxy-authorization" not in told.lower()
    assert basic(LOGIN)[6:] not in told


def answered_once(first, following):
    """Return a function that gives `first`, and from then on what `following` gives."""
    waiting = [first]

    async def ask():
        return waiting.pop() if waiting else await following()

    return ask


# Digest


CHALLENGE = (
    b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
    b'WWW-Authenticate: Digest realm="%b", nonce="n", qop="auth"%b\r\n\r\n'
)


async def by_digest(scripted, realm=b"r", more=b"", requests=2):
    """Return the Authorization fields with which `requests` requests were let in, one after the other."""
    accepted = []

    async def talk(peer, script):
        while head := await peer.head():
            said = fields_of(head).get("Authorization")
            if said is not None:
                accepted.append(said.decode())
            await peer.send(CHALLENGE % (realm, more) if said is None else OK)

    async with scripted(talk) as script:
        login = drywire.DigestAuthMiddleware("WORK\\user", "s3cret")
        async with drywire.ClientSession(middlewares=[login]) as session:
            for number in range(requests):
                assert await get(session, f"{script.url}{number}") == (200, b"ok")
    return accepted


@pytest.mark.parametrize("domain", [b"", b'\\"', b"\\\\", b" ", b"//", b'\\" \\"', b"?", b"/%", b"http://[/"])
async def test_12984_a_digest_domain_of_nothing_breaks_no_later_request(scripted, domain):
    assert len(await by_digest(scripted, more=b', domain="%b"' % domain)) == 2


@pytest.mark.parametrize("realm", ["r", "r\\", '"', '\\"', '", nonce="other', "\\\\", ", uri=x"])
async def test_13054_no_value_of_a_challenge_ends_its_quotes_in_the_answer(scripted, realm):
    """Nor does a login: read by the grammar, each field is there once, and has in it what it had."""
    escaped = realm.replace("\\", "\\\\").replace('"', '\\"')
    parameter = r'([a-z]+)=("(?:[^"\\]|\\.)*"|[!#$%&\'*+\-.^_`|~0-9A-Za-z]+)'
    for said in await by_digest(scripted, escaped.encode()):
        assert re.fullmatch(rf"Digest {parameter}(?:, {parameter})*", said)
        pairs = re.findall(parameter, said)
        fields = dict(pairs)
        assert len(fields) == len(pairs)
        assert fields["realm"] == f'"{escaped}"'
        assert fields["username"] == '"WORK\\\\user"'
        assert (fields["nonce"], fields["uri"][:2]) == ('"n"', '"/')


# Cookies


@pytest.mark.parametrize(
    ("suffixes", "attacker", "domains", "victim"),
    [
        (None, "attacker.com", (".com", "com", "COM", "victim.com", ".victim.com"), "victim.com"),
        (SuffixList("com\nco.uk"), "attacker.co.uk", (".co.uk", "co.uk", "CO.UK", "uk", ".uk"), "victim.co.uk"),
    ],
    ids=["no list", "a list"],
)
async def test_13653_no_site_sets_a_cookie_for_its_whole_suffix(scripted, suffixes, attacker, domains, victim):
    async def talk(peer, script):
        while head := await peer.head():
            script.heads.append(head)
            cookies = [b"Set-Cookie: n%d=evil; Domain=%b; Path=/\r\n" % pair for pair in enumerate(given)]
            own = b"Set-Cookie: own=1; Domain=%b; Path=/\r\n" % attacker.encode()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", own, *cookies, b"\r\n")

    given = [domain.encode() for domain in domains]
    async with scripted(talk) as script:
        hosts = (attacker, victim, f"www.{attacker}")
        resolver = Names({host: [("127.0.0.1", script.port)] for host in hosts})
        options = {"connector": drywire.TCPConnector(resolver=resolver)}
        if suffixes is not None:
            options["cookie_jar"] = drywire.CookieJar(public_suffix=suffixes)
        async with drywire.ClientSession(**options) as session:
            for host in hosts:
                await get(session, f"http://{host}/")
                if host == attacker:
                    assert [cookie.key for cookie in session.cookie_jar] == ["own"]
    sent = [fields_of(head).get("Cookie") for head in script.heads]
    assert sent[:2] == [None, None]
    assert sent[2] == b"own=1"  # what is its own goes below, so that nothing above was for want of trying


def held_by(thing):
    """Return how many objects `thing` holds, directly or not; classes, modules and functions are everybody's."""
    shared = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)
    seen, waiting = {}, [thing]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen and not isinstance(one, shared):
            seen[id(one)] = one
            waiting += gc.get_referents(one)
    return len(seen)


def test_aiohttp_3_12_3_asking_a_jar_leaves_nothing_in_it():
    """`filter_cookies` made an entry for each place that it was asked about."""
    jar = drywire.CookieJar()
    jar.update_cookies({"a": "1"}, URL("http://a.example/"))
    jar.update_cookies({"shared": "1"})
    before = held_by(jar)
    for number in range(100):
        url = URL(f"http://host{number}.a.example/{number}/x")
        assert jar.cookie_header(url) == "shared=1"
        assert len(jar.filter_cookies(url)) == 1
    assert held_by(jar) < before + 10
