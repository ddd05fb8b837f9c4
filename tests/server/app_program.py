"""A server for tests: ``app_program.py LOOP [KEY=VALUE ...]``, the values being Python for settings of `run_app`."""

import asyncio
import logging
import os
import signal
import sys

from drywire import web
from drywire_transports import current_runtime


def say(what):
    os.write(1, f"{what}\n".encode())  # in one piece, among those of other processes


async def sleep(seconds):
    runtime = current_runtime()
    await runtime.sleep_until(runtime.now() + seconds)


async def answer(request):
    match request.match_info["what"]:
        case "die":
            os._exit(9)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            raise web.GracefulExit
        case "slow":
            say("working")
            await sleep(float(request.query.get("seconds", "0.5")))
            say("worked")
            return web.Response(text="done")
        case "forever":
            say("working")
            try:
                await sleep(3600)
            finally:
                say("cancelled")
        case "ws":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for _ in socket:
                pass
            return socket
        case "ready":
            pass
    return web.Response(text=str(os.getpid()))


async def tell_start(app):
    say(f"start {os.getpid()}")


async def tell_cleanup(app):
    say(f"cleanup {os.getpid()}")


def make_app():
    app = web.Application()
    app.router.add_get("/{what:.*}", answer)
    app.on_startup.append(tell_start)
    app.on_cleanup.append(tell_cleanup)
    return app


def main():
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    loop, *settings = sys.argv[1:]
    chosen = {"host": "127.0.0.1", "port": 0, "access_log": None, "shutdown_timeout": 5, "backend": loop}
    for setting in settings:
        name, _, value = setting.partition("=")
        chosen[name] = eval(value, {"web": web, "logging": logging, "asyncio": asyncio, "os": os})
    app = make_app()
    web.run_app(chosen.pop("app", app), **chosen)
    print("returned", flush=True)


if __name__ == "__main__":
    main()
