"""Parsing a request head: ours, h11 (pure Python) and httptools (C)."""

from __future__ import annotations

import time
from collections.abc import Callable

from drywire_sansio import http1

from .rounds import Target, interleaved, show

BROWSER_FIELDS = [
    ("Host", "www.example.com"),
    ("Connection", "keep-alive"),
    ("Cache-Control", "max-age=0"),
    ("sec-ch-ua", '"Chromium";v="120", "Not?A_Brand";v="8", "Browser";v="120"'),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", '"Linux"'),
    ("Upgrade-Insecure-Requests", "1"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    ),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Sec-Fetch-Site", "none"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Accept-Language", "en-US,en;q=0.9"),
    ("Cookie", "session=0123456789abcdef01234567890"),
]
BROWSER = (
    b"GET /some/path?x=1 HTTP/1.1\r\n"
    + "".join(f"{name}: {value}\r\n" for name, value in BROWSER_FIELDS).encode()
    + b"\r\n"
)
MINIMAL = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LOOPS = 5000


def timed(parse: Callable[[bytes], object], head: bytes) -> Callable[[], float]:
    """Return a run that takes the microseconds of one head, the best of five tries."""

    def run() -> float:
        best = float("inf")
        for _ in range(5):
            began = time.perf_counter()
            for _ in range(LOOPS):
                parse(head)
            best = min(best, time.perf_counter() - began)
        return best / LOOPS * 1e6

    return run


def ours(head: bytes) -> http1.Event | object:
    connection = http1.ServerConnection()
    connection.receive_data(head)
    return connection.next_event()


def ours_with_fields(head: bytes) -> list[tuple[bytes, bytes]]:
    connection = http1.ServerConnection()
    connection.receive_data(head)
    event = connection.next_event()
    assert isinstance(event, http1.Request)
    return list(event.headers)


def contenders(head: bytes) -> dict[str, Callable[[], float]]:
    found = {"drywire, event": timed(ours, head), "drywire, event and every field": timed(ours_with_fields, head)}
    try:
        import h11
    except ImportError:
        print("  h11 is not installed, left out")
    else:

        def with_h11(data: bytes) -> object:
            connection = h11.Connection(h11.SERVER)
            connection.receive_data(data)
            return connection.next_event()

        found["h11"] = timed(with_h11, head)
    try:
        import httptools
    except ImportError:
        print("  httptools is not installed, left out")
    else:

        class Collector:
            def __init__(self) -> None:
                self.url = b""
                self.fields: list[tuple[bytes, bytes]] = []

            def on_url(self, url: bytes) -> None:
                self.url += url

            def on_header(self, name: bytes, value: bytes) -> None:
                self.fields.append((name, value))

        def with_httptools(data: bytes) -> object:
            collector = Collector()
            parser = httptools.HttpRequestParser(collector)
            parser.feed_data(data)
            return parser.get_method(), collector

        found["httptools (C)"] = timed(with_httptools, head)
    return found


def main(rounds: int) -> None:
    """Measure and print."""
    for name, head in (("browser", BROWSER), ("minimal", MINIMAL)):
        targets = [Target("drywire, event", "h11", 4.5), Target("drywire, event and every field", "h11", 3)]
        results = interleaved(contenders(head), rounds)
        show(
            f"parse a {name} head, {len(head)} bytes",
            results,
            "us",
            targets if name == "browser" else [],
            less_is_better=True,
        )
