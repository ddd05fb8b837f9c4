"""The signatures of connectors in seed-000, called with the defaults that they show."""

import drywire

from .signatures import defaults_in


async def test_s0_07_base_connector_signature():
    line = """
        class aiohttp.BaseConnector(*, keepalive_timeout=15, force_close=False, limit=100, limit_per_host=0, enable_cleanup_closed=False, loop=None)
    """  # noqa: E501
    defaults = defaults_in(line)
    assert len(defaults) == 6
    async with drywire.BaseConnector(**defaults) as connector:
        assert (connector.limit, connector.limit_per_host, connector.force_close) == (100, 0, False)


async def test_s0_08_tcp_connector_signature(internet):
    # Its keepalive_timeout=sentinel, which stands for "not said", is left out of the line.
    line = """
        class aiohttp.TCPConnector(*, verify_ssl=True, fingerprint=None, use_dns_cache=True, ttl_dns_cache=10, family=0, ssl_context=None, local_addr=None, resolver=None, force_close=False, limit=100, limit_per_host=0, enable_cleanup_closed=False, loop=None)
    """  # noqa: E501
    defaults = defaults_in(line)
    assert len(defaults) == 13
    connector = drywire.TCPConnector(**defaults)
    assert (connector.limit, connector.limit_per_host, connector.force_close) == (100, 0, False)
    assert (connector.family, connector.use_dns_cache) == (0, True)
    async with drywire.ClientSession(connector=connector) as session:
        async with session.get(internet.url + "/get") as resp:
            assert resp.status == 200


def test_s0_09_unix_connector_signature():
    # Slip: the star of its line is lost. conn_timeout is of old, and warns where it is given.
    line = """
        class aiohttp.UnixConnector(path, *, conn_timeout=None, keepalive_timeout=30, limit=100, force_close=False, loop=None)
    """  # noqa: E501
    defaults = defaults_in(line)
    assert len(defaults) == 5
    connector = drywire.UnixConnector("/path/to/socket", **defaults)
    assert (connector.path, connector.limit, connector.force_close) == ("/path/to/socket", 100, False)
