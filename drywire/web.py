"""The server side: ``from drywire import web``; and its command line, ``python -m drywire.web``."""

from drywire_server import *  # noqa: F403 - the front door hands on, nothing else
from drywire_server import __all__ as __all__
from drywire_server.serve import _run_app as _run_app  # which programs call, for want of a public name in aiohttp

if __name__ == "__main__":
    from drywire_server.cli import main

    main()
