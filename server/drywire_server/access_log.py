"""The access log: a line, or a JSON object, for each request that was answered.

A log without a listener costs nothing: whether a record would go anywhere is asked once for each connection.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

__all__ = [
    "AbstractAccessLogger",
    "AbstractAsyncAccessLogger",
    "AccessLogger",
    "JSONAccessLogger",
    "access_logger",
    "check_access_log_class",
    "make_access_logger",
]

access_logger: Final = logging.getLogger("drywire.access")
"""Where requests are logged unless it is said otherwise, each at the level INFO."""

logger: Final = logging.getLogger("drywire.server")


class AbstractAccessLogger(ABC):
    """What logs requests; derive from it, and pass the class as `access_log_class`.

    It is made once for each server, with the `access_log` and the `access_log_format` that the server was given.
    """

    __slots__ = ("log_format", "logger")

    def __init__(self, logger: logging.Logger, log_format: str) -> None:
        self.logger = logger
        self.log_format = log_format

    @abstractmethod
    def log(self, request: Any, response: Any, time: float) -> None:
        """Log `request`, the `response` to it, and the seconds from the one to the end of the other."""

    @property
    def enabled(self) -> bool:
        """Whether there is anything to be logged to; asked once for each connection."""
        return True


class AbstractAsyncAccessLogger(ABC):
    """What logs requests and waits for that; derive from it, and pass the class as `access_log_class`.

    It is made without arguments. The next request of a connection is served once its `log` has returned; where the
    server cancels a request, it is not called.
    """

    __slots__ = ()

    @abstractmethod
    async def log(self, request: Any, response: Any, request_start: float) -> None:
        """Log `request` and the `response` to it; `request_start` is its time on the clock of the event loop."""

    @property
    def enabled(self) -> bool:
        """Whether there is anything to be logged to; asked once for each connection."""
        return True


class _Asked(Protocol):
    """A request, as it is logged."""

    method: str

    @property
    def raw_path(self) -> str: ...
    @property
    def remote(self) -> str | None: ...
    @property
    def version(self) -> tuple[int, int]: ...
    @property
    def headers(self) -> Any: ...


class _Answer(Protocol):
    """A response, as it is logged."""

    @property
    def status(self) -> int: ...
    @property
    def body_length(self) -> int: ...
    @property
    def headers(self) -> Any: ...


Value = str | int | float | None
Atom = Callable[[_Asked, _Answer, float], Value]

_DANGEROUS: Final = re.compile('[\x00-\x1f"\\\\\x7f-\x9f\u2028\u2029\ud800-\udfff]')


def _escaped(text: str) -> str:
    """Return `text` without anything that could end a line or a quoted field, or that a terminal would obey."""
    return _DANGEROUS.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in '"\\':
        return "\\" + character
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def _remote(request: _Asked, response: _Answer, time: float) -> Value:
    return request.remote or None


def _started(time: float) -> datetime.datetime:
    return datetime.datetime.now().astimezone() - datetime.timedelta(seconds=time)


def _start_time(request: _Asked, response: _Answer, time: float) -> Value:
    return _started(time).strftime("[%d/%b/%Y:%H:%M:%S %z]")


def _process(request: _Asked, response: _Answer, time: float) -> Value:
    return f"<{os.getpid()}>"


def _first_line(request: _Asked, response: _Answer, time: float) -> Value:
    major, minor = request.version
    return f"{request.method} {request.raw_path} HTTP/{major}.{minor}"


def _status(request: _Asked, response: _Answer, time: float) -> Value:
    return response.status


def _size(request: _Asked, response: _Answer, time: float) -> Value:
    head: int = getattr(getattr(request, "link", None), "head_size", 0)
    return head + response.body_length


def _seconds(request: _Asked, response: _Answer, time: float) -> Value:
    return round(time)


def _fraction(request: _Asked, response: _Answer, time: float) -> Value:
    return f"{time:06f}"


def _micro(request: _Asked, response: _Answer, time: float) -> Value:
    return round(time * 1_000_000)


def _request_field(name: str) -> Atom:
    return lambda request, response, time: request.headers.get(name)


def _response_field(name: str) -> Atom:
    return lambda request, response, time: response.headers.get(name)


def _variable(name: str) -> Atom:
    return lambda request, response, time: os.environ.get(name)


_ATOMS: Final[dict[str, tuple[str, Atom]]] = {
    "a": ("remote_address", _remote),
    "t": ("request_start_time", _start_time),
    "P": ("process_id", _process),
    "r": ("first_request_line", _first_line),
    "s": ("response_status", _status),
    "b": ("response_size", _size),
    "T": ("request_time", _seconds),
    "Tf": ("request_time_frac", _fraction),
    "D": ("request_time_micro", _micro),
}
_FIELDS: Final[dict[str, tuple[str, Callable[[str], Atom]]]] = {
    "i": ("request_header", _request_field),
    "o": ("response_header", _response_field),
    "e": ("environment", _variable),
}
_OF_THE_REQUEST: Final = frozenset("ari")
_OF_BOTH: Final = frozenset({"b"})

_ATOM: Final = re.compile(r"%(?:\{([A-Za-z0-9_-]+)\}([ioe])|(%|Tf?|[atPrsbD]))")
_Key = tuple[str, str | None]


def _without_request(kind: str, atom: Atom) -> Atom:
    """Let what is asked of a request be None where there is none, as for one that could not be read."""
    if kind in _OF_BOTH:
        return lambda request, response, time: (
            atom(request, response, time) if cast(Any, request) is not None else response.body_length
        )
    if kind not in _OF_THE_REQUEST:
        return atom
    return lambda request, response, time: atom(request, response, time) if cast(Any, request) is not None else None


def _compiled(log_format: str) -> tuple[str, list[tuple[_Key, Atom]]]:
    """Return `log_format` for the % operator, and the atoms in it by the names they have in a record."""
    template, atoms, done = "", list[tuple[_Key, Atom]](), 0
    for found in _ATOM.finditer(log_format):
        template += log_format[done : found.start()].replace("%", "%%")
        done = found.end()
        name, kind, plain = found.groups()
        if plain == "%":
            template += "%%"
            continue
        template += "%s"
        if plain is not None:
            key, atom = _ATOMS[plain]
            atoms.append(((key, None), _without_request(plain, atom)))
        else:
            key, make = _FIELDS[kind]
            atoms.append(((key, name), _without_request(kind, make(name))))
    return template + log_format[done:].replace("%", "%%"), atoms


class AccessLogger(AbstractAccessLogger):
    """Logs each request as a line, at the level INFO.

    | atom | |
    |---|---|
    | ``%%`` | a percent sign |
    | ``%a`` | the address of the client; of the proxy, behind one |
    | ``%t`` | when the request came |
    | ``%P`` | the number of the process |
    | ``%r`` | the first line of the request |
    | ``%s`` | the status |
    | ``%b`` | the bytes of the response, with its head |
    | ``%T`` ``%Tf`` ``%D`` | how long it took: in seconds, in seconds with a fraction, in microseconds |
    | ``%{NAME}i`` ``%{NAME}o`` | a header of the request, of the response |
    | ``%{NAME}e`` | a variable of the environment |

    What is not there is a ``-``. In what a client sends, control characters, quotes and backslashes are escaped, so
    that no request can make a line look like two, or like another. Each value is also an attribute of the record:
    ``remote_address``, ``request_start_time``, ``first_request_line``, ``response_status``, ``response_size``,
    ``request_time``, ``request_time_frac``, ``request_time_micro``, ``process_id``, and the mappings
    ``request_header`` and ``response_header``.
    """

    __slots__ = ("_atoms", "_template")

    LOG_FORMAT = '%a %t "%r" %s %b "%{Referer}i" "%{User-Agent}i"'

    def __init__(self, logger: logging.Logger, log_format: str = LOG_FORMAT) -> None:
        super().__init__(logger, log_format)
        self._template, self._atoms = _compiled(log_format)

    @property
    def enabled(self) -> bool:
        """Whether the logger takes records of the level INFO."""
        return self.logger.isEnabledFor(logging.INFO)

    def log(self, request: Any, response: Any, time: float) -> None:
        """Log `request` and the `response` to it, which took `time` seconds; an error of that is logged, not raised."""
        try:
            values: list[str | int | float] = []
            extra: dict[str, Any] = {}
            for (key, name), atom in self._atoms:
                value = atom(request, response, time)
                value = "-" if value is None else _escaped(value) if isinstance(value, str) else value
                values.append(value)
                if name is None:
                    extra[key] = value
                else:
                    extra.setdefault(key, {})[name] = value
            self.logger.info(self._template % tuple(values), extra=extra)
        except Exception:
            self.logger.exception("Error in logging")


def _precise_start(request: _Asked, response: _Answer, time: float) -> Value:
    return _started(time).isoformat(timespec="milliseconds")


def _precise_time(request: _Asked, response: _Answer, time: float) -> Value:
    return round(time, 6)


def _process_number(request: _Asked, response: _Answer, time: float) -> Value:
    return os.getpid()


_AS_VALUES: Final[dict[str, Atom]] = {
    "request_start_time": _precise_start,
    "request_time_frac": _precise_time,
    "process_id": _process_number,
}


class JSONAccessLogger(AbstractAccessLogger):
    """Logs each request as a JSON object on a line of its own, at the level INFO.

    The atoms of `log_format` say what is in it, under the names that `AccessLogger` gives to a record; what stands
    between them does not matter. Numbers are numbers, the time is in ISO 8601, what is not there is null, and all that
    is not ASCII is escaped, so that each request is one line.
    """

    __slots__ = ("_atoms",)

    LOG_FORMAT = AccessLogger.LOG_FORMAT + " %Tf"

    def __init__(self, logger: logging.Logger, log_format: str = LOG_FORMAT) -> None:
        if log_format == AccessLogger.LOG_FORMAT:  # what a server hands over unless it is told otherwise
            log_format = self.LOG_FORMAT
        super().__init__(logger, log_format)
        self._atoms = [((key, name), _AS_VALUES.get(key, atom)) for (key, name), atom in _compiled(log_format)[1]]

    @property
    def enabled(self) -> bool:
        """Whether the logger takes records of the level INFO."""
        return self.logger.isEnabledFor(logging.INFO)

    def log(self, request: Any, response: Any, time: float) -> None:
        """Log `request` and the `response` to it, which took `time` seconds; an error of that is logged, not raised."""
        try:
            told: dict[str, Any] = {}
            for (key, name), atom in self._atoms:
                value = atom(request, response, time)
                if name is None:
                    told[key] = value
                else:
                    told.setdefault(key, {})[name] = value
            self.logger.info("%s", json.dumps(told))
        except Exception:
            self.logger.exception("Error in logging")


def make_access_logger(
    access_log: logging.Logger | None, access_log_class: type[Any], access_log_format: str
) -> AbstractAccessLogger | AbstractAsyncAccessLogger | None:
    """Return what logs the requests of a server; None where `access_log` is, so that nothing is logged.

    Raises TypeError for a class that is neither kind of logger.
    """
    check_access_log_class(access_log_class)
    if access_log is None:
        return None
    if issubclass(access_log_class, AbstractAsyncAccessLogger):
        return access_log_class()
    made: AbstractAccessLogger = access_log_class(access_log, access_log_format)
    return made


def check_access_log_class(access_log_class: type[Any]) -> None:
    """Raise TypeError for a class that is neither kind of access logger."""
    given: object = access_log_class
    if not (isinstance(given, type) and issubclass(given, AbstractAccessLogger | AbstractAsyncAccessLogger)):
        raise TypeError(
            f"access_log_class must be a class derived from AbstractAccessLogger or AbstractAsyncAccessLogger,"
            f" not {access_log_class!r}"
        )
