"""The client under the name that aiohttp's has."""

from yarl import URL as URL

from drywire_client import *  # noqa: F403 - the front door hands on, nothing else
from drywire_client import __all__ as __all__
from drywire_client.awaited import Awaited as _RequestContextManager  # noqa: F401 - what wrappers of sessions return
from drywire_client.awaited import Awaited as _WSRequestContextManager  # noqa: F401
from drywire_client.request_options import RequestOptions as _RequestOptions  # noqa: F401
from drywire_client.timeouts import DEFAULT_TIMEOUT as DEFAULT_TIMEOUT
