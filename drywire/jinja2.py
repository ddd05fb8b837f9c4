"""Pages from Jinja2 templates, by the names of aiohttp_jinja2; needs the extra ``drywire[jinja2]``."""

from drywire_server.jinja2_templates import *  # noqa: F403 - the front door hands on, nothing else
from drywire_server.jinja2_templates import __all__ as __all__
