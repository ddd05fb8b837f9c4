"""Ports for programs that must be told one.

They are free on both loopback addresses, and lie where no system takes the ports of outgoing connections from: one that
was only free a moment ago may be such a connection's when its program comes to listen.
"""

import contextlib
import errno
import random
import socket

__all__ = ["free_port", "free_ports"]

_CHOICE = random.SystemRandom()  # not what a test may have seeded


def free_port():
    """Return a free port."""
    return free_ports(1)[0]


def free_ports(count):
    """Return `count` free ports."""
    found = set()
    for _ in range(50 * count):
        port = _CHOICE.randrange(15_000, 32_000)
        if _is_free(port):
            found.add(port)
        if len(found) == count:
            return sorted(found)
    raise AssertionError("no port is free on both loopback addresses")


def _is_free(port):
    with contextlib.ExitStack() as stack:
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            try:
                stack.enter_context(socket.create_server((host, port), family=family))
            except OSError as error:
                if family == socket.AF_INET or error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    return False
    return True
