"""The command line: ``python -m drywire.web module:function``, or ``--directory folder``."""

from __future__ import annotations

import argparse
import builtins
import difflib
import functools
import inspect
import logging
import os
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final, NoReturn

from drywire_sansio import __version__

from .access_log import AccessLogger, JSONAccessLogger, access_logger
from .app import Application
from .certificates import ReloadingSSLContext
from .folder_app import folder_app
from .reloading import SourceWatch
from .run_app import run_app
from .run_asgi import asgi_application
from .serve import AppSource, is_asgi

__all__ = ["main"]

PROGRAM: Final = "python -m drywire.web"
DESCRIPTION: Final = """\
Serve an application: the drywire.web.Application that module:function returns, when it is called with the arguments
that are left over (or with none, if it takes none), or an application, also one for ASGI, that is there already. Or
serve the files of a folder.
"""
USAGE: Final = "%(prog)s [options] module:function [arguments], or --directory FOLDER; --help tells more"


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line with `argv`, the arguments behind the program's name (those of the process), and exit.

    The exit status is 0 after a signal, 2 for arguments that cannot be, and 1 for what else goes wrong.
    """
    parser = _parser()
    given = list(sys.argv[1:] if argv is None else argv)
    options, arguments = _parsed(parser, given)
    _check(parser, options)
    _configure_logging(options)
    settings: dict[str, Any] = {
        "backend": options.loop,
        "path": options.path,
        "ssl_context": _ssl_context(parser, options),
        "workers": options.workers,
        "shutdown_timeout": options.shutdown_timeout,
        "keepalive_timeout": options.keepalive_timeout,
        "print": functools.partial(builtins.print, flush=True),
        **_access_log(options.access_log),
    }
    if not options.path or options.hostname is not None:
        settings["host"] = options.hostname or "localhost"
        settings["port"] = options.port
        _check_host(parser, settings["host"])
    app = _app(parser, options, arguments)
    if options.reload:
        sys.dont_write_bytecode = True  # what is compiled is told by its second, and a second sees many changes
        settings["reload_when"] = SourceWatch([os.getcwd()])
    _run(parser, app, settings)
    parser.exit(message="Stopped\n")


def _run(parser: argparse.ArgumentParser, app: AppSource, settings: dict[str, Any]) -> None:
    try:
        run_app(app, **settings)
    except OSError as error:
        if not str(error.strerror or "").startswith("cannot listen on"):
            raise
        hint = f"\n{PROGRAM}: choose another port by -P, or 0 for any that is free" if settings.get("port") else ""
        parser.exit(1, f"{PROGRAM}: error: {error.strerror}{hint}\n")
    except RuntimeError as error:
        if "is not installed" not in str(error) and "worker processes" not in str(error):
            raise
        parser.exit(1, f"{PROGRAM}: error: {error}\n")


# Arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, usage=USAGE, description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("entry_func", nargs="?", metavar="module:function", help="what makes the application")
    parser.add_argument("args", nargs=argparse.REMAINDER, help="what is passed to it")
    _add_addresses(parser)
    parser.add_argument("--directory", metavar="FOLDER", help="serve the files in this folder")
    add = parser.add_argument_group("how to run").add_argument
    add("--loop", choices=("asyncio", "uvloop", "trio"), default="asyncio", help="event loop (default: asyncio)")
    add("--workers", type=int, metavar="N", help="processes that share the port; SIGHUP replaces them one by one")
    add("--reload", action="store_true", help="start anew when a Python file below this folder changes")
    add("--shutdown-timeout", type=float, default=60.0, metavar="SECONDS", help="for requests at the end (60)")
    add("--keepalive-timeout", type=float, default=75.0, metavar="SECONDS", help="for idle connections (75)")
    add = parser.add_argument_group("what to log").add_argument
    add("--access-log", default="text", metavar="text|json|off|FORMAT", help="lines on standard output (text)")
    add("--log-level", default="info", type=str.lower, choices=("debug", "info", "warning", "error"))
    add = parser.add_argument_group("TLS").add_argument
    add("--certfile", metavar="PEM", help="certificate chain; read again when it changes, and on SIGHUP")
    add("--keyfile", metavar="PEM", help="its key, if that is in another file")
    parser.add_argument("--version", action="version", version=f"drywire {__version__}")
    return parser


def _add_addresses(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("where to serve").add_argument
    add("-H", "--hostname", default=argparse.SUPPRESS, help="TCP/IP hostname to serve on (default: localhost)")
    add("-P", "--port", type=_port, default=argparse.SUPPRESS, help="TCP/IP port to serve on (default: 8080)")
    add("-U", "--path", default=argparse.SUPPRESS, help="Unix socket; with -H on both")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to 65535")
    return int(text)


def _parsed(parser: argparse.ArgumentParser, argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return our options, and the arguments of the application.

    Behind ``module:function`` only those options are ours that aiohttp has: others may be the application's.
    """
    options, unknown = parser.parse_known_args(argv)
    behind = argparse.ArgumentParser(prog=PROGRAM, usage=USAGE, allow_abbrev=False, add_help=False)
    _add_addresses(behind)
    options, arguments = behind.parse_known_args(options.args, options)
    for name, default in (("hostname", None), ("port", 8080), ("path", None)):
        if not hasattr(options, name):
            setattr(options, name, default)
    return options, unknown + arguments


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.directory is None and options.entry_func is None:
        parser.error("say what to serve: module:function, or --directory FOLDER")
    if options.directory is not None and options.entry_func is not None:
        parser.error("module:function and --directory cannot be served together")
    if options.path is not None and not hasattr(socket, "AF_UNIX"):
        parser.error("file system paths not supported by your operating environment")
    if options.keyfile is not None and options.certfile is None:
        parser.error("--keyfile needs --certfile")
    if options.workers is not None and options.workers < 1:
        parser.error(f"--workers must be 1 or more, not {options.workers}")


def _check_host(parser: argparse.ArgumentParser, host: str) -> None:
    try:
        socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        parser.error(f"there is no host {host!r} to serve on: {error.strerror}")


def _ssl_context(parser: argparse.ArgumentParser, options: argparse.Namespace) -> ssl.SSLContext | None:
    if options.certfile is None:
        return None
    try:
        return ReloadingSSLContext.from_files(options.certfile, options.keyfile)
    except FileNotFoundError:
        files = [file for file in (options.certfile, options.keyfile) if file and not os.path.exists(file)]
        parser.error(f"there is no file {', '.join(map(repr, files))}")
    except (OSError, ValueError) as error:
        parser.error(f"the certificate in {options.certfile!r} cannot be used: {error}")


# Logs


def _configure_logging(options: argparse.Namespace) -> None:
    logging.basicConfig(level=options.log_level.upper())
    if options.access_log != "off":
        lines = logging.StreamHandler(sys.stdout)
        lines.setFormatter(logging.Formatter("%(message)s"))
        access_logger.addHandler(lines)
        access_logger.setLevel(logging.INFO)
        access_logger.propagate = False


def _access_log(wanted: str) -> dict[str, Any]:
    if wanted == "off":
        return {"access_log": None}
    if wanted == "json":
        return {"access_log_class": JSONAccessLogger, "access_log_format": JSONAccessLogger.LOG_FORMAT}
    return {"access_log_format": AccessLogger.LOG_FORMAT if wanted == "text" else wanted}


# The application


def _app(parser: argparse.ArgumentParser, options: argparse.Namespace, arguments: list[str]) -> AppSource:
    """Return the application, or with several processes what makes it: each loads it for itself, as it is by then."""
    if options.directory is not None:
        try:
            return folder_app(options.directory)
        except ValueError as error:
            parser.error(str(error))

    def load() -> Any:
        return _made(parser, options.entry_func, _found(parser, options.entry_func), arguments)

    if options.workers is not None or options.reload:
        return load
    loaded: AppSource = load()
    return loaded


def _found(parser: argparse.ArgumentParser, entry: str) -> Any:
    """Import the module of `entry`, and return what has the name in it; exit where there is none."""
    module_name, _, name = entry.partition(":")
    if not module_name or not name:
        parser.error(f"{entry!r} not in 'module:function' syntax")
    if module_name.endswith(".py") and os.path.exists(module_name):
        dotted = module_name.removesuffix(".py").replace(os.sep, ".")
        parser.error(f"{module_name!r} is a file, and a module is wanted: {dotted}:{name}")
    if module_name.startswith("."):
        parser.error("relative module names not supported")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = import_module(module_name)
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{module_name}.".startswith(f"{error.name}."):
            parser.error(f"unable to import {module_name}: there is no module {error.name!r} in {os.getcwd()}")
        parser.error(f"unable to import {module_name}: {error}")
    for part in name.split("."):
        if not hasattr(found, part):
            close = difflib.get_close_matches(part, [other for other in dir(found) if not other.startswith("_")], n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            parser.error(f"module {module_name!r} has no attribute {name!r}{hint}")
        found = getattr(found, part)
    return found


def _made(parser: argparse.ArgumentParser, entry: str, found: Any, arguments: list[str]) -> Any:
    """Return the application that `found` is, or makes of `arguments`; or something to be awaited for it."""
    if not isinstance(found, Application) and not is_asgi(found):
        if not callable(found):
            parser.error(f"{entry} is a {type(found).__name__}: neither an application nor a function that makes one")
        found = found(arguments) if _takes_arguments(found) else found()
    if inspect.isawaitable(found):
        return _awaited(parser, entry, found)
    return _checked(parser, entry, found)


async def _awaited(parser: argparse.ArgumentParser, entry: str, making: Any) -> Application:
    return _checked(parser, entry, await making)


def _checked(parser: argparse.ArgumentParser, entry: str, made: Any) -> Application:
    if isinstance(made, Application):
        return made
    if is_asgi(made):
        return asgi_application(made)
    parser.error(f"{entry} has returned a {type(made).__name__}, where an application was expected")


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None


def _takes_arguments(function: Callable[..., Any]) -> bool:
    parameters = _parameters(function)
    kinds = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    return parameters is None or any(parameter.kind in kinds for parameter in parameters)
