"""A resolver of a program's own: names, and the addresses that each has."""

import socket

from drywire_client.resolver import AbstractResolver

__all__ = ["Names"]


class Names(AbstractResolver):
    """Resolves by a table, ``{"name": [("127.0.0.1", 80), ...]}``; an answer that is a function is called each time."""

    def __init__(self, table):
        self.table = table
        self.asked = []
        self.closed = False

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked.append((host, port, family))
        found = self.table.get(host)
        if found is None:
            raise OSError(f"no such name: {host}")
        return [
            {
                "hostname": host,
                "host": address,
                "port": there or port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address, there in (found() if callable(found) else found)
        ]

    async def close(self):
        self.closed = True
