"""Rows V-01 to V-12: which redirects are followed, and what of a request goes on with them."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import base64
import io

import pytest
from yarl import URL

import drywire
from drywire import web

from ..client.conftest import OK, answering, scripted  # noqa: F401
from .mirror import asked, basic_auth, mirror, tell  # noqa: F401

FOLLOWED = [301, 302, 303, 307, 308]


async def moved(request):
    """Send the client from /moved/<status> to /landed, once the request has come whole."""
    await request.read()
    return web.Response(status=int(request.match_info["status"]), headers={"Location": "/landed"})


async def nowhere(request):
    return web.Response(status=int(request.match_info["status"]), text="no Location")


def to(location):
    """A handler that sends the client to `location`."""

    async def handle(request):
        await request.read()
        return web.Response(status=307, headers={"Location": location})

    return handle


async def count_down(request):
    """Redirect as often as the path says."""
    left = int(request.match_info["left"])
    if not left:
        return web.Response(text="arrived")
    return web.Response(status=302, headers={"Location": f"/down/{left - 1}"})


@pytest.fixture
def moving(mirror):
    """``async with moving() as url``: redirects at /moved/<status>, and behind it what tells how it was asked."""

    def make(*routes):
        return mirror(web.route("*", "/moved/{status}", moved), web.get("/down/{left}", count_down), *routes)

    return make


def basic(login, password):
    return "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()


@pytest.mark.parametrize("status", FOLLOWED)
async def test_v_01_redirects_are_followed(moving, status):
    async with moving() as url, drywire.ClientSession() as session:
        async with session.get(f"{url}/moved/{status}") as response:
            assert (response.status, response.url) == (200, URL(url + "/landed"))
            assert [(one.status, one.url) for one in response.history] == [(status, URL(f"{url}/moved/{status}"))]


@pytest.mark.parametrize("status", [201, 300, 304, 305, 306])
async def test_v_01_other_statuses_are_not_followed(moving, status):
    async with moving() as url, drywire.ClientSession() as session:
        async with session.get(f"{url}/moved/{status}") as response:
            assert (response.status, response.history) == (status, ())


async def test_v_01_a_uri_field_stands_in_for_location(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 302 Found\r\nURI: /there\r\nContent-Length: 0\r\n\r\n")
        script.heads.append(await peer.head())
        await peer.send(OK)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            assert response.status == 200
        assert script.heads[0].startswith(b"GET /there HTTP/1.1\r\n")


@pytest.mark.parametrize("status", FOLLOWED)
async def test_v_01_a_redirect_without_location_is_the_response(mirror, status):
    async with mirror(web.get("/nowhere/{status}", nowhere)) as url, drywire.ClientSession() as session:
        async with session.get(f"{url}/nowhere/{status}") as response:
            assert (response.status, response.url.path) == (status, f"/nowhere/{status}")
            assert await response.text() == "no Location"


@pytest.mark.parametrize(
    ("method", "status", "after"),
    [
        *((method, status, method) for method in ("GET", "PUT", "PATCH", "DELETE") for status in (301, 302)),
        *((method, status, method) for method in ("GET", "POST", "PUT", "PATCH", "DELETE") for status in (307, 308)),
        *((method, 303, "GET") for method in ("GET", "POST", "PUT", "PATCH", "DELETE")),
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
    ],
)
async def test_v_02_method_and_body_go_on_as_the_status_says(moving, method, status, after):
    data = None if method == "GET" else b"body"
    async with moving() as url, drywire.ClientSession() as session:
        seen = await asked(session.request(method, f"{url}/moved/{status}", data=data))
        assert seen.method == after
        assert seen.body == (data or b"" if after == method else b"")


@pytest.mark.parametrize("status", FOLLOWED)
async def test_v_02_head_stays_head(moving, status):
    async with moving() as url, drywire.ClientSession() as session:
        async with session.head(f"{url}/moved/{status}", allow_redirects=True) as response:
            assert (response.method, response.status, response.url.path) == ("HEAD", 200, "/landed")
            assert await response.read() == b""


async def test_v_02_what_describes_a_body_is_left_behind_with_it(moving):
    """Differs: aiohttp goes on to say the type of a body that it no longer sends."""
    async with moving() as url, drywire.ClientSession() as session:
        headers = {"Content-Type": "text/plain", "Content-Language": "en", "X-Other": "1"}
        seen = await asked(session.post(url + "/moved/303", data=b"body", headers=headers))
        assert not {"Content-Type", "Content-Language", "Content-Length", "Transfer-Encoding"} & set(seen.headers)
        assert seen.headers["X-Other"] == "1"


@pytest.mark.parametrize(
    "make", [lambda: b"body", lambda: "body", lambda: io.BytesIO(b"body"), lambda: {"body": ""}], ids=range(4)
)
async def test_v_03_a_body_is_sent_once_more(moving, make):
    async with moving() as url, drywire.ClientSession() as session:
        direct = await asked(session.post(url, data=make()))
        seen = await asked(session.post(url + "/moved/307", data=make()))
        assert b"body" in seen.body
        assert (seen.body, seen.headers["Content-Type"]) == (direct.body, direct.headers["Content-Type"])


async def test_v_03_a_file_is_sent_once_more_from_where_it_stood(moving, tmp_path):
    path = tmp_path / "upload"
    path.write_bytes(b"skipped and sent")
    async with moving() as url, drywire.ClientSession() as session:
        with path.open("rb") as file:
            file.seek(len(b"skipped and "))
            assert (await asked(session.put(url + "/moved/302", data=file))).body == b"sent"


async def test_v_03_a_body_that_is_used_up_cannot_be_followed(moving):
    async def body():
        yield b"once"

    async with moving() as url, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientPayloadError, match=r"redirect.*body.*consumed|consumed.*body"):
            await session.post(url + "/moved/307", data=body())
        assert (await asked(session.post(url + "/moved/303", data=body()))).method == "GET"


async def test_v_04_ten_redirects_are_too_many(moving):
    async with moving() as url, drywire.ClientSession() as session:
        async with session.get(url + "/down/9") as response:
            assert len(response.history) == 9
            assert await response.text() == "arrived"
        with pytest.raises(drywire.TooManyRedirects) as caught:
            await session.get(url + "/down/10")
        error = caught.value
        assert [one.url.path for one in error.history] == [f"/down/{left}" for left in range(10, 0, -1)]
        assert error.request_info.url == URL(url + "/down/10")
        assert (error.status, error.message) == (0, "")


@pytest.mark.parametrize(("most", "followed"), [(1, 0), (3, 2), (100, 99)])
async def test_v_04_max_redirects_says_how_many_are_too_many(moving, most, followed):
    async with moving() as url, drywire.ClientSession() as session:
        async with session.get(f"{url}/down/{followed}", max_redirects=most) as response:
            assert response.status == 200
        with pytest.raises(drywire.TooManyRedirects) as caught:
            await session.get(f"{url}/down/{followed + 1}", max_redirects=most)
        assert len(caught.value.history) == most


CREDENTIALS = [("authorization", "Basic eA=="), ("Proxy-Authorization", "Basic eQ==")]


async def test_v_05_credentials_do_not_go_to_another_origin(mirror):
    async with mirror() as other, mirror(web.get("/out", to(other + "/landed"))) as url:
        async with drywire.ClientSession(headers={"X-Session": "1"}) as session:
            options = {"headers": [*CREDENTIALS, ("X-Call", "1")], "cookies": {"a": "1"}}
            seen = await asked(session.get(url + "/out", **options))
            assert not {"Authorization", "Cookie", "Proxy-Authorization"} & set(seen.headers)
            assert (seen.headers["X-Session"], seen.headers["X-Call"]) == ("1", "1")
            assert seen.headers["Host"] == URL(other).host_port_subcomponent


async def test_v_05_a_cookie_field_does_not_go_to_another_origin(mirror):
    async with mirror() as other, mirror(web.get("/out", to(other + "/landed"))) as url:
        async with drywire.ClientSession() as session:
            seen = await asked(session.get(url + "/out", headers={"Cookie": "a=1"}))
            assert "Cookie" not in seen.headers


async def test_v_05_credentials_stay_with_their_origin(moving):
    async with moving() as url, drywire.ClientSession() as session:
        options = {"headers": {"Authorization": "Basic eA=="}, "cookies": {"a": "1"}}
        seen = await asked(session.get(url + "/moved/302", **options))
        assert seen.headers.getall("Authorization") == ["Basic eA=="]
        assert seen.headers["Cookie"] == "a=1"


def credentials_of(told):
    return [value for name, value in told["headers"] if name.lower() == "authorization"]


@pytest.fixture
def with_credentials(mirror):
    """``async with with_credentials() as url``: sends the client from /out on with a user and a password in the URL."""

    async def out(request):
        location = URL(f"http://{request.host}/landed").with_user("user").with_password("p w")
        return web.Response(status=302, headers={"Location": str(location)})

    return lambda: mirror(web.get("/out", out))


async def test_v_06_credentials_in_the_url_of_a_redirect_are_used(with_credentials):
    async with with_credentials() as url, drywire.ClientSession() as session, session.get(url + "/out") as response:
        assert credentials_of(await response.json()) == [basic("user", "p w")]
        assert response.url == URL(url + "/landed")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # auth= is an ingredient here
async def test_v_06_credentials_in_the_url_of_a_redirect_replace_earlier_ones(with_credentials):
    async with with_credentials() as url, drywire.ClientSession() as session:
        async with session.get(url + "/out", auth=basic_auth("early", "one")) as response:
            assert credentials_of(await response.json()) == [basic("user", "p w")]


async def test_v_06_credentials_in_the_url_of_a_redirect_replace_an_earlier_field(with_credentials):
    """Differs: aiohttp raises ValueError for this, which is the server's doing and not the caller's."""
    async with with_credentials() as url, drywire.ClientSession() as session:
        async with session.get(url + "/out", headers={"Authorization": basic("early", "one")}) as response:
            assert credentials_of(await response.json()) == [basic("user", "p w")]


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("landed", "/a/b/landed"),
        ("../landed", "/a/landed"),
        ("/landed", "/landed"),
        ("/landed?q=1#part", "/landed?q=1"),
        ("?q=1", "/a/b/out?q=1"),
        ("./x/./../y", "/a/b/y"),
        ("http:/landed", "/landed"),
    ],
)
async def test_v_07_a_relative_location_is_joined(mirror, location, target):
    async def out(request):
        return await (to(location)(request) if request.query_string == "before" else tell(request))

    async with mirror(web.get("/a/b/out", out)) as url, drywire.ClientSession() as session:
        assert (await asked(session.get(url + "/a/b/out?before"))).target == target


async def test_v_07_a_location_without_a_scheme_keeps_it(mirror):
    async with mirror() as other, mirror(web.get("/out", to(other.removeprefix("http:") + "/landed"))) as url:
        async with drywire.ClientSession() as session, session.get(url + "/out") as response:
            assert response.url == URL(other + "/landed")


@pytest.mark.parametrize("location", ["http://[::1", "http://host:99999/", "http://host:port/", "http://"])
async def test_v_08_a_location_that_is_no_url_is_an_error(mirror, location):
    async with mirror(web.get("/out", to(location))) as url, drywire.ClientSession() as session:
        with pytest.raises(drywire.InvalidUrlRedirectClientError):
            await session.get(url + "/out")


@pytest.mark.parametrize("location", ["ftp://example.com/", "mailto:a@example.com", "file:///etc/passwd", "data:,x"])
async def test_v_08_a_location_of_another_scheme_is_an_error(mirror, location):
    async with mirror(web.get("/out", to(location))) as url, drywire.ClientSession() as session:
        with pytest.raises(drywire.NonHttpUrlRedirectClientError) as caught:
            await session.get(url + "/out")
        assert location in str(caught.value)


@pytest.mark.parametrize("status", FOLLOWED)
async def test_v_09_allow_redirects_false_returns_the_redirect(moving, status):
    async with moving() as url, drywire.ClientSession() as session:
        async with session.get(f"{url}/moved/{status}", allow_redirects=False) as response:
            assert (response.status, response.headers["Location"], response.history) == (status, "/landed", ())


async def test_v_10_params_are_not_sent_again(moving):
    async with moving(web.get("/query", to("/landed?own=1"))) as url, drywire.ClientSession() as session:
        assert (await asked(session.get(url + "/moved/302", params={"a": "1"}))).target == "/landed"
        assert (await asked(session.get(url + "/query", params={"a": "1"}))).target == "/landed?own=1"


@pytest.mark.parametrize(
    ("location", "requoted"), [("/%30", "/0"), ("/a%2fb", "/a%2Fb"), ("/?q=%7Ea", "/?q=~a")], ids=range(3)
)
async def test_v_11_requote_redirect_url_says_whether_a_location_is_quoted_anew(mirror, location, requoted):
    async with mirror(web.get("/out", to(location))) as url:
        async with drywire.ClientSession() as session:
            assert (await asked(session.get(url + "/out"))).target == requoted
        async with drywire.ClientSession(requote_redirect_url=False) as session:
            assert (await asked(session.get(url + "/out"))).target == location


async def test_v_11_a_location_that_is_not_quoted_is_quoted(mirror):
    async with mirror(web.get("/out", to("/a b?c=d e"))) as url, drywire.ClientSession() as session:
        assert (await asked(session.get(url + "/out"))).target == "/a%20b?c=d+e"


async def test_v_12_each_redirect_is_traced(moving):
    seen = []

    async def redirected(session, context, params):
        assert isinstance(params, drywire.TraceRequestRedirectParams)
        seen.append((params.method, str(params.url), params.headers["X-A"], params.response.status))

    trace = drywire.TraceConfig()
    trace.on_request_redirect.append(redirected)
    async with moving() as url, drywire.ClientSession(trace_configs=[trace], headers={"X-A": "1"}) as session:
        async with session.get(url + "/down/2") as response:
            assert response.status == 200
        assert seen == [("GET", f"{url}/down/{left}", "1", 302) for left in (2, 1)]
        await (await session.get(url + "/down/1", allow_redirects=False)).read()
        assert len(seen) == 2
