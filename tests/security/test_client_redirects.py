"""Where a redirect leads, credentials of the first server do not follow, in whatever way they were given.

Pitfall 15, with the advisories 34518, 47265, 54276 and urllib3's 44431: an origin is scheme, host and port together.
"""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import base64
import contextlib

import pytest
from multidict import CIMultiDict
from yarl import URL

import drywire
from drywire_client.request import origin_of

from ..client.conftest import OK, answering, eventually, scripted  # noqa: F401

STATUSES = [301, 302, 303, 307, 308]
SECRET = b"s3cret"


def found(location, *lines, status=302):
    fields = b"".join(b"%b\r\n" % line for line in (b"Content-Length: 0", b"Location: " + location, *lines))
    return b"HTTP/1.1 %d Found\r\n" % status + fields + b"\r\n"


class Servers:
    """Origins by name: `home` is where requests begin, and the others differ from it in one thing."""

    def __init__(self, client_tls):
        self.ssl = client_tls
        self.urls = {}
        self.seen = {}
        self.answers = {}

    def address(self, name, path=""):
        return self.urls[name] + path


@pytest.fixture
def origins(scripted, server_tls, client_tls):
    """``async with origins() as servers``: home, another port, another host name, and one that speaks TLS.

    ``servers.answers[path]`` is what is answered there, "ok" elsewhere; ``servers.seen[path]`` the heads that came.
    """

    @contextlib.asynccontextmanager
    async def serve():
        servers = Servers(client_tls)

        async def talk(peer, script):
            while (request := await peer.request())[0]:
                path = request[0].split(b" ")[1].decode()
                servers.seen.setdefault(path, []).append(request[0])
                answer = servers.answers.get(path, OK)
                await peer.send(answer.pop(0) if isinstance(answer, list) else answer)

        async with scripted(talk) as one, scripted(talk) as two, scripted(talk, server_tls) as tls:
            servers.urls = {
                "home": one.url,
                "port": two.url,
                "host": f"http://localhost:{one.port}/",
                "tls": tls.url,
            }
            yield servers

    return serve


@contextlib.asynccontextmanager
async def session_of(servers, **options):
    jar = drywire.CookieJar(unsafe=True)
    async with drywire.ClientSession(ssl=servers.ssl, cookie_jar=jar, **options) as session:
        yield session
        assert "0 in use" in repr(session.connector)


async def get(session, url, **options):
    async with session.get(url, timeout=10, **options) as response:
        await response.read()
        return response


def credentials(head):
    """Return the names of the fields of `head` that have credentials."""
    names = [line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
    return [name for name in names if name in (b"authorization", b"cookie", b"cookie2", b"proxy-authorization")]


WAYS = {
    "headers": {
        "headers": CIMultiDict(
            [
                ("AUTHORIZATION", "Bearer s3cret"),
                ("proxy-authorization", "Basic s3cret"),
                ("Cookie", "a=s3cret"),
                ("cookie", "b=s3cret"),
                ("COOKIE", "c=s3cret"),
                ("Cookie2", "d=s3cret"),
                ("cookie2", "e=s3cret"),
            ]
        )
    },
    "auth": {"auth": drywire.BasicAuth("user", "s3cret")},
    "cookies": {"cookies": {"a": "s3cret"}},
    "header and cookies": {"headers": {"Cookie": "a=s3cret"}, "cookies": {"b": "s3cret"}},
}
LEADS = [("home", "port"), ("home", "host"), ("home", "tls"), ("tls", "home"), ("tls", "port"), ("port", "home")]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("start", "end"), LEADS, ids=lambda name: name)
async def test_34518_47265_13180_pitfall_15_no_copy_of_a_credential_goes_to_another_origin(
    origins, start, end, way, status
):
    """https to http among them (requests' 18074): that is another scheme."""
    async with origins() as servers, session_of(servers) as session:
        servers.answers["/start"] = found(servers.address(end, "end").encode(), status=status)
        await get(session, servers.address(start, "start"), **WAYS[way])
    assert credentials(servers.seen["/start"][0])
    assert credentials(servers.seen["/end"][0]) == []
    assert SECRET not in servers.seen["/end"][0]


@pytest.mark.parametrize("way", ["headers", "auth"])
@pytest.mark.parametrize(("start", "end"), LEADS, ids=lambda name: name)
async def test_34518_nor_do_those_of_the_session(origins, start, end, way):
    async with origins() as servers, session_of(servers, **WAYS[way]) as session:
        servers.answers["/start"] = found(servers.address(end, "end").encode())
        await get(session, servers.address(start, "start"))
        assert credentials(servers.seen["/start"][0])
        assert credentials(servers.seen["/end"][0]) == []
        await get(session, servers.address(start, "again"))  # those of the session itself are still there
    assert credentials(servers.seen["/again"][0]) == credentials(servers.seen["/start"][0])


@pytest.mark.parametrize("way", WAYS)
async def test_34518_once_dropped_they_do_not_come_back_on_the_way_home(origins, way):
    """Whoever is in between decides where the last request goes, and with what path and query."""
    async with origins() as servers, session_of(servers) as session:
        servers.answers["/start"] = found(servers.address("port", "between").encode())
        servers.answers["/between"] = found(servers.address("home", "end").encode())
        await get(session, servers.address("home", "start"), **WAYS[way])
    assert credentials(servers.seen["/end"][0]) == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("location", ["/end", "end", "{same}end", "{shouted}end", "//{host}/end"])
async def test_pitfall_15_they_stay_where_the_origin_stays(origins, way, location):
    async with origins() as servers, session_of(servers) as session:
        url = servers.address("host")
        names = {"same": url, "shouted": url.replace("http://localhost", "HTTP://LOCALHOST"), "host": url[7:-1]}
        servers.answers["/start"] = found(location.format(**names).encode())
        await get(session, url + "start", **WAYS[way])
    assert credentials(servers.seen["/end"][0]) == credentials(servers.seen["/start"][0])


def test_pitfall_15_scheme_and_port_both_count():
    """What the tests above cannot show: one port cannot have two schemes, and the default ones are not for tests."""
    origins = ["http://a/", "https://a/", "http://a:443/", "https://a:80/", "http://b/", "http://a.b/", "http://a:81/"]
    assert len({origin_of(URL(url)) for url in origins}) == len(origins)
    assert origin_of(URL("http://A:80/")) == origin_of(URL("http://a/b?c#d"))
    assert origin_of(URL("https://a:443/")) == origin_of(URL("https://u:p@a"))


@pytest.mark.parametrize("name", ["Authorization", "Proxy-Authorization"])
async def test_13180_pitfall_15_two_copies_of_a_login_are_none(origins, name):
    """Which of them a server takes, nobody knows."""
    async with origins() as servers, session_of(servers) as session:
        copies = CIMultiDict([(name, "Basic s3cret"), (name.lower(), "Basic s3cret")])
        with pytest.raises(ValueError, match=f"more than one {name}"):
            await get(session, servers.address("home", "start"), headers=copies)
    assert servers.seen == {}


# Logins in URLs


def basic(login):
    return b"Basic " + base64.b64encode(login)


def with_login(url, login):
    return url.replace("://", f"://{login}@")


@pytest.mark.parametrize("status", [302, 307])
async def test_pitfall_15_a_login_in_the_first_url_stays_with_its_origin(origins, status):
    async with origins() as servers, session_of(servers) as session:
        servers.answers["/start"] = found(b"/middle", status=status)
        servers.answers["/middle"] = found(servers.address("port", "end").encode(), status=status)
        response = await get(session, with_login(servers.address("home", "start"), "user:s3cret"))
    assert b"Authorization: " + basic(b"user:s3cret") in servers.seen["/start"][0]
    assert b"Authorization: " + basic(b"user:s3cret") in servers.seen["/middle"][0]
    assert credentials(servers.seen["/end"][0]) == []
    for one in (response, *response.history):
        assert "s3cret" not in str(one.url) + str(one.real_url) + repr(one)


async def test_pitfall_15_a_login_in_a_location_goes_there_and_no_further(origins):
    async with origins() as servers, session_of(servers) as session:
        servers.answers["/start"] = found(with_login(servers.address("port", "middle"), "evil:other").encode())
        servers.answers["/middle"] = found(servers.address("home", "end").encode())
        await get(session, servers.address("home", "start"), headers={"Authorization": "Bearer s3cret"})
    assert SECRET not in servers.seen["/middle"][0]
    assert servers.seen["/middle"][0].count(b"Authorization: " + basic(b"evil:other")) == 1
    assert credentials(servers.seen["/middle"][0]) == [b"authorization"]
    assert credentials(servers.seen["/end"][0]) == []


async def test_pitfall_15_a_login_in_a_location_replaces_the_one_before_at_the_same_origin(origins):
    async with origins() as servers, session_of(servers) as session:
        servers.answers["/start"] = found(with_login(servers.address("home", "end"), "new:login").encode())
        await get(session, servers.address("home", "start"), headers={"authorization": "Bearer s3cret"})
    assert credentials(servers.seen["/end"][0]) == [b"authorization"]
    assert basic(b"new:login") in servers.seen["/end"][0]


# Middlewares


async def test_54276_what_a_middleware_puts_on_one_request_is_not_on_the_next(origins):
    async with origins() as servers:

        async def login(request, handler):
            if request.url.port == URL(servers.address("home")).port:
                request.headers.add("Authorization", "Bearer s3cret")
                request.headers.add("Cookie", "a=s3cret")
            return await handler(request)

        async with session_of(servers, middlewares=[login]) as session:
            servers.answers["/start"] = found(servers.address("port", "end").encode())
            await get(session, servers.address("home", "start"))
    assert SECRET in servers.seen["/start"][0]
    assert SECRET not in servers.seen["/end"][0]


def challenge(*lines, domain=""):
    field = b'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"'
    if domain:
        field += b', domain="%b"' % domain.encode()
    fields = b"".join(b"%b\r\n" % line for line in (b"Content-Length: 0", field, *lines))
    return b"HTTP/1.1 401 Unauthorized\r\n" + fields + b"\r\n"


@pytest.mark.parametrize("end", ["port", "host", "tls"])
async def test_54276_digest_answers_no_other_origin_however_it_asks(origins, end):
    """Neither by its own challenge, nor because the first server has named it in the domain of its own."""
    async with origins() as servers:
        login = drywire.DigestAuthMiddleware("user", "s3cret")
        async with session_of(servers, middlewares=[login]) as session:
            there = servers.address(end, "end")
            servers.answers["/start"] = [challenge(domain=f"{there} /"), found(there.encode())]
            servers.answers["/end"] = challenge()
            response = await get(session, servers.address("home", "start"))
            assert response.status == 401
            assert b"Authorization: Digest " in servers.seen["/start"][1]
            assert credentials(servers.seen["/end"][0]) == []
            assert len(servers.seen["/end"]) == 1
            await get(session, there)
            await get(session, servers.address("home", "again"))
    assert credentials(servers.seen["/end"][1]) == []
    assert credentials(servers.seen["/again"][0]) == [b"authorization"]


async def test_54276_digest_that_meets_a_redirect_first_belongs_to_where_it_began(origins):
    """A server that is asked first may send on to another, which then asks: it is no party to the login."""
    async with origins() as servers:
        login = drywire.DigestAuthMiddleware("user", "s3cret")
        async with session_of(servers, middlewares=[login]) as session:
            servers.answers["/start"] = found(servers.address("port", "end").encode())
            servers.answers["/end"] = challenge()
            assert (await get(session, servers.address("home", "start"))).status == 401
    assert [credentials(head) for head in servers.seen["/end"]] == [[]]


# WebSockets, cookies, and what else goes along


async def test_34518_the_handshake_of_a_websocket_is_no_exception(origins):
    async with origins() as servers, session_of(servers) as session:
        servers.answers["/start"] = found(servers.address("port", "end").encode())
        with pytest.raises(drywire.WSServerHandshakeError):
            await session.ws_connect(
                servers.address("home", "start"),
                auth=drywire.BasicAuth("user", "s3cret"),
                headers={"Cookie": "a=s3cret", "Proxy-Authorization": "Basic s3cret"},
            )
    assert len(credentials(servers.seen["/start"][0])) == 3
    assert credentials(servers.seen["/end"][0]) == []


async def test_47265_cookies_of_the_jar_go_where_they_are_for(origins):
    """Cookies have no port (RFC 6265, 8.5), but a host, and some want TLS."""
    async with origins() as servers, session_of(servers) as session:
        moved = found(servers.address("host", "end").encode(), b"Set-Cookie: a=s3cret; Path=/")
        servers.answers["/start"] = moved
        await get(session, servers.address("home", "start"))
        servers.answers["/secure"] = found(
            servers.address("port", "open").encode(), b"Set-Cookie: b=s3cret; Secure; Path=/"
        )
        await get(session, servers.address("tls", "secure"))
        await get(session, servers.address("tls", "secure-again"))
    assert credentials(servers.seen["/end"][0]) == []
    assert b"a=s3cret" in servers.seen["/open"][0]
    assert b"b=s3cret" not in servers.seen["/open"][0]
    assert b"b=s3cret" in servers.seen["/secure-again"][0]


@pytest.mark.parametrize("end", ["home", "port"])
async def test_pitfall_15_host_is_always_that_of_the_url(origins, end):
    async with origins() as servers, session_of(servers) as session:
        servers.answers["/start"] = found(servers.address(end, "end").encode())
        await get(session, servers.address("home", "start"), headers={"Host": "inside"})
    lines = servers.seen["/end"][0].split(b"\r\n")
    assert [line for line in lines if line.lower().startswith(b"host:")] == [
        b"Host: %b" % URL(servers.address(end)).authority.encode()
    ]


@pytest.mark.parametrize("status", STATUSES)
async def test_pitfall_15_what_the_program_holds_is_as_it_was(origins, status):
    """Dropping is done on a copy: headers, cookies and the session serve the next call whole."""
    headers, cookies = CIMultiDict(Authorization="Bearer s3cret", X="1"), {"a": "s3cret"}
    async with origins() as servers, session_of(servers, headers={"Proxy-Authorization": "s3cret"}) as session:
        servers.answers["/start"] = found(servers.address("port", "end").encode(), status=status)
        for _ in range(2):
            await get(session, servers.address("home", "start"), headers=headers, cookies=cookies)
        assert dict(session.headers) == {"Proxy-Authorization": "s3cret"}
    assert dict(headers) == {"Authorization": "Bearer s3cret", "X": "1"}
    assert cookies == {"a": "s3cret"}
    assert credentials(servers.seen["/start"][0]) == credentials(servers.seen["/start"][1])
    assert len(credentials(servers.seen["/start"][1])) == 3
    assert [credentials(head) for head in servers.seen["/end"]] == [[], []]
