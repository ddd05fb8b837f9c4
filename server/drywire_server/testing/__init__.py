"""For tests of services: servers on free ports or in memory, requests that are made up, and a case for unittest.

Here is the server's half; the client's half is `drywire_client.testing_client`, and both meet in `drywire.test_utils`.
Nothing else of the server imports from here.
"""

from .cases import ApplicationCase, unittest_run_loop
from .factories import ClientFactory, Opened, RawServerFactory, ServerFactory
from .mocked_requests import make_mocked_coro, make_mocked_request
from .ports import get_port_socket, get_unused_port_socket, unused_port
from .servers import BaseTestServer, RawTestServer, TestServer

__all__ = [
    "ApplicationCase",
    "BaseTestServer",
    "ClientFactory",
    "Opened",
    "RawServerFactory",
    "RawTestServer",
    "ServerFactory",
    "TestServer",
    "get_port_socket",
    "get_unused_port_socket",
    "make_mocked_coro",
    "make_mocked_request",
    "unittest_run_loop",
    "unused_port",
]
