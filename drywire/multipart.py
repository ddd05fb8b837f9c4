"""Bodies in parts."""

from drywire_sansio.content_disposition import *  # noqa: F403 - the front door hands on, nothing else
from drywire_transports.multipart_writer import MultipartWriter as MultipartWriter
