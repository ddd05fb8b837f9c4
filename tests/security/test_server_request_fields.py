"""Fields that any client can send: read in linear time, bounded, and never believed."""

import time

import pytest
from multidict import CIMultiDict

from drywire import web
from drywire.test_utils import make_mocked_request
from drywire_server.compression import choose_coding
from drywire_server.cookies import received_cookies

LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"


@pytest.fixture
def looked_at(serving, answer_to):
    """``await looked_at(look, fields)``: what a handler gets by ``look(request)``."""

    async def ask(look, *fields):
        seen = []

        async def handler(request):
            seen.append(look(request))
            return web.Response()

        app = web.Application()
        app.router.add_get("/", handler)
        async with serving(app) as url:
            await answer_to(url, LAST + b"".join(b"%b\r\n" % field for field in fields) + b"\r\n")
        return seen[0]

    return ask


@pytest.mark.parametrize("piece", ["a", "a=b;", ";", "=", '"', "a=\\", "a=\t;", "\xe9=b; "])
def test_cve_2025_69225_cookies_take_linear_time(piece):
    begun = time.process_time()
    received_cookies([piece * 50_000])
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("piece", ["a,", ";", "q=", "gzip;q=0.5,", " ", "a;q=1;"])
def test_accept_encoding_takes_linear_time(piece):
    begun = time.process_time()
    choose_coding(piece * 50_000, ("zstd", "br", "gzip", "deflate"))
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("piece", ['for="', "a=b;", '"\\', " \t;", "a=b c;", "\x80"])
def test_cve_2025_69225_and_waitress_5236_forwarded_takes_linear_time(piece):
    """As a request has it: one field without end, and very many of them."""
    begun = time.process_time()
    requests = [{"Forwarded": piece * 50_000}, [("Forwarded", piece)] * 5000]
    for headers in requests:
        forwarded = make_mocked_request("GET", "/", CIMultiDict(headers)).forwarded
        assert len(forwarded) <= 5000
    assert time.process_time() - begun < 1.5


@pytest.mark.parametrize(
    ("name", "value"),
    [("Cookie", "a={}"), ("Forwarded", "for={}"), ("If-None-Match", '"{}"')],
)
def test_tornado_67725_a_field_that_is_said_over_and_over_takes_linear_time(name, value):
    """Joined one after the other they would be copied as often as there are any: 100 GB here."""
    headers = CIMultiDict([(name, value.format("1" * 500))] * 20_000)
    begun = time.process_time()
    request = make_mocked_request("GET", "/", headers)
    assert len(request.headers.getall(name)) == 20_000
    assert len(request.cookies) <= 1
    assert len(request.forwarded) in (0, 20_000)
    assert request.if_none_match is None or len(request.if_none_match) <= 20_000
    assert time.process_time() - begun < 2


async def test_cve_2025_62727_69225_a_range_has_ascii_digits_and_few_of_them(looked_at):
    def look(request):
        with pytest.raises(ValueError, match="Range"):
            return request.http_range
        return "refused"

    for field in (
        "bytes=" + "9" * 5000 + "-",
        "bytes=\u0661-",
        "bytes=1_0-",
        "bytes=+1-",
        "bytes= 1-2",
        "bytes=0-" + ",0-" * 1000,
    ):
        assert await looked_at(look, b"Range: " + field.encode()) == "refused"


async def test_cookies_with_control_characters_are_passed_over(looked_at):
    cookies = await looked_at(lambda request: dict(request.cookies), b"Cookie: a=1; b=\t2\t3; c d=4; =5; e=6")
    assert cookies == {"a": "1", "e": "6"}


async def test_proxies_are_not_believed_by_themselves(looked_at):
    """Any client can send these."""
    fields = (
        b"X-Forwarded-For: 1.1.1.1",
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-Host: evil.test",
        b"X-Real-IP: 1.1.1.1",
    )
    forwarded = b"Forwarded: for=1.1.1.1;proto=https;host=evil.test"
    told = await looked_at(
        lambda request: (request.remote, request.scheme, request.secure, request.host), *fields, forwarded
    )
    assert told == ("127.0.0.1", "http", False, "a")
