"""Plain requests over a socket, and what is answered, for tests of files."""

import re

from multidict import CIMultiDict

__all__ = ["Answer", "answers", "get"]


class Headers(CIMultiDict):
    """Header fields; None for one that is not there."""

    def __getitem__(self, name):
        return self.get(name)


class Answer:
    """One answer: `status`, `headers` by any case, and `body`."""

    def __init__(self, head, body):
        line, *fields = head.decode().split("\r\n")
        self.status = int(line.split()[1])
        self.headers = Headers(field.split(": ", 1) for field in fields)
        self.body = body

    def __repr__(self):
        return f"<{self.status} {dict(self.headers)} {self.body[:100]!r}>"


def get(target, *fields, method="GET", last=True):
    """The bytes of a request; `fields` are lines such as ``"Range: bytes=0-5"``."""
    lines = [f"{method} {target} HTTP/1.1", "Host: a", *fields, *(["Connection: close"] if last else []), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def answers(data, *methods):
    """Take apart what a server said to requests of `methods`; each answer must end where it says that it does."""
    found = []
    for method in methods or ("GET",):
        head, mark, rest = data.partition(b"\r\n\r\n")
        assert mark, data[:200]
        answer = Answer(head, b"")
        length = re.search(rb"(?i)\r\ncontent-length: ([0-9]+)", head)
        if method != "HEAD" and answer.status != 304:
            assert length, head
            answer.body, rest = rest[: int(length[1])], rest[int(length[1]) :]
            assert len(answer.body) == int(length[1])
        found.append(answer)
        data = rest
    assert data == b""
    return found
