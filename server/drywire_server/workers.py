"""`Supervisor`: worker processes that share their listening sockets, started, replaced and ended by one parent.

The parent binds the sockets, listens, and forks; it accepts nothing, and loads nothing of what the workers load. All
workers accept from the same queues, so that no connection is lost with a worker that ends or dies: what it had not
accepted yet, another does. (With `reuse_port` each has a queue of its own, held open by the parent for its successor.)
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Supervisor", "Work", "can_supervise"]

logger: Final = logging.getLogger("drywire.server")

Work = Callable[[int, Callable[[], None], Callable[[], None]], None]
"""What a worker does until it is told to end: gets its number, what to call once it serves, and what to end all."""

ENDS: Final = signal.SIGTERM
"""Tells a worker to end; once or often, since service managers send it to all processes by themselves."""
CUTS: Final = getattr(signal, "SIGQUIT", signal.SIGTERM)
"""Tells a worker to cut what it has not finished."""

READY: Final = b"r"
ALL_END: Final = b"q"

STEADY: Final = 10.0
"""Seconds that a worker must have lived for its successor to start at once."""
FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 30.0
"""Seconds between the end of a worker that did not live long and the start of its successor; they double."""
LOOK_EVERY: Final = 0.5
"""Seconds between looks for changed files."""

WATCHED: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD") if hasattr(signal, name)
)


def can_supervise() -> str | None:
    """Return why there can be no worker processes here; None where there can be."""
    if not hasattr(os, "fork"):
        return "worker processes need os.fork, which this system does not have"
    if threading.current_thread() is not threading.main_thread():
        return "worker processes can only be started from the main thread, which signals come to"
    return None


@dataclass(eq=False, slots=True)
class _Process:
    pid: int
    slot: _Slot
    status: int
    """Where its READY comes from; -1 once that is closed."""
    born: float
    ready: bool = False
    ending: bool = False
    kill_at: float | None = None


@dataclass(eq=False, slots=True)
class _Slot:
    number: int
    process: _Process | None = None
    successor: _Process | None = None
    failures: int = 0
    start_at: float | None = None


@dataclass(eq=False)
class Supervisor:
    """Keeps `count` workers at `work`, until SIGINT or SIGTERM; see `run`.

    `grace` is how long, in seconds, a worker may take to end before it is killed. `began` is called when all serve for
    the first time, `closing` when the end begins, `before_reload` on SIGHUP. With `has_changed`, workers are also
    replaced when that says so, and none that cannot start is a reason to give up.
    """

    work: Work
    count: int
    grace: float
    began: Callable[[], None]
    closing: Callable[[], None]
    before_reload: Callable[[], None]
    has_changed: Callable[[], bool] | None = None
    _slots: list[_Slot] = field(default_factory=list)
    _processes: dict[int, _Process] = field(default_factory=dict)
    _to_replace: list[_Slot] = field(default_factory=list)
    _has_begun: bool = False
    _end_signals: int = 0
    _gave_up: bool = False
    _was_clean: bool = True
    _look_at: float = 0.0
    _wakeup: tuple[int, int] = (-1, -1)

    def run(self) -> int:
        """Work until all workers have ended; return 0 if they did as they should, else 1.

        SIGHUP replaces the workers one by one: each new one serves before the old one is told to end. SIGINT and
        SIGTERM end all, when they have finished what they are at; the second one cuts that short, the third kills. A
        worker that dies is replaced, after a growing pause if it did not live long. Where one cannot even start at the
        beginning, all end.
        """
        with self._signals():
            try:
                self._slots = [_Slot(number) for number in range(self.count)]
                for slot in self._slots:
                    slot.process = self._start(slot)
                while self._processes or not self._end_signals:
                    self._step()
            finally:
                for process in list(self._processes.values()):
                    self._kill(process, signal.SIGKILL)
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(process.pid, 0)
                    self._forget(process)
        return 0 if self._was_clean and not self._gave_up else 1

    # Signals

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Have signals written to a pipe, as a byte each, to be read with everything else that happens."""
        self._wakeup = os.pipe()
        for end in self._wakeup:
            os.set_blocking(end, False)
        before = {number: signal.signal(number, _nothing) for number in WATCHED}
        old = signal.set_wakeup_fd(self._wakeup[1], warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(old)
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
            for end in self._wakeup:
                os.close(end)

    def _came(self, number: int) -> None:
        if number in (signal.SIGINT, signal.SIGTERM):
            self._end()
        elif number == getattr(signal, "SIGHUP", None) and not self._end_signals:
            self.reload()

    def _end(self) -> None:
        self._end_signals += 1
        if self._end_signals == 1:
            self.closing()
        self._to_replace.clear()
        for slot in self._slots:
            slot.start_at = None
        for process in list(self._processes.values()):
            if self._end_signals > 2:
                self._kill(process, signal.SIGKILL)
            else:
                self._dismiss(process)
                if self._end_signals > 1:
                    self._kill(process, CUTS)

    def reload(self) -> None:
        """Begin to replace the workers, one by one; with what is newest, so not by those that are still starting."""
        self.before_reload()
        for slot in self._slots:
            if slot.successor is not None:
                self._dismiss(slot.successor)
                slot.successor = None
        self._to_replace = list(self._slots)

    # Processes

    def _start(self, slot: _Slot) -> _Process:
        """Fork a worker."""
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        gc.freeze()  # what the workers share with this process stays shared
        signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
        try:
            pid = os.fork()
            if not pid:
                self._be_worker(slot, reading, writing)
        except OSError:
            os.close(reading)
            os.close(writing)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
            gc.unfreeze()
        os.close(writing)
        process = self._processes[pid] = _Process(pid, slot, reading, time.monotonic())
        return process

    def _start_if_possible(self, slot: _Slot) -> _Process | None:
        """Fork a worker; where the system has no room for one, try again later if there is none in its place."""
        try:
            return self._start(slot)
        except OSError as error:
            logger.error("cannot start a worker for now: %s", error)
            if slot.process is None:
                slot.start_at = time.monotonic() + LONGEST_PAUSE
            return None

    def _be_worker(self, slot: _Slot, reading: int, writing: int) -> None:
        """Work in the new process, which ends here."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in WATCHED:
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C comes to all, and the parent passes it on
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
            for end in (reading, *self._wakeup, *(other.status for other in self._processes.values())):
                if end >= 0:
                    os.close(end)
            self.work(slot.number, lambda: _tell(writing, READY), lambda: _tell(writing, ALL_END))
            code = 0
        except SystemExit as error:
            code = _status(error)
        except BaseException:
            traceback.print_exc()
        finally:
            logging.shutdown()
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(code)

    def _dismiss(self, process: _Process) -> None:
        if not process.ending:
            process.ending = True
            process.kill_at = time.monotonic() + self.grace
            self._kill(process, ENDS)

    def _kill(self, process: _Process, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)

    # What happens

    def _step(self) -> None:
        """Wait until something happens, and do what has to be done then."""
        reading = [self._wakeup[0], *(one.status for one in self._processes.values() if one.status >= 0)]
        ready, _, _ = select.select(reading, (), (), self._patience())
        if self._wakeup[0] in ready:
            with contextlib.suppress(BlockingIOError):
                for number in os.read(self._wakeup[0], 4096):
                    self._came(number)
        for process in list(self._processes.values()):
            if process.status in ready:
                self._read_status(process)
        for process in list(self._processes.values()):
            try:
                ended, status = os.waitpid(process.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else has waited for it
                ended, status = process.pid, 0
            if ended:
                self._has_ended(process, os.waitstatus_to_exitcode(status))
        self._do_what_is_due(time.monotonic())

    def _patience(self) -> float | None:
        times = [one.kill_at for one in self._processes.values() if one.kill_at is not None]
        times += [slot.start_at for slot in self._slots if slot.start_at is not None]
        if self.has_changed is not None and not self._end_signals:
            times.append(self._look_at)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _read_status(self, process: _Process) -> None:
        told = os.read(process.status, 64)
        if not told:
            os.close(process.status)
            process.status = -1
            return
        if ALL_END in told:
            self._end()
        if READY in told:
            self._is_ready(process)

    def _is_ready(self, process: _Process) -> None:
        process.ready = True
        slot = process.slot
        if process is slot.successor:
            old, slot.process, slot.successor = slot.process, process, None
            if old is not None:
                self._dismiss(old)
        if not self._has_begun and all(slot.process is not None and slot.process.ready for slot in self._slots):
            self._has_begun = True
            self.began()

    def _has_ended(self, process: _Process, code: int) -> None:
        if process.status >= 0:
            self._read_status(process)
        self._forget(process)
        slot = process.slot
        if slot.process is process:
            slot.process = None
        if slot.successor is process:
            slot.successor = None
        if process.ending:
            if code not in (0, -ENDS):  # that may come again when nothing is left to be done
                self._was_clean = False
                logger.error("worker %d did not end cleanly: it %s", process.pid, _how(code))
            return
        if not self._end_signals:
            self._died(process, code)

    def _forget(self, process: _Process) -> None:
        if process.status >= 0:
            os.close(process.status)
            process.status = -1
        self._processes.pop(process.pid, None)

    def _died(self, process: _Process, code: int) -> None:
        """See to it that a worker that ended by itself is replaced."""
        slot = process.slot
        if slot.process is not None:  # it was to be the successor of that
            logger.error("worker %d %s before it served, so its predecessor stays", process.pid, _how(code))
            self._to_replace.clear()
        elif not process.ready and self.has_changed is not None:
            logger.error("worker %d %s before it served: waiting for a change", process.pid, _how(code))
        elif not process.ready and not self._has_begun:
            logger.error("worker %d %s before it served, so all end", process.pid, _how(code))
            self._gave_up = True
            self._end()
        else:
            now = time.monotonic()
            slot.failures = slot.failures + 1 if now - process.born < STEADY else 0
            pause = min(FIRST_PAUSE * 2 ** min(slot.failures - 1, 10), LONGEST_PAUSE) if slot.failures else 0.0
            message = "worker %d %s; another starts in %g seconds"
            logger.error(message, process.pid, _how(code), pause)
            slot.start_at = now + pause

    def _do_what_is_due(self, now: float) -> None:
        for process in self._processes.values():
            if process.kill_at is not None and process.kill_at <= now:
                logger.error("worker %d did not end within %g seconds, so it is killed", process.pid, self.grace)
                process.kill_at = None
                self._kill(process, signal.SIGKILL)
        if self._end_signals:
            return
        for slot in self._slots:
            if slot.start_at is not None and slot.start_at <= now:
                slot.start_at = None
                slot.process = self._start_if_possible(slot)
        if self.has_changed is not None and self._look_at <= now:
            self._look_at = now + LOOK_EVERY
            if self.has_changed():
                logger.info("files have changed: the workers are replaced")
                self.reload()
        self._replace_next()

    def _replace_next(self) -> None:
        """Start the successor of the next worker to be replaced, unless one is on its way."""
        if any(slot.successor is not None for slot in self._slots):
            return
        while self._to_replace:
            slot = self._to_replace.pop(0)
            slot.start_at = None
            if slot.process is not None:
                slot.successor = self._start_if_possible(slot)
                return
            slot.process = self._start_if_possible(slot)


def _nothing(number: int, frame: object) -> None:
    pass


def _tell(writing: int, what: bytes) -> None:
    with contextlib.suppress(OSError):
        os.write(writing, what)


def _status(error: SystemExit) -> int:
    """Return the exit status, as Python has it: a reason in words is printed, and is 1."""
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    sys.stderr.write(f"{error.code}\n")
    return 1


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
