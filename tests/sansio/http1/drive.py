"""Feeds connections and takes down what they say, for the tests of `http1`."""

from fuzz.verdicts import answer, client_after, client_verdict, server_verdict, verdict_of

__all__ = [
    "GET",
    "answer",
    "client_after",
    "client_verdict",
    "pieces",
    "server_verdict",
    "single_bytes",
    "verdict_of",
]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def pieces(data, cuts):
    """Cut `data` at the given places."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} - {0, len(data)})
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True) if start < end]


def single_bytes(data):
    return [data[i : i + 1] for i in range(len(data))]
