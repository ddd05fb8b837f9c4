"""The server side: ``from drywire import web``; and its command line, ``python -m drywire.web``."""

from drywire_server import *  # noqa: F403 - the front door hands on, nothing else
from drywire_server import __all__ as __all__

if __name__ == "__main__":
    from drywire_server.cli import main

    main()
