"""Digest authentication of a session, against a server that checks it by its own arithmetic."""

import hashlib
from urllib.parse import unquote
from urllib.request import parse_http_list

import pytest

import drywire
from drywire import web
from drywire_transports import current_runtime

FUNCTIONS = {"MD5": "md5", "SHA": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}
TEAPOT = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n%b\r\nno"


def quoted(value):
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def fields_of(authorization):
    """Return the parameters of an Authorization value; by the standard library's parser, which undoes escapes."""
    scheme, _, rest = authorization.partition(" ")
    assert scheme == "Digest"
    fields = dict(part.split("=", 1) for part in parse_http_list(rest))
    return {name: value[1:-1] if value.startswith('"') else value for name, value in fields.items()}


class Guard:
    """A server that asks for Digest under any path, and never takes a nonce with the same count twice.

    `log` has for each request None, or the count that it was accepted with, or "refused", or "stale".
    """

    def __init__(self, user="user", password="pass word", realm='the "realm" \\', algorithm="SHA-256", qop="auth"):
        self.user, self.password, self.realm = user, password, realm
        self.algorithm, self.qop = algorithm, qop
        self.also = ""
        self.uses = 10**9  # of one nonce
        self.renewing = False
        self.fixed_nonce = None
        self.log = []
        self.paths = []
        self.bodies = []
        self.cookies = []
        self.authorizations = []
        self._nonces = {}
        self.next_nonces = []  # in place of new ones
        self.slow = None  # an async function that accepted requests for /slow wait for

    def app(self):
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self.handle)
        return app

    def nonce(self):
        nonce = self.fixed_nonce or f"nonce-{len(self._nonces)}=="
        self._nonces.setdefault(nonce, set())
        return nonce

    def challenge(self, stale=False):
        parts = [f"realm={quoted(self.realm)}", f'nonce="{self.nonce()}"', 'opaque="o,p=q"']
        if self.algorithm:
            parts.append(f"algorithm={self.algorithm}")
        if self.qop:
            parts.append(f'qop="{self.qop}"')
        if stale:
            parts.append("stale=true")
        value = 'Basic realm="also", Digest ' + ", ".join(parts) + self.also
        return web.Response(status=401, text="who are you?", headers={"WWW-Authenticate": value})

    def digest(self, *parts):
        name = FUNCTIONS[(self.algorithm or "MD5").removesuffix("-sess")]
        return hashlib.new(name, b":".join(p if isinstance(p, bytes) else p.encode() for p in parts)).hexdigest()

    def expected(self, request, fields, body):
        secret = self.digest(self.user, self.realm, self.password)
        if (self.algorithm or "").endswith("-sess"):
            secret = self.digest(secret, fields["nonce"], fields["cnonce"])
        what = [request.method, request.raw_path]
        if fields.get("qop") == "auth-int":
            what.append(self.digest(body))
        middle = [fields[name] for name in ("nc", "cnonce", "qop")] if self.qop else []
        return self.digest(secret, fields["nonce"], *middle, self.digest(*what))

    async def handle(self, request):
        body = await request.read()
        self.paths.append(request.raw_path)
        self.cookies.append(request.headers.get("Cookie"))
        authorization = request.headers.get("Authorization")
        self.authorizations.append(authorization)
        if authorization is None or not authorization.startswith("Digest "):
            self.log.append(None)
            return self.challenge()
        fields = fields_of(authorization)
        user = unquote(fields["username*"][7:]) if "username*" in fields else fields["username"]
        assert user == (self.digest(self.user, self.realm) if fields.get("userhash") == "true" else self.user)
        assert fields["uri"] == request.raw_path
        assert (fields["realm"], fields["opaque"]) == (self.realm, "o,p=q")
        assert ("qop" in fields) == bool(self.qop)
        used = self._nonces[fields["nonce"]]
        count = int(fields.get("nc", "0"), 16)
        if fields["response"] != self.expected(request, fields, body):
            self.log.append("refused")
            return self.challenge()
        if len(used) >= self.uses or (self.qop and count in used):
            self.log.append("stale")
            return self.challenge(stale=True)
        used.add(count)
        return await self.accept(request, count, body)

    async def accept(self, request, count, body):
        self.log.append(count)
        self.bodies.append(body)
        if request.path == "/slow":
            await self.slow()
        headers = {}
        if self.renewing:
            nonce = self.next_nonces.pop(0) if self.next_nonces else self.nonce()
            self._nonces.setdefault(nonce, set())
            headers["Authentication-Info"] = f'qop=auth, nextnonce="{nonce}"'
        return web.Response(text="welcome", headers=headers)


def session_with(auth, *others, **options):
    return drywire.ClientSession(middlewares=(*others, auth), **options)


async def get(session, url, **options):
    async with session.get(url, **options) as response:
        return response.status, await response.text()


@pytest.fixture
def auth():
    return drywire.DigestAuthMiddleware("user", "pass word")


# A challenge and its answer


async def test_a_challenge_is_answered_and_the_caller_sees_the_answer_only(serving, auth):
    guard = Guard()
    async with serving(guard.app()) as url, session_with(auth) as session:
        async with session.get(url + "/a") as response:
            assert (response.status, await response.text()) == (200, "welcome")
            assert response.history == ()
    assert guard.log == [None, 1]


async def test_later_requests_take_the_answer_with_them_counted_up(serving, auth):
    guard = Guard()
    async with serving(guard.app()) as url, session_with(auth) as session:
        for path in ("/a", "/b/c?d=e", "/", ""):
            assert await get(session, url + path) == (200, "welcome")
    assert guard.log == [None, 1, 2, 3, 4]
    assert guard.paths == ["/a", "/a", "/b/c?d=e", "/", "/"]


async def test_without_preemptive_each_request_waits_to_be_asked(serving):
    guard = Guard()
    auth = drywire.DigestAuthMiddleware("user", "pass word", preemptive=False)
    async with serving(guard.app()) as url, session_with(auth) as session:
        for _ in range(2):
            assert await get(session, url) == (200, "welcome")
        guard.fixed_nonce = "nonce-1=="  # the one that has been used just now
        assert await get(session, url) == (200, "welcome")
    assert guard.log == [None, 1, None, 1, None, 2]


@pytest.mark.parametrize("sess", ["", "-sess"])
@pytest.mark.parametrize("qop", ["", "auth", "auth-int", "auth,auth-int"])
@pytest.mark.parametrize("algorithm", FUNCTIONS)
async def test_a_server_accepts_each_algorithm_and_qop(serving, auth, algorithm, sess, qop):
    guard = Guard(algorithm=algorithm + sess, qop=qop)
    async with serving(guard.app()) as url, session_with(auth) as session:
        for _ in range(2):
            async with session.post(url + "/a?b=%2F", data=b"some content") as response:
                assert response.status == 200
    assert guard.log == ([None, 1, 2] if qop else [None, 0, 0])
    assert guard.bodies == [b"some content"] * 2
    assert ("qop=auth-int" in guard.authorizations[-1]) is ("auth-int" in qop)


async def test_a_server_of_rfc_2069_that_says_nothing_more_is_answered_by_md5(serving, auth):
    guard = Guard(algorithm=None, qop=None)
    async with serving(guard.app()) as url, session_with(auth) as session:
        assert await get(session, url) == (200, "welcome")
    assert "algorithm" not in guard.authorizations[-1]


@pytest.mark.parametrize("also", ["", ", charset=UTF-8", ", charset=UTF-8, userhash=true", ", userhash=true"])
async def test_digest_quoting_of_names_and_realms_comes_through(serving, also):
    user, password, realm = 'J\u00e4 "s" \\\u00f8n\u20ac', 'p:\u00e4"\\', 'r\u00e9alm, "x"=\\y'
    guard = Guard(user, password, realm)
    guard.also = also
    async with serving(guard.app()) as url, session_with(drywire.DigestAuthMiddleware(user, password)) as session:
        assert await get(session, url) == (200, "welcome")
        assert await get(session, url) == (200, "welcome")
    assert guard.log == [None, 1, 2]


@pytest.mark.parametrize("path", ["/a%22b%5Cc", "/a%20b?q=%22x%22&r=%2F", "/caf\u00e9", "/a,b='c'"])
async def test_the_uri_is_that_of_the_request_line(serving, auth, path):
    guard = Guard()
    async with serving(guard.app()) as url, session_with(auth) as session:
        assert await get(session, url + path) == (200, "welcome")
    assert guard.log == [None, 1]


async def test_of_several_fields_and_challenges_the_strongest_is_answered(serving, auth):
    guard = Guard(algorithm="SHA-512")

    async def handle(request):
        response = await guard.handle(request)
        if response.status == 401:
            response.headers.add("WWW-Authenticate", 'Digest realm="r", nonce="n", algorithm=MD5')
        return response

    app = web.Application()
    app.router.add_get("/", handle)
    async with serving(app) as url, session_with(auth) as session:
        assert await get(session, url) == (200, "welcome")


async def test_cookies_and_other_headers_stay_as_they_are(serving, auth):
    guard = Guard()
    async with serving(guard.app()) as url, session_with(auth) as session:
        for _ in range(2):
            assert (await get(session, url, headers={"Cookie": "a=b", "X-Y": "z"}))[0] == 200
    assert guard.cookies == ["a=b"] * 3


async def test_a_request_is_left_as_it_was(serving, auth):
    guard = Guard()
    seen = []

    async def outer(request, handler):
        before = list(request.headers.items())
        response = await handler(request)
        seen.append(list(request.headers.items()) == before)
        return response

    async with serving(guard.app()) as url, session_with(auth, outer) as session:
        for headers in ({}, {"Authorization": "Bearer x"}):
            assert (await get(session, url, headers=headers))[0] == 200
    assert seen == [True, True]


async def test_an_authorization_of_the_program_goes_first(serving, auth):
    guard = Guard()
    async with serving(guard.app()) as url, session_with(auth) as session:
        assert (await get(session, url))[0] == 200
        assert (await get(session, url, headers={"Authorization": "Bearer x"}))[0] == 200
    assert guard.authorizations[2] == "Bearer x"
    assert guard.log == [None, 1, None, 1]


async def test_a_retrying_middleware_around_it_may_send_the_same_request_again(serving, auth):
    guard = Guard()

    async def twice(request, handler):
        async with await handler(request):
            pass
        return await handler(request)

    async with serving(guard.app()) as url, session_with(auth, twice) as session:
        assert await get(session, url) == (200, "welcome")
    assert guard.log == [None, 1, 2]


# Where the server does not accept


async def test_a_wrong_password_is_tried_once_and_not_offered_unasked(serving):
    guard = Guard()
    auth = drywire.DigestAuthMiddleware("user", "wrong")
    async with serving(guard.app()) as url, session_with(auth) as session:
        for _ in range(2):
            assert await get(session, url) == (401, "who are you?")
    assert guard.log == [None, "refused"] * 2


@pytest.mark.parametrize("nonce", [None, "always the same"])
async def test_credentials_that_are_no_longer_accepted_are_not_offered_unasked(serving, auth, nonce):
    guard = Guard()
    guard.fixed_nonce = nonce
    async with serving(guard.app()) as url, session_with(auth) as session:
        assert (await get(session, url))[0] == 200
        guard.password = "changed"
        assert (await get(session, url))[0] == 401
        assert (await get(session, url))[0] == 401
    assert guard.log == [None, 1, "refused", "refused", None, "refused"]


async def test_a_stale_nonce_is_replaced(serving, auth):
    guard = Guard()
    guard.uses = 2
    async with serving(guard.app()) as url, session_with(auth) as session:
        for _ in range(4):
            assert (await get(session, url))[0] == 200
    assert guard.log == [None, 1, 2, "stale", 1, 2]


async def test_a_nonce_that_is_stale_at_once_is_replaced_once_more_and_then_no_more(serving, auth):
    guard = Guard()
    guard.uses = 0
    async with serving(guard.app()) as url, session_with(auth) as session:
        assert await get(session, url) == (401, "who are you?")
    assert guard.log == [None, "stale", "stale"]


async def test_a_server_that_has_forgotten_its_nonces_is_answered_anew(serving, auth):
    first, second = Guard(), Guard(realm="another")
    guards = [first]

    async def handle(request):
        guard = guards[-1]
        if guard is second and "nonce-0" in request.headers.get("Authorization", "") and not second.log:
            second.log.append("unknown")
            return second.challenge()
        return await guard.handle(request)

    app = web.Application()
    app.router.add_get("/", handle)
    async with serving(app) as url, session_with(auth) as session:
        assert (await get(session, url))[0] == 200
        guards.append(second)
        assert (await get(session, url))[0] == 200
    assert second.log == ["unknown", 1]


@pytest.mark.parametrize(
    ("challenge", "message"),
    [
        ("Digest", "no realm"),
        ('Digest nonce="n"', "no realm"),
        ('Digest realm="r"', "no nonce"),
        ('Digest realm="r", nonce=""', "nonce is empty"),
        ('Digest realm="r", nonce="n', "malformed"),
        ('Digest realm="r", nonce="n", nonce="m"', "repeated"),
        ('Digest realm="r", nonce="n", algorithm=MD2', "'MD2' is not supported"),
        ('Digest realm="r", nonce="n", qop="auth-conf"', "'auth-conf' is not supported"),
    ],
)
async def test_a_malformed_challenge_is_a_client_error(scripted, answering, auth, challenge, message):
    talk = answering(TEAPOT % f"WWW-Authenticate: {challenge}\r\n".encode())
    async with scripted(talk) as script, session_with(auth) as session:
        for _ in range(2):
            with pytest.raises(drywire.ClientError, match=message):
                await session.get(script.url)
        assert script.connections == 1  # what is refused gives its connection back
    assert len(script.heads) == 2


@pytest.mark.parametrize(
    "challenge", ["", "Basic realm=x", 'Bearer realm="Digest realm=r, nonce=n"', "Negotiate Digest"]
)
async def test_another_401_is_passed_on(scripted, answering, auth, challenge):
    field = f"WWW-Authenticate: {challenge}\r\n" if challenge else ""
    async with scripted(answering(TEAPOT % field.encode())) as script, session_with(auth) as session:
        assert await get(session, script.url) == (401, "no")
    assert len(script.heads) == 1


async def test_a_challenge_beside_another_status_is_none(scripted, answering, auth):
    field = b'WWW-Authenticate: Digest realm="r", nonce="n"\r\n'
    talk = answering(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n%b\r\nno" % field)
    async with scripted(talk) as script, session_with(auth) as session:
        assert await get(session, script.url) == (403, "no")
    assert len(script.heads) == 1


@pytest.mark.parametrize(("login", "password"), [("a:b", "c"), ("a\n", "b"), (None, "x"), ("x", None), (b"x", "y")])
def test_a_login_that_cannot_be_said_is_refused(login, password):
    with pytest.raises(ValueError, match=r"user name|a str"):
        drywire.DigestAuthMiddleware(login, password)


def test_the_password_is_not_shown(auth):
    assert "pass word" not in repr(auth)


# Nonces and counts


async def together(count, function):
    runtime = current_runtime()
    done = []

    async def one():
        done.append(await function())

    for task in [runtime.spawn(one) for _ in range(count)]:
        await task.wait(runtime.now() + 10)
        assert task.exception() is None
    return done


async def test_concurrent_requests_have_counts_of_their_own(serving, auth):
    guard = Guard()
    guard.fixed_nonce = "always the same"
    async with serving(guard.app()) as url, session_with(auth) as session:
        done = await together(8, lambda: get(session, url))  # all are asked, with one nonce
        assert done == [(200, "welcome")] * 8
        done = await together(8, lambda: get(session, url))  # none is asked
        assert done == [(200, "welcome")] * 8
    assert guard.log.count(None) == 8
    assert sorted(count for count in guard.log if count is not None) == list(range(1, 17))


async def test_concurrent_requests_with_nonces_of_their_own_are_all_answered(serving, auth):
    guard = Guard()
    async with serving(guard.app()) as url, session_with(auth) as session:
        done = await together(8, lambda: get(session, url))
        assert done == [(200, "welcome")] * 8
        assert await get(session, url) == (200, "welcome")
    assert guard.log.count(None) == 8
    assert guard.log.count(1) == 8
    assert guard.log[-1] == 2


async def test_nextnonce_is_used_for_the_next_request(serving, auth):
    guard = Guard()
    guard.uses, guard.renewing = 1, True
    async with serving(guard.app()) as url, session_with(auth) as session:
        for _ in range(4):
            assert (await get(session, url))[0] == 200
    assert guard.log == [None, 1, 1, 1, 1]
    nonces = [fields_of(value)["nonce"] for value in guard.authorizations[1:]]
    assert nonces == [f"nonce-{number}==" for number in range(4)]


async def test_of_concurrent_nextnonces_none_is_counted_twice(serving, auth):
    guard = Guard()
    guard.renewing = True
    async with serving(guard.app()) as url, session_with(auth) as session:
        assert (await get(session, url))[0] == 200
        for _ in range(3):
            done = await together(6, lambda: get(session, url))
            assert done == [(200, "welcome")] * 6
    assert "stale" not in guard.log
    assert "refused" not in guard.log


class Held:
    """A request for /slow that the server has accepted, and answers when it is let go."""

    def __init__(self, guard):
        self.runtime = current_runtime()
        self.arrived, self.let_go = self.runtime.wake(), self.runtime.wake()
        guard.slow = self._wait

    async def _wait(self):
        self.arrived.set()
        await self.runtime.park(self.let_go, self.runtime.now() + 10)

    async def begin(self, *args, **options):
        async def request():
            assert await get(*args, **options) == (200, "welcome")

        self.task = self.runtime.spawn(request)
        await self.runtime.park(self.arrived, self.runtime.now() + 10)

    async def end(self):
        self.let_go.set()
        assert await self.task.wait(self.runtime.now() + 10)
        assert self.task.exception() is None


async def test_a_nextnonce_that_comes_late_is_not_taken_up(serving, auth):
    guard = Guard()
    held = Held(guard)
    guard.renewing, guard.next_nonces = True, ["A", "B", "C", "B"]
    async with serving(guard.app()) as url, session_with(auth) as session:
        assert (await get(session, url))[0] == 200
        await held.begin(session, url + "/slow")  # with A
        for _ in range(2):
            assert (await get(session, url))[0] == 200  # with A and with B
        await held.end()
        assert (await get(session, url))[0] == 200
    nonces = [fields_of(value)["nonce"] for value in guard.authorizations[1:]]
    assert nonces == ["nonce-0==", "A", "A", "B", "C"]
    assert guard.log == [None, 1, 1, 2, 1, 1]


async def test_a_late_success_says_nothing_of_credentials_that_were_refused_meanwhile(serving, auth):
    guard = Guard()
    held = Held(guard)
    async with serving(guard.app()) as url, session_with(auth) as session:
        assert (await get(session, url))[0] == 200
        await held.begin(session, url + "/slow")
        guard.password = "changed"
        assert (await get(session, url))[0] == 401
        await held.end()
        assert (await get(session, url))[0] == 401
    assert guard.log == [None, 1, 2, "refused", "refused", None, "refused"]


async def test_an_answer_that_nobody_has_accepted_yet_is_not_given_unasked(serving, auth):
    guard = Guard()
    held = Held(guard)
    async with serving(guard.app()) as url, session_with(auth) as session:
        assert (await get(session, url))[0] == 200
        await held.begin(session, url + "/slow", headers={"Authorization": "Bearer x"})
        assert (await get(session, url))[0] == 200
        await held.end()
    assert guard.log == [None, 1, None, 1, None, 1]


async def test_a_malformed_authentication_info_is_ignored(scripted, auth):
    async def talk(peer, script):
        while head := (await peer.request())[0]:
            script.heads.append(head)
            if b"Authorization" in head:
                info = b'Authentication-Info: nextnonce="x\r\n'
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + info + b"\r\n")
            else:
                await peer.send(TEAPOT % b'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n')

    async with scripted(talk) as script, session_with(auth) as session:
        for _ in range(2):
            assert (await get(session, script.url))[0] == 200
    assert b'nonce="n"' in script.heads[2]
    assert b"nc=00000002" in script.heads[2]


# Where credentials go


async def test_digest_domain_limits_what_is_answered_unasked(serving, auth):
    guard = Guard()
    async with serving(guard.app()) as url, session_with(auth) as session:
        guard.also = f', domain="/in {url}/also/ http://elsewhere.invalid/ //{url.removeprefix("http://")}/net"'
        for path in ("/in", "/in/x", "/in?y", "/also/x", "/inner", "/also", "/net", "/"):
            assert (await get(session, url + path))[0] == 200
    assert guard.paths == [
        *("/in", "/in", "/in/x", "/in?y", "/also/x"),
        *("/inner", "/inner", "/also", "/also", "/net", "/net", "/", "/"),
    ]


async def test_digest_domain_never_opens_another_origin(serving, auth):
    here, there = Guard(), Guard()
    async with serving(here.app()) as url, serving(there.app()) as other, session_with(auth) as session:
        here.also = f', domain="/ {url}/ {other}/ {other}"'
        assert (await get(session, url))[0] == 200
        assert await get(session, other) == (401, "who are you?")
    assert there.authorizations == [None]


async def test_digest_credentials_stay_with_the_origin_of_the_first_request(serving, auth):
    here, there = Guard(), Guard()
    async with serving(here.app()) as url, serving(there.app()) as other, session_with(auth) as session:
        assert (await get(session, url))[0] == 200
        for _ in range(2):
            assert await get(session, other) == (401, "who are you?")
        assert (await get(session, url))[0] == 200
    assert there.authorizations == [None, None]
    assert here.log == [None, 1, 2]


async def test_digest_origin_is_that_of_the_first_request_even_where_nothing_was_asked(serving, auth):
    async def open_to_all(request):
        return web.Response(text="hello")

    app, there = web.Application(), Guard()
    app.router.add_get("/", open_to_all)
    async with serving(app) as url, serving(there.app()) as other, session_with(auth) as session:
        assert await get(session, url) == (200, "hello")
        assert (await get(session, other))[0] == 401
    assert there.authorizations == [None]


async def test_digest_origin_tells_schemes_apart(serving, server_tls, client_tls, auth):
    plain, secure = Guard(), Guard()
    async with serving(plain.app()) as url, serving(secure.app(), server_tls) as other, session_with(auth) as session:
        assert (await get(session, other, ssl=client_tls))[0] == 200
        assert (await get(session, url))[0] == 401
    assert plain.authorizations == [None]
    assert secure.log == [None, 1]


def redirecting(guard, target):
    async def handle(request):
        response = await guard.handle(request)
        return response if response.status == 401 else web.Response(status=302, headers={"Location": target()})

    app = web.Application()
    app.router.add_get("/redirect", handle)
    app.router.add_get("/{tail:.*}", guard.handle)
    return app


async def test_digest_credentials_do_not_follow_a_redirect_to_another_origin(serving, auth):
    here, there = Guard(), Guard()
    async with serving(there.app()) as other, serving(redirecting(here, lambda: other + "/x")) as url:
        async with session_with(auth) as session:
            for _ in range(2):
                assert (await get(session, url + "/redirect"))[0] == 401
    assert here.log == [None, 1, 2]
    assert there.paths == ["/x", "/x"]
    assert there.authorizations == [None, None]


async def test_a_redirect_in_the_same_origin_is_answered_for_its_own_uri(serving, auth):
    guard = Guard()
    async with serving(redirecting(guard, lambda: "/x?y")) as url, session_with(auth) as session:
        assert await get(session, url + "/redirect") == (200, "welcome")
    assert guard.log == [None, 1, 2]
    assert guard.paths == ["/redirect", "/redirect", "/x?y"]


# Bodies


async def numbers():
    for number in range(4):
        yield b"%d" % number


async def test_a_body_that_cannot_be_sent_again_is_an_error_and_not_an_empty_one(serving, auth):
    guard = Guard()
    async with serving(guard.app()) as url, session_with(auth) as session:
        with pytest.raises(drywire.ClientPayloadError, match="cannot be sent again"):
            await session.post(url, data=numbers())
        assert guard.bodies == []
        assert (await get(session, url))[0] == 200
        async with session.post(url, data=numbers()) as response:  # now that it need not be asked
            assert response.status == 200
    assert guard.bodies == [b"", b"0123"]
    assert guard.log == [None, None, 1, 2]


@pytest.mark.parametrize("qop", ["auth-int", "auth, auth-int"])
async def test_a_body_that_is_made_while_it_is_sent_is_digested_where_the_server_insists(serving, auth, qop):
    guard = Guard(qop=qop)
    async with serving(guard.app()) as url, session_with(auth) as session:
        assert (await get(session, url))[0] == 200
        async with session.post(url, data=numbers()) as response:
            assert response.status == 200
    assert guard.bodies[-1] == b"0123"
    assert ("qop=auth-int" in guard.authorizations[-1]) is (qop == "auth-int")


@pytest.mark.parametrize("size", [1024 * 1024, 1024 * 1024 + 1])
async def test_a_large_body_is_digested_only_where_the_server_insists(serving, auth, size):
    guard = Guard(qop="auth,auth-int")
    async with serving(guard.app()) as url, session_with(auth) as session:
        async with session.post(url, data=bytes(size)) as response:
            assert response.status == 200
    assert ("qop=auth-int" in guard.authorizations[-1]) is (size <= 1024 * 1024)
    assert len(guard.bodies[0]) == size


@pytest.mark.parametrize("qop", ["auth", "auth-int"])
async def test_a_file_is_sent_again_from_its_beginning(serving, auth, tmp_path, qop):
    content = bytes(range(256)) * 400
    path = tmp_path / "file"
    path.write_bytes(content)
    guard = Guard(qop=qop)
    async with serving(guard.app()) as url, session_with(auth) as session:
        with path.open("rb") as file:
            async with session.post(url, data=file) as response:
                assert response.status == 200
    assert guard.bodies == [content]


@pytest.mark.parametrize("data", ["text \u00e9", {"a": "b c"}, b"", None])
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
async def test_other_bodies_are_sent_again(serving, auth, qop, data):
    guard = Guard(qop=qop)
    async with serving(guard.app()) as url, session_with(auth) as session:
        async with session.post(url, data=data) as response:
            assert response.status == 200
    expected = {str: "text \u00e9".encode(), dict: b"a=b+c"}.get(type(data), b"")
    assert guard.bodies == [expected]


async def test_a_coded_body_is_not_digested_as_something_else(serving, auth):
    guard = Guard(qop="auth-int")
    async with serving(guard.app()) as url, session_with(auth) as session:
        with pytest.raises(drywire.ClientError, match="auth-int"):
            await session.post(url, data=b"x" * 100, compress="deflate")
        guard.qop = "auth,auth-int"
        async with session.post(url, data=b"x" * 100, compress="deflate") as response:
            assert response.status == 200
    assert "qop=auth," in guard.authorizations[-1]


@pytest.mark.parametrize("in_file", [False, True])
async def test_a_server_that_asks_in_the_middle_of_an_upload_is_answered(scripted, auth, tmp_path, in_file):
    bodies = []

    async def talk(peer, script):
        while head := await peer.head():
            if b"Authorization" not in head:
                field = b'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\nConnection: close\r\n'
                await peer.send(TEAPOT % field)
                return await peer.ended()
            bodies.append(await peer.exactly(8_000_000))
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        return None

    content = bytes(range(250)) * 32_000
    path = tmp_path / "file"
    path.write_bytes(content)
    async with scripted(talk) as script, session_with(auth) as session:
        with path.open("rb") as file:
            async with session.post(script.url, data=file if in_file else content) as response:
                assert response.status == 200
    assert bodies == [content]
    assert script.connections == 2


def one_connection():
    return drywire.TCPConnector(limit=1)


async def test_a_refusal_that_never_ends_is_not_read_and_gives_up_its_connection(scripted, auth):
    async def talk(peer, script):
        while head := (await peer.request())[0]:
            if b"Authorization" in head:
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            else:
                field = b'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n'
                await peer.send(b"HTTP/1.1 401 No\r\nContent-Length: 1000000000\r\n%b\r\nand so on" % field)

    async with scripted(talk) as script, session_with(auth, connector=one_connection(), timeout=10) as session:
        assert (await get(session, script.url))[0] == 200
        assert script.connections == 2


@pytest.mark.parametrize(
    ("challenge", "data"),
    [("Digest", None), ('Digest realm="r", nonce="n"', [b"made while", b"it is sent"])],
)
async def test_a_request_that_fails_gives_up_its_connection(scripted, auth, challenge, data):
    field = f"WWW-Authenticate: {challenge}\r\n".encode()

    async def talk(peer, script):
        while (await peer.request())[0]:
            await peer.send(b"HTTP/1.1 401 No\r\nContent-Length: 1000000000\r\n%b\r\nand so on" % field)

    async def pieces():
        for piece in data:
            yield piece

    kept = []
    async with scripted(talk) as script, session_with(auth, connector=one_connection(), timeout=10) as session:
        for _ in range(2):
            with pytest.raises(drywire.ClientError) as caught:
                await session.post(script.url, data=pieces() if data else None)
            kept.append(caught.value)  # and with it all that its traceback refers to
        assert script.connections == 2


async def test_a_websocket_is_opened_by_digest(serving, auth):
    guard = Guard()

    async def handle(request):
        response = await guard.handle(request)
        if response.status == 401:
            return response
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("hello")
        await socket.close()
        return socket

    app = web.Application()
    app.router.add_get("/ws", handle)
    async with serving(app) as url, session_with(auth) as session:
        async with session.ws_connect(url + "/ws") as socket:
            assert await socket.receive_str() == "hello"
    assert guard.log == [None, 1]
