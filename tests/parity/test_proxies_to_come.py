"""What of the rows C-09 to C-12, C-28, C2-28 and C2-37 comes with the connectors and proxies.

When a test here passes, it belongs under its row's name into test_session.py, test_request_parameters.py or
test_request_values.py.
"""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import pytest
from yarl import URL

import drywire

from ..client.conftest import answering, scripted  # noqa: F401
from .mirror import asked, basic_auth, mirror  # noqa: F401

pytestmark = [
    pytest.mark.xfail(strict=True, reason="proxies are still to come"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

# Basic credentials of nobody:secret
CREDENTIALS = "Basic bm9ib2R5OnNlY3JldA=="


async def test_to_come_c_09_proxy_is_what_requests_go_through_unless_they_name_another(scripted, answering):
    async with scripted(answering()) as proxy, scripted(answering()) as other:
        async with drywire.ClientSession(proxy=proxy.url) as session:
            await (await session.get("http://name.invalid/one")).read()
            await (await session.get("http://name.invalid/two", proxy=URL(other.url))).read()
        assert [head.split()[1] for head in proxy.heads] == [b"http://name.invalid/one"]
        assert [head.split()[1] for head in other.heads] == [b"http://name.invalid/two"]


async def test_to_come_c_10_proxy_auth_is_sent_to_the_proxy(scripted, answering):
    async with scripted(answering()) as proxy:
        async with drywire.ClientSession(proxy=proxy.url, proxy_auth=basic_auth("nobody", "secret")) as session:
            await (await session.get("http://name.invalid/")).read()
        assert f"\r\nProxy-Authorization: {CREDENTIALS}\r\n".encode() in proxy.heads[0]


async def test_to_come_c_11_proxy_headers_of_a_session_are_sent_to_its_proxy(scripted, answering):
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    async with scripted(answering(refusal)) as proxy:
        async with drywire.ClientSession(proxy=proxy.url, proxy_headers={"X-For-Proxy": "1"}) as session:
            with pytest.raises(drywire.ClientHttpProxyError):
                await session.get("https://name.invalid/")
        assert b"\r\nX-For-Proxy: 1\r\n" in proxy.heads[0]


async def test_to_come_c_12_proxies_maps_schemes_to_proxies(scripted, answering):
    async with scripted(answering()) as proxy:
        async with drywire.ClientSession(proxies={"http": proxy.url, "https": "http://name.invalid"}) as session:
            await (await session.get("http://name.invalid/one")).read()
        assert proxy.heads[0].split()[1] == b"http://name.invalid/one"


async def test_to_come_c_28_trust_env_takes_proxies_from_the_environment(scripted, answering, mirror, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with scripted(answering()) as proxy, mirror() as url:
        monkeypatch.setenv("http_proxy", proxy.url)
        async with drywire.ClientSession() as session:
            assert not session.trust_env
            assert (await asked(session.get(url + "/direct"))).target == "/direct"
        async with drywire.ClientSession(trust_env=True) as session:
            await (await session.get("http://name.invalid/one")).read()
        assert [head.split()[1] for head in proxy.heads] == [b"http://name.invalid/one"]


async def test_to_come_c2_28_proxy_is_of_one_request(scripted, answering, mirror):
    async with scripted(answering()) as proxy, mirror() as url, drywire.ClientSession() as session:
        await (await session.get("http://name.invalid/", proxy=proxy.url)).read()
        assert proxy.heads[0].startswith(b"GET http://name.invalid/ HTTP/1.1\r\n")
        assert (await asked(session.get(url + "/direct"))).target == "/direct"


async def test_to_come_c2_28_proxy_headers_are_sent_to_the_proxy(scripted, answering):
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    async with scripted(answering(refusal)) as proxy, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientHttpProxyError) as caught:
            await session.get("https://name.invalid/", proxy=proxy.url, proxy_headers={"X-A": "1"})
        assert caught.value.status == 403
        assert proxy.heads[0].startswith(b"CONNECT name.invalid:443 HTTP/1.1\r\n")
        assert b"\r\nX-A: 1\r\n" in proxy.heads[0]


async def test_to_come_c2_28_proxy_auth_is_sent_to_the_proxy(scripted, answering):
    auth = basic_auth("nobody", "secret")
    async with scripted(answering()) as proxy, drywire.ClientSession() as session:
        await (await session.get("http://name.invalid/", proxy=proxy.url, proxy_auth=auth)).read()
        assert f"\r\nProxy-Authorization: {CREDENTIALS}\r\n".encode() in proxy.heads[0]


async def test_to_come_c2_37_trust_env_of_a_request_takes_proxies_from_the_environment(
    scripted, answering, mirror, monkeypatch
):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with scripted(answering()) as proxy, mirror() as url, drywire.ClientSession() as session:
        monkeypatch.setenv("http_proxy", proxy.url)
        await (await session.get("http://name.invalid/one", trust_env=True)).read()
        assert proxy.heads[0].split()[1] == b"http://name.invalid/one"
        assert (await asked(session.get(url + "/direct"))).target == "/direct"
