"""Rows M-01 to M-09: functions around a request, digest authentication, and retries."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import hashlib
import re
import typing

import pytest
from yarl import URL

import drywire
from drywire import web
from drywire_transports import current_runtime

from ..client.conftest import eventually  # noqa: F401
from .mirror import asked, mirror  # noqa: F401

REALM = "the realm"
HASHES = {"MD5": hashlib.md5, "SHA": hashlib.sha1, "SHA-256": hashlib.sha256, "SHA-512": hashlib.sha512}


def named(name, log):
    """Return a middleware that logs when a request comes by, and when its response does."""

    async def middleware(request, handler):
        log.append(f"> {name} {request.url.path}")
        response = await handler(request)
        log.append(f"< {name} {response.status}")
        return response

    return middleware


async def moved(request):
    raise web.HTTPFound("/landed")


class Flaky:
    """A handler that is unavailable at first."""

    def __init__(self, failures):
        self.failures = failures
        self.bodies = []

    async def __call__(self, request):
        self.bodies.append(await request.read())
        if len(self.bodies) <= self.failures:
            raise web.HTTPServiceUnavailable
        return web.Response(text="at last")


class Guard:
    """A handler that lets in who knows the password of Mufasa, by digests as in RFC 7616."""

    def __init__(self, algorithm="SHA-256", qop="auth", parameters=""):
        self.algorithm = algorithm
        self.qop = qop
        self.parameters = parameters
        self.nonces = ["nonce-0"]
        self.seen = []
        """What each request said in its Authorization header, None for nothing."""

    async def __call__(self, request):
        body = await request.read()
        said = request.headers.get("Authorization")
        self.seen.append(said)
        if said is None:
            return self.challenge()
        assert said.startswith("Digest ")
        given = {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^", ]+))', said)}
        assert given["uri"] == request.raw_path
        assert given["response"] == self.expected(given, request.method, body)
        if given["nonce"] != self.nonces[-1]:
            return self.challenge("stale=true, ")
        return web.Response(text="welcome")

    def challenge(self, more=""):
        qop = f'qop="{self.qop}", ' if self.qop else ""
        fields = f'realm="{REALM}", {qop}{more}algorithm={self.algorithm}, nonce="{self.nonces[-1]}", opaque="o p"'
        return web.Response(status=401, headers={"WWW-Authenticate": f"Digest {fields}{self.parameters}"})

    def expected(self, given, method, body):
        def digest(*parts):
            joined = b":".join(part if isinstance(part, bytes) else part.encode() for part in parts)
            return HASHES[self.algorithm.removesuffix("-sess")](joined).hexdigest()

        assert (given["username"], given["realm"], given["opaque"]) == ("Mufasa", REALM, "o p")
        secret = digest("Mufasa", REALM, "Circle of Life")
        if self.algorithm.endswith("-sess"):
            secret = digest(secret, given["nonce"], given["cnonce"])
        if not self.qop:
            assert "qop" not in given
            return digest(secret, given["nonce"], digest(method, given["uri"]))
        assert given["qop"] == self.qop
        assert re.fullmatch("[0-9a-f]{8}", given["nc"])
        asked_for = (method, given["uri"], digest(body)) if self.qop == "auth-int" else (method, given["uri"])
        return digest(secret, given["nonce"], given["nc"], given["cnonce"], given["qop"], digest(*asked_for))


def mufasa(**options):
    return drywire.DigestAuthMiddleware("Mufasa", "Circle of Life", **options)


async def text_of(request):
    async with request as response:
        assert response.status == 200
        return await response.text()


async def test_m_01_the_first_middleware_is_the_outermost(mirror):
    log = []
    async with mirror() as url, drywire.ClientSession(middlewares=[named("a", log), named("b", log)]) as session:
        await asked(session.get(url + "/x"))
    assert log == ["> a /x", "> b /x", "< b 200", "< a 200"]


async def test_m_01_middlewares_are_applied_to_each_hop_of_a_redirect(mirror):
    log = []
    async with mirror(web.get("/moved", moved)) as url:
        async with drywire.ClientSession(middlewares=[named("a", log)]) as session:
            async with session.get(url + "/moved") as response:
                assert [each.status for each in response.history] == [302]
    assert log == ["> a /moved", "< a 302", "> a /landed", "< a 200"]


async def test_m_01_a_middleware_may_change_a_request_or_refuse_it(mirror):
    async def change(request, handler):
        request.headers["X-Changed"] = "1"
        del request.headers["X-Secret"]
        return await handler(request)

    async def refuse(request, handler):
        raise LookupError("not today")

    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.get(url, headers={"X-Secret": "1"}, middlewares=[change]))
        assert (seen.headers["X-Changed"], "X-Secret" in seen.headers) == ("1", False)
        with pytest.raises(LookupError, match="not today"):
            await session.get(url, middlewares=[refuse])


def test_m_02_the_types_of_middlewares_and_handlers_are_named():
    handler, response = typing.get_args(drywire.ClientHandlerType)
    assert handler == [drywire.ClientRequest]
    assert typing.get_args(response) == (drywire.ClientResponse,)
    middleware, response = typing.get_args(drywire.ClientMiddlewareType)
    assert middleware == [drywire.ClientRequest, drywire.ClientHandlerType]
    assert typing.get_args(response) == (drywire.ClientResponse,)


async def test_m_03_a_handler_may_be_called_again(mirror):
    flaky = Flaky(2)

    async def retry(request, handler):
        for _ in range(3):
            response = await handler(request)
            if response.status != 503:
                return response
            response.release()
        raise AssertionError("never came right")

    async with mirror(web.post("/flaky", flaky)) as url, drywire.ClientSession(middlewares=[retry]) as session:
        assert await text_of(session.post(url + "/flaky", data=b"body")) == "at last"
    assert flaky.bodies == [b"body"] * 3


async def test_m_04_the_session_of_a_request_makes_other_requests(mirror):
    async def token(request):
        return web.Response(text="the token")

    async def authorise(request, handler):
        token = await text_of(request.session.get(request.url.with_path("/token"), middlewares=()))
        request.headers["Authorization"] = f"Bearer {token}"
        return await handler(request)

    async with mirror(web.get("/token", token)) as url, drywire.ClientSession(middlewares=[authorise]) as session:
        assert (await asked(session.get(url + "/x"))).headers["Authorization"] == "Bearer the token"


@pytest.mark.parametrize(
    ("before", "after", "body"),
    [
        (b"body", b"another body", b"another body"),
        (b"body", "t\u00e9xt", "t\u00e9xt".encode()),
        (b"body", {"a": "1"}, b"a=1"),
        (None, b"from nothing", b"from nothing"),
    ],
    ids=["bytes", "str", "form", "none"],
)
async def test_m_05_update_body_replaces_the_body_and_its_length(mirror, before, after, body):
    async def replace(request, handler):
        await request.update_body(after)
        return await handler(request)

    async with mirror() as url, drywire.ClientSession(middlewares=[replace]) as session:
        seen = await asked(session.post(url, data=before))
        assert (seen.body, seen.headers["Content-Length"]) == (body, str(len(body)))


async def test_m_05_update_body_closes_the_body_that_was_there(mirror, tmp_path, eventually):
    (tmp_path / "data").write_bytes(b"from the file")
    file = (tmp_path / "data").open("rb")

    async def replace(request, handler):
        assert await request.body.as_bytes() == b"from the file"
        await request.update_body(b"not from the file")
        return await handler(request)

    async with mirror() as url, drywire.ClientSession(middlewares=[replace]) as session:
        assert (await asked(session.post(url, data=file))).body == b"not from the file"
        await eventually(lambda: file.closed)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_m_05_assigning_to_body_works_too(mirror):
    async def replace(request, handler):
        request.body = b"assigned"
        return await handler(request)

    async with mirror() as url, drywire.ClientSession(middlewares=[replace]) as session:
        seen = await asked(session.post(url, data=b"body"))
        assert (seen.body, seen.headers["Content-Length"]) == (b"assigned", "8")


# RFC 7616, 3.4.2: a session's key is made of a cnonce, which goes with qop.
CHALLENGES = [(name + suffix, qop) for name in HASHES for suffix in ("", "-sess") for qop in ("auth", "auth-int")]
CHALLENGES += [(name, "") for name in HASHES]


@pytest.mark.parametrize(("algorithm", "qop"), CHALLENGES)
async def test_m_06_digest_auth_answers_a_challenge(mirror, algorithm, qop):
    guard = Guard(algorithm, qop)
    async with mirror(web.post("/secret", guard)) as url, drywire.ClientSession(middlewares=[mufasa()]) as session:
        assert await text_of(session.post(url + "/secret?a=%2C", data=b"body")) == "welcome"
    assert [said is not None for said in guard.seen] == [False, True]


@pytest.mark.parametrize(("preemptive", "requests"), [(True, 3), (False, 4)])
async def test_m_06_digest_auth_is_preemptive_unless_told_otherwise(mirror, preemptive, requests):
    guard = Guard()
    digest = mufasa(preemptive=preemptive)
    async with mirror(web.get("/secret", guard)) as url, drywire.ClientSession(middlewares=[digest]) as session:
        for _ in range(2):
            assert await text_of(session.get(url + "/secret")) == "welcome"
    assert len(guard.seen) == requests
    counts = [re.search(r"nc=(\w+)", said)[1] for said in guard.seen if said]
    assert counts == ["00000001", "00000002"] if preemptive else len(counts) == 2


async def test_m_06_digest_auth_takes_a_new_nonce_for_a_stale_one(mirror):
    guard = Guard()
    async with mirror(web.get("/secret", guard)) as url, drywire.ClientSession(middlewares=[mufasa()]) as session:
        assert await text_of(session.get(url + "/secret")) == "welcome"
        guard.nonces.append("nonce-1")
        assert await text_of(session.get(url + "/secret")) == "welcome"
    assert [re.search(r'nonce="([^"]*)"', said)[1] for said in guard.seen if said] == ["nonce-0", "nonce-0", "nonce-1"]


async def test_m_06_digest_auth_gives_up_where_the_password_is_wrong(mirror):
    attempts = []

    async def unmoved(request):
        attempts.append(request.headers.get("Authorization"))
        return Guard().challenge()

    async with mirror(web.get("/secret", unmoved)) as url, drywire.ClientSession(middlewares=[mufasa()]) as session:
        async with session.get(url + "/secret") as response:
            assert response.status == 401
    assert len(attempts) == 2


def test_m_06_digest_auth_refuses_a_login_with_a_colon():
    with pytest.raises(ValueError, match=":"):
        drywire.DigestAuthMiddleware("Mu:fasa", "Circle of Life")


@pytest.mark.parametrize(
    "challenge",
    [
        'Digest realm="r", qop="auth"',
        'Digest nonce="n", qop="auth"',
        'Digest realm="r", nonce="", qop="auth"',
        'Digest realm="r", nonce="n", qop="auth-what"',
        'Digest realm="r", nonce="n", qop="auth", algorithm=CRC-32',
        "Digest",
    ],
    ids=["no nonce", "no realm", "empty nonce", "qop", "algorithm", "nothing"],
)
async def test_m_06_digest_auth_raises_for_a_malformed_challenge(mirror, challenge):
    async def handler(request):
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    async with mirror(web.get("/secret", handler)) as url, drywire.ClientSession(middlewares=[mufasa()]) as session:
        with pytest.raises(drywire.ClientError):
            await session.get(url + "/secret")


@pytest.mark.parametrize("challenge", ['Basic realm="r"', "Bearer"])
async def test_m_06_digest_auth_leaves_other_challenges_alone(mirror, challenge):
    async def handler(request):
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    async with mirror(web.get("/secret", handler)) as url, drywire.ClientSession(middlewares=[mufasa()]) as session:
        async with session.get(url + "/secret") as response:
            assert (response.status, response.headers["WWW-Authenticate"]) == (401, challenge)


async def test_m_07_digest_auth_answers_the_origin_of_the_first_request_alone(mirror):
    guard, other = Guard(), Guard()
    async with mirror(web.get("/secret", guard)) as url, mirror(web.get("/secret", other)) as elsewhere:
        async with drywire.ClientSession(middlewares=[mufasa()]) as session:
            assert await text_of(session.get(url + "/secret")) == "welcome"
            async with session.get(elsewhere + "/secret") as response:
                assert response.status == 401
    assert other.seen == [None]


async def test_m_07_digest_auth_does_not_follow_a_redirect_to_another_origin(mirror):
    other = Guard()
    async with mirror(web.get("/secret", other)) as elsewhere:

        async def leave(request):
            raise web.HTTPFound(elsewhere + "/secret")

        async with mirror(web.get("/leave", leave)) as url:
            async with drywire.ClientSession(middlewares=[mufasa()]) as session:
                async with session.get(url + "/leave") as response:
                    assert response.status == 401
    assert other.seen == [None]


async def test_m_07_digest_auth_does_not_go_to_other_servers_that_a_challenge_names(mirror):
    """Differs: of a challenge's domain only what is on its own server counts: no server can send a login elsewhere."""
    other = Guard()
    async with mirror(web.get("/in/secret", other)) as elsewhere:
        guard = Guard(parameters=f', domain="/secret {elsewhere}/in"')
        async with mirror(web.get("/secret", guard)) as url:
            async with drywire.ClientSession(middlewares=[mufasa()]) as session:
                assert await text_of(session.get(url + "/secret")) == "welcome"
                async with session.get(elsewhere + "/in/secret") as response:
                    assert response.status == 401
    assert other.seen == [None]


async def test_m_07_digest_auth_goes_to_the_protection_space_without_being_asked(mirror):
    guard, beside = Guard(parameters=', domain="/in"'), Guard()
    async with mirror(web.get("/in/a", guard), web.get("/inner", beside)) as url:
        async with drywire.ClientSession(middlewares=[mufasa()]) as session:
            assert await text_of(session.get(url + "/in/a")) == "welcome"
            assert await text_of(session.get(url + "/in/a")) == "welcome"
            assert await text_of(session.get(url + "/inner")) == "welcome"
    assert [said is not None for said in guard.seen] == [False, True, True]
    assert [said is not None for said in beside.seen] == [False, True]


async def test_m_08_basic_auth_by_a_header(mirror):
    credentials = drywire.encode_basic_auth("nobody", "secr\u00e9t")
    assert credentials == "Basic bm9ib2R5OnNlY3LDqXQ="
    async with mirror() as url, drywire.ClientSession(headers={"Authorization": credentials}) as session:
        assert (await asked(session.get(url))).headers["Authorization"] == credentials


async def test_m_08_basic_auth_by_a_middleware(mirror):
    async def authorise(request, handler):
        request.headers["Authorization"] = drywire.encode_basic_auth("nobody", "secret")
        return await handler(request)

    async with mirror() as url, drywire.ClientSession(middlewares=[authorise]) as session:
        assert (await asked(session.get(url))).headers["Authorization"] == "Basic bm9ib2R5OnNlY3JldA=="


async def test_m_09_a_loop_around_requests_retries_until_it_goes_well(mirror):
    flaky = Flaky(2)

    async def insist(session, url, retries=3, delay=0.001):
        runtime = current_runtime()
        for attempt in range(retries):
            try:
                async with session.get(url, timeout=drywire.ClientTimeout(total=5)) as response:
                    response.raise_for_status()
                    return attempt, await response.text()
            except (drywire.ClientError, TimeoutError):
                await runtime.sleep_until(runtime.now() + delay * 2**attempt)
        raise AssertionError("never came right")

    async with mirror(web.get("/flaky", flaky)) as url, drywire.ClientSession() as session:
        assert await insist(session, URL(url + "/flaky")) == (2, "at last")
