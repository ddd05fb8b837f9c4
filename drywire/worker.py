"""Workers for gunicorn, by the name of aiohttp's module; importing it needs gunicorn."""

from drywire_server.gunicorn_worker import GunicornTrioWebWorker as GunicornTrioWebWorker
from drywire_server.gunicorn_worker import GunicornUVLoopWebWorker as GunicornUVLoopWebWorker
from drywire_server.gunicorn_worker import GunicornWebWorker as GunicornWebWorker

__all__ = ["GunicornTrioWebWorker", "GunicornUVLoopWebWorker", "GunicornWebWorker"]
