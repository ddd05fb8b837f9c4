"""Bodies in parts."""

from drywire_client import BadContentDispositionHeader as BadContentDispositionHeader
from drywire_client import BadContentDispositionParam as BadContentDispositionParam
from drywire_client import BodyPartReader as BodyPartReader
from drywire_client import MultipartReader as MultipartReader
from drywire_client import MultipartWriter as MultipartWriter
from drywire_client import content_disposition_filename as content_disposition_filename
from drywire_client import parse_content_disposition as parse_content_disposition
from drywire_sansio.content_disposition import format_content_disposition as format_content_disposition
from drywire_transports.multipart_reader import MultipartResponseWrapper as MultipartResponseWrapper

__all__ = [
    "BadContentDispositionHeader",
    "BadContentDispositionParam",
    "BodyPartReader",
    "MultipartReader",
    "MultipartResponseWrapper",
    "MultipartWriter",
    "content_disposition_filename",
    "format_content_disposition",
    "parse_content_disposition",
]
