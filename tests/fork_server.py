"""Runs programs one after another, each in a process that has imported drywire already: a fork of this one.

Each line of standard input is a program, as JSON: its text, and the files that take what it prints. Each line of
standard output is the exit status of one. `docs.conftest` starts this.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import sys
import threading
import traceback
import types


def load():
    """Import what programs import; nothing of it starts a thread, opens a socket or reads the clock."""
    for name in ("drywire.testing", "drywire.web", "drywire_client", "drywire_sansio.websocket", "trio", "uvloop"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def next_program():
    """Return, in a child, the program that it is to run; in this process, which makes the children, None at the end."""
    answers = os.dup(1)
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            os.close(answers)
            become(asked)
            return asked["program"]
        _, status = os.waitpid(child, 0)
        os.write(answers, b"%d\n" % os.waitstatus_to_exitcode(status))
    return None


def become(asked):
    """Make this process look as if Python had just been started for the program."""
    for path, number in ((os.devnull, 0), (asked["stdout"], 1), (asked["stderr"], 2)):
        file = os.open(path, os.O_RDWR)
        os.dup2(file, number)
        os.close(file)
    sys.argv[:] = ["-c"]
    sys.path.insert(0, "")


def run(text):
    """Run a program until all that the interpreter would wait for is over, and return its exit status."""
    status = 0
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        exec(compile(text, "<string>", "exec"), vars(main))
    except SystemExit as error:
        status = error.code or 0
        if not isinstance(status, int):
            print(status, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    vars(main).clear()
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    return status if isinstance(status, int) else 1


if __name__ == "__main__":
    load()
    gc.freeze()  # else each child copies the pages of all that it inherits, only to count references there
    program = next_program()
    if program is not None:
        os._exit(run(program))  # without taking apart the modules: that takes longer than most programs do
