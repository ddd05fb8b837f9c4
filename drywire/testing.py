"""Tests without sockets: connectors that stand for servers, and conversations recorded and replayed."""

from contextlib import AbstractAsyncContextManager as _AbstractAsyncContextManager
from typing import Any as _Any

from drywire_client import ClientSession as _ClientSession
from drywire_client.memory_connector import Fault as Fault
from drywire_client.memory_connector import MemoryConnector as MemoryConnector
from drywire_client.memory_connector import session_over as _session_over
from drywire_client.memory_peer import Answer as Answer
from drywire_client.memory_peer import Peer as Peer
from drywire_client.memory_peer import Reply as Reply
from drywire_client.memory_peer import SeenRequest as SeenRequest
from drywire_client.memory_routes import Routes as Routes
from drywire_client.memory_routes import in_turn as in_turn
from drywire_client.recording import RecordingConnector as RecordingConnector
from drywire_client.recording import record as record
from drywire_client.recording_file import Exchange as Exchange
from drywire_client.recording_file import RecordedResponse as RecordedResponse
from drywire_client.recording_file import RecordingError as RecordingError
from drywire_client.replaying import ReplayConnector as ReplayConnector
from drywire_client.replaying import UnusedRecordingWarning as UnusedRecordingWarning
from drywire_client.replaying import method_and_url as method_and_url
from drywire_client.replaying import replay as replay
from drywire_server import Application as _Application
from drywire_server.in_memory import ApplicationInMemory as ApplicationInMemory
from drywire_transports.in_memory import Delayed as Delayed
from drywire_transports.in_memory import EndsAfter as EndsAfter
from drywire_transports.in_memory import ResetsAfter as ResetsAfter
from drywire_transports.in_memory import Split as Split

__all__ = [
    "Answer",
    "ApplicationInMemory",
    "Delayed",
    "EndsAfter",
    "Exchange",
    "Fault",
    "MemoryConnector",
    "Peer",
    "RecordedResponse",
    "RecordingConnector",
    "RecordingError",
    "ReplayConnector",
    "Reply",
    "ResetsAfter",
    "Routes",
    "SeenRequest",
    "Split",
    "UnusedRecordingWarning",
    "app_connector",
    "in_turn",
    "method_and_url",
    "record",
    "replay",
    "session_for",
]


def app_connector(app: _Application, *, shutdown_timeout: float = 1.0, **options: _Any) -> MemoryConnector:
    """Return a connector to `app` in memory, which it starts at its first connection, and ends with itself.

    `shutdown_timeout` is how long handlers still at work may take when it is closed, in seconds; `options` are those of
    `MemoryConnector`.
    """
    # Here the client meets the server; neither may know of the other.
    return MemoryConnector(ApplicationInMemory(app, shutdown_timeout=shutdown_timeout), **options)


def session_for(app: _Application, **options: _Any) -> _AbstractAsyncContextManager[_ClientSession]:
    """Return ``async with session_for(app) as session``: a session whose requests `app` answers, in memory.

    `app` has started when the block begins, and is cleaned up at its end. Relative URLs go to ``http://localhost``, or
    to the `base_url` among `options`, which are those of `ClientSession`.
    """
    return _session_over(app_connector(app), **options)
