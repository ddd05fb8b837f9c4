"""`MultipartReader`: the parts of a multipart body, pulled from it as they are read, with aiohttp's names.

Nothing is read ahead of the reader but the rest of a piece that has come: a reader that pauses makes the peer pause.
What is malformed, cut off or over a limit raises `MultipartError`, which is a ValueError; no part of the body can be
read after it. Neither the client nor the server is known here: both read multipart bodies with this.
"""

from .body_part import BodyPartReader
from .content import MultipartError, PartContent
from .reader import MultipartReader, MultipartResponseWrapper

__all__ = ["BodyPartReader", "MultipartError", "MultipartReader", "MultipartResponseWrapper", "PartContent"]
