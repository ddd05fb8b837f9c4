"""Multipart bodies, read and bounded: forms with files, mixed responses (RFC 2046, 5.1; RFC 7578).

A parser takes bytes as they come and gives events. It reads one level: the content of a part that is multipart itself
goes to another parser.

    parser = MultipartParser(b"boundary")
    parser.receive_data(b"--boundary\\r\\nContent-Type: text/plain\\r\\n\\r\\nhello\\r\\n--boundary--\\r\\n")
    while (event := parser.next_event()) is not NEED_DATA:
        print(event)

It stands on the grammar, fields and errors of this package and on nothing else of it.
"""

from .events import NEED_DATA, End, Event, NeedData, PartBegin, PartData, PartEnd
from .limits import DEFAULT_MULTIPART_LIMITS, MultipartLimits, exceeded
from .reader import MultipartParser
from .transfer import SMALLEST_PIECE, TransferPieces, decode_transfer, transfer_pieces

__all__ = [
    "DEFAULT_MULTIPART_LIMITS",
    "NEED_DATA",
    "SMALLEST_PIECE",
    "End",
    "Event",
    "MultipartLimits",
    "MultipartParser",
    "NeedData",
    "PartBegin",
    "PartData",
    "PartEnd",
    "TransferPieces",
    "decode_transfer",
    "exceeded",
    "transfer_pieces",
]
