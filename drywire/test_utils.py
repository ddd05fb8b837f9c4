"""For tests of services: `TestServer`, `TestClient`, `make_mocked_request`, and what else aiohttp has by this name."""

from drywire_client.testing_client import TestClient as TestClient
from drywire_server.testing import ApplicationCase as _ApplicationCase
from drywire_server.testing import BaseTestServer as BaseTestServer
from drywire_server.testing import RawTestServer as RawTestServer
from drywire_server.testing import TestServer as TestServer
from drywire_server.testing import get_port_socket as get_port_socket
from drywire_server.testing import get_unused_port_socket as get_unused_port_socket
from drywire_server.testing import make_mocked_coro as make_mocked_coro
from drywire_server.testing import make_mocked_request as make_mocked_request
from drywire_server.testing import unittest_run_loop as unittest_run_loop
from drywire_server.testing import unused_port as unused_port
from drywire_server.testing.ports import REUSE_ADDRESS as REUSE_ADDRESS
from drywire_transports.on_asyncio.loops_for_tests import loop_context as loop_context
from drywire_transports.on_asyncio.loops_for_tests import setup_test_loop as setup_test_loop
from drywire_transports.on_asyncio.loops_for_tests import teardown_test_loop as teardown_test_loop

__all__ = [
    "AioHTTPTestCase",
    "BaseTestServer",
    "RawTestServer",
    "TestClient",
    "TestServer",
    "get_port_socket",
    "get_unused_port_socket",
    "loop_context",
    "make_mocked_coro",
    "make_mocked_request",
    "setup_test_loop",
    "teardown_test_loop",
    "unittest_run_loop",
    "unused_port",
]


class AioHTTPTestCase(_ApplicationCase):
    """A case for unittest whose tests have `app`, `server` and `client`; say which app by `get_application`."""

    client_class = TestClient  # here the client meets the server; neither may know of the other
