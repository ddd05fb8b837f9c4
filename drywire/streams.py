"""Bodies as streams."""

from drywire_transports.body_reader import EMPTY_PAYLOAD as EMPTY_PAYLOAD
from drywire_transports.body_reader import EmptyStreamReader as EmptyStreamReader
from drywire_transports.body_reader import StreamReader as StreamReader
from drywire_transports.data_queue import DataQueue as DataQueue
from drywire_transports.data_queue import EofStream as EofStream

__all__ = ["EMPTY_PAYLOAD", "DataQueue", "EmptyStreamReader", "EofStream", "StreamReader"]
