"""Addresses where connecting does not succeed: nobody answers, or whoever is asked refuses. All on this machine."""

import contextlib
import errno
import os
import select
import socket

__all__ = ["ipv6_here", "open_sockets", "refusing", "unanswered", "unanswered_unix"]

FILLERS = 8
"""Connections by which a queue of length 0 is full, at the latest."""


def open_sockets():
    """Return how many sockets this process has open."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
    return found


def ipv6_here():
    """Return whether this machine has the address ::1."""
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _fillers(listener, family):
    """Fill the queue of `listener`, to which nobody accepts: Linux drops every packet that asks for more."""
    listener.listen(0)
    with contextlib.ExitStack() as stack:
        for _ in range(FILLERS):
            filler = stack.enter_context(socket.socket(family))
            filler.setblocking(False)
            code = filler.connect_ex(listener.getsockname())
            assert code in (0, errno.EINPROGRESS, errno.EAGAIN)
            if code == errno.EAGAIN or (code and not select.select([], [filler], [], 0)[1]):
                yield
                return
        raise AssertionError("the queue is never full: this machine cannot play an address that does not answer")


@contextlib.contextmanager
def unanswered(*hosts):
    """Give the port at which each of `hosts`, addresses of this machine, answers nothing."""
    port = 0
    with contextlib.ExitStack() as stack:
        for host in hosts or ("127.0.0.1",):
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listener = stack.enter_context(socket.socket(family))
            listener.bind((host, port))
            port = listener.getsockname()[1]
            stack.enter_context(_fillers(listener, family))
        yield port


@contextlib.contextmanager
def unanswered_unix(path):
    """Have a Unix socket at `path` whose queue is full; gives the listening socket, so that room can be made."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        with _fillers(listener, socket.AF_UNIX):
            listener.setblocking(False)
            yield listener


@contextlib.contextmanager
def refusing(host="127.0.0.1"):
    """Give a port of `host` at which nobody listens, and nobody else will."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.bind((host, 0))
        yield sock.getsockname()[1]
