"""Group 22: what handlers raise to answer with a status."""

import http
import json

import pytest
from yarl import URL

from drywire import web
from drywire_transports import current_runtime

LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
BASES = {
    "HTTPException": "Response",
    "HTTPError": "HTTPException",
    "HTTPSuccessful": "HTTPException",
    "HTTPRedirection": "HTTPException",
    "HTTPMove": "HTTPRedirection",
    "HTTPClientError": "HTTPError",
    "HTTPServerError": "HTTPError",
}
TABLE = """
    200 HTTPOk 201 HTTPCreated 202 HTTPAccepted 203 HTTPNonAuthoritativeInformation 204 HTTPNoContent
    205 HTTPResetContent 206 HTTPPartialContent
    300 HTTPMultipleChoices 301 HTTPMovedPermanently 302 HTTPFound 303 HTTPSeeOther 304 HTTPNotModified
    305 HTTPUseProxy 307 HTTPTemporaryRedirect 308 HTTPPermanentRedirect
    400 HTTPBadRequest 401 HTTPUnauthorized 402 HTTPPaymentRequired 403 HTTPForbidden 404 HTTPNotFound
    405 HTTPMethodNotAllowed 406 HTTPNotAcceptable 407 HTTPProxyAuthenticationRequired 408 HTTPRequestTimeout
    409 HTTPConflict 410 HTTPGone 411 HTTPLengthRequired 412 HTTPPreconditionFailed 413 HTTPRequestEntityTooLarge
    414 HTTPRequestURITooLong 415 HTTPUnsupportedMediaType 416 HTTPRequestRangeNotSatisfiable
    417 HTTPExpectationFailed 421 HTTPMisdirectedRequest 422 HTTPUnprocessableEntity 424 HTTPFailedDependency
    426 HTTPUpgradeRequired 428 HTTPPreconditionRequired 429 HTTPTooManyRequests 431 HTTPRequestHeaderFieldsTooLarge
    451 HTTPUnavailableForLegalReasons
    500 HTTPInternalServerError 501 HTTPNotImplemented 502 HTTPBadGateway 503 HTTPServiceUnavailable
    504 HTTPGatewayTimeout 505 HTTPVersionNotSupported 506 HTTPVariantAlsoNegotiates 507 HTTPInsufficientStorage
    510 HTTPNotExtended 511 HTTPNetworkAuthenticationRequired
"""
WORDS = TABLE.split()
CLASSES = list(zip(map(int, WORDS[::2]), WORDS[1::2], strict=True))
EMPTY = {204, 205, 304}
POSITIONAL = {405: ("get", ["PUT", "GET"]), 413: (10, 20), 451: ("http://law.test",)}


def arguments(status):
    return POSITIONAL.get(status, ("/there",) if status // 100 == 3 and status != 304 else ())


@pytest.fixture
def answered(serving, answer_to):
    """``await answered(handler)``: what a server with this handler answers."""

    async def ask(handler, data=LAST + b"\r\n"):
        app = web.Application()
        app.router.add_route("*", "/", handler)
        async with serving(app) as url:
            return await answer_to(url, data, eof=False)

    return ask


def test_h_01_http_exception_is_a_response():
    error = web.HTTPNotFound(headers={"X": "1"}, reason="Nowhere", text="not <here>", content_type="text/html")
    assert isinstance(error, web.Response)
    assert isinstance(error, Exception)
    assert (error.status, error.status_code, error.reason, error.text) == (404, 404, "Nowhere", "not <here>")
    assert (error.headers["X"], error.content_type, str(error)) == ("1", "text/html", "Nowhere")
    assert web.HTTPNotFound().text == "404: Not Found"
    assert not web.HTTPNotFound.empty_body
    with pytest.warns(DeprecationWarning, match="body of an HTTPException is deprecated"):
        assert web.HTTPNotFound(body=b"bytes").body == b"bytes"
    with pytest.raises(ValueError, match="line break"):
        web.HTTPNotFound(reason="a\r\nb")


@pytest.mark.parametrize(("status", "name"), CLASSES)
def test_h_02_a_class_for_each_status(status, name):
    kind = getattr(web, name)
    error = kind(*arguments(status))
    families = {2: "HTTPSuccessful", 3: "HTTPMove", 4: "HTTPClientError", 5: "HTTPServerError"}
    base = "HTTPRedirection" if status == 304 else families[status // 100]
    assert kind.__mro__[1] is getattr(web, base)
    assert kind.status_code == error.status == status
    assert error.reason == http.HTTPStatus(status).phrase
    assert kind.empty_body == (status in EMPTY)
    if status in EMPTY:
        assert error.text is None
    elif status != 413:
        assert error.text == f"{status}: {error.reason}"


def test_h_02_the_tree():
    for name, base in BASES.items():
        assert getattr(web, name).__mro__[1] is getattr(web, base)
    exceptions = {kind for name in web.__all__ if isinstance(kind := getattr(web, name), type)}
    found = {kind.__name__ for kind in exceptions if issubclass(kind, web.HTTPException)}
    assert found == {name for _, name in CLASSES} | set(BASES)


@pytest.mark.parametrize(("status", "name"), CLASSES)
async def test_h_03_it_is_raised(answered, status, name):
    async def handler(request):
        raise getattr(web, name)(*arguments(status), headers={"X-Own": "1"})

    head, _, body = (await answered(handler)).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}".encode())
    assert b"\r\nX-Own: 1" in head
    assert bool(body) == (status not in EMPTY)


def test_h_04_redirects_need_a_location():
    for nothing in ("", None, URL("")):
        with pytest.raises(ValueError, match="a redirect needs a location"):
            web.HTTPFound(nothing)
    error = web.HTTPFound(URL("/ä?b=c d"))
    assert error.location == URL("/ä?b=c d")
    assert error.headers["Location"] == "/%C3%A4?b=c+d"
    assert web.HTTPSeeOther("http://a.test/x").headers["Location"] == "http://a.test/x"
    with pytest.raises(TypeError):
        web.HTTPFound()


@pytest.mark.parametrize("location", ["/a\r\nSet-Cookie: b=c", "/\x00", "/a\n", "\t/"])
def test_cve_2023_49081_a_location_has_no_control_character(location):
    with pytest.raises(ValueError, match="control character"):
        web.HTTPFound(location)
    with pytest.raises(ValueError, match="control character"):
        web.HTTPUnavailableForLegalReasons(location)


def test_h_05_method_not_allowed():
    error = web.HTTPMethodNotAllowed("get", ["PUT", "DELETE"])
    assert (error.method, error.allowed_methods, error.headers["Allow"]) == ("GET", {"PUT", "DELETE"}, "DELETE,PUT")


def test_h_06_request_entity_too_large():
    error = web.HTTPRequestEntityTooLarge(10, 20, headers={"X": "1"})
    assert (error.text, error.headers["X"]) == ("Maximum request body size 10 exceeded.", "1")
    assert web.HTTPRequestEntityTooLarge(max_size=10, text="no").text == "no"


def test_h_07_unavailable_for_legal_reasons():
    error = web.HTTPUnavailableForLegalReasons("http://law.test/x")
    assert error.link == URL("http://law.test/x")
    assert error.headers["Link"] == '<http://law.test/x>; rel="blocked-by"'
    assert "Link" not in web.HTTPUnavailableForLegalReasons(None).headers


async def test_h_08_returning_one_is_deprecated(answered):
    async def handler(request):
        return web.HTTPForbidden(text="no")

    with pytest.warns(DeprecationWarning, match="returning HTTPForbidden is deprecated: raise it"):
        assert (await answered(handler)).endswith(b"\r\n\r\nno")


@pytest.mark.parametrize("accept", [b"", b"Accept: text/html,*/*\r\n"])
async def test_h_09_an_unhandled_exception_is_a_500(answered, accept, caplog):
    """Differs: no traceback goes to the client, not even in the debug mode of asyncio: it stands in the log."""
    loop = getattr(current_runtime(), "loop", None)
    if loop is not None:
        loop.set_debug(True)
        loop.slow_callback_duration = 60  # a busy machine is no subject of the log here

    async def handler(request):
        raise ZeroDivisionError("a <secret>")

    head, _, body = (await answered(handler, LAST + accept + b"\r\n")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"\r\nConnection: close" in head
    assert b"secret" not in body
    if accept:
        assert b"Content-Type: text/html; charset=utf-8\r\n" in head
        assert b"<h1>500 Internal Server Error</h1>" in body
    else:
        assert body == b"500 Internal Server Error\n\nServer got itself in trouble"
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]


async def test_h_10_status_is_there_for_whoever_catches_it(answered):
    async def handler(request):
        try:
            raise web.HTTPNotFound
        except web.HTTPException as error:
            return web.json_response({"error": error.reason}, status=error.status)

    head, _, body = (await answered(handler)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 Not Found")
    assert json.loads(body) == {"error": "Not Found"}
