"""Runs programs one after another, each in a process that has imported drywire already: a fork of this one.

Each line of standard input is a program, as JSON: its text, and the files that take what it prints. Each line of
standard output is the exit status of one. `tests.tree.Programs` starts this.
"""

import json
import os
import sys
import types

import drywire


def load():
    """Import what programs import; nothing of it starts a thread, opens a socket or reads the clock."""
    import drywire.testing  # noqa: F401
    import drywire.web
    import drywire_sansio.websocket  # noqa: F401

    for name in ("trio", "uvloop"):
        try:
            __import__(name)
        except ImportError:
            pass
    assert drywire.ClientSession
    assert drywire.web.Application


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
    sys.path[0] = ""
    sys.modules["__main__"] = types.ModuleType("__main__")


load()
program = next_program()
if program is not None:  # run from here, so that it ends as any: with status, traceback, functions at exit, finalizers
    exec(compile(program, "<string>", "exec"), vars(sys.modules["__main__"]))
