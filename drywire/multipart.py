"""Bodies in parts."""

from drywire_sansio.content_disposition import *  # noqa: F403 - the front door hands on, nothing else
from drywire_transports.multipart_reader import BodyPartReader as BodyPartReader
from drywire_transports.multipart_reader import MultipartReader as MultipartReader
from drywire_transports.multipart_reader import MultipartResponseWrapper as MultipartResponseWrapper
from drywire_transports.multipart_writer import MultipartWriter as MultipartWriter
