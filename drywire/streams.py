"""Bodies as streams."""

from drywire_client import EMPTY_PAYLOAD as EMPTY_PAYLOAD
from drywire_client import DataQueue as DataQueue
from drywire_client import EofStream as EofStream
from drywire_client import FlowControlDataQueue as FlowControlDataQueue
from drywire_client import StreamReader as StreamReader
from drywire_transports.body_reader import EmptyStreamReader as EmptyStreamReader

__all__ = ["EMPTY_PAYLOAD", "DataQueue", "EmptyStreamReader", "EofStream", "FlowControlDataQueue", "StreamReader"]
