"""Reading bodies and pipelines as a server: ours, h11 (pure Python) and httptools (C)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from drywire_sansio import http1

from .rounds import Target, interleaved, show

ARRIVAL = 64 * 1024
MEBIBYTE = 1 << 20
HEAD = b"POST /upload HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

Feed = list[bytes]
Reader = Callable[[Feed], int]


@dataclass(frozen=True)
class Case:
    """What is read: `feed` makes the arrivals, `size` is in MiB of content, or in thousands of requests."""

    name: str
    feed: Callable[[], Feed]
    size: float
    unit: str
    aim: float | None = None


def arrivals(wire: bytes) -> Feed:
    return [wire[start : start + ARRIVAL] for start in range(0, len(wire), ARRIVAL)]


def chunked(total: int, size: int) -> Feed:
    chunk = b"%x\r\n%b\r\n" % (size, b"x" * size)
    return arrivals(CHUNKED + chunk * (total // size) + b"0\r\n\r\n")


def announced(total: int) -> Feed:
    return arrivals(HEAD + b"Content-Length: %d\r\n\r\n" % total + b"x" * total)


def pipeline(count: int) -> Feed:
    return arrivals(b"GET /some/path HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n" * count)


CASES = (
    Case("100 MiB in chunks of 64 KiB", lambda: chunked(100 * MEBIBYTE, 64 * 1024), 100, "MiB", 3),
    Case("100 MiB in chunks of 100 bytes", lambda: chunked(100 * MEBIBYTE, 100), 100, "MiB", 2),
    Case("100 MiB of announced length", lambda: announced(100 * MEBIBYTE), 100, "MiB"),
    Case("10,000 pipelined requests", lambda: pipeline(10_000), 10, "thousand"),
)


def with_drywire(feed: Feed) -> int:
    """Read `feed` and answer each request; return the bytes of content and the number of requests."""
    connection = http1.ServerConnection()
    answer = http1.Response(204)
    next_event = connection.next_event
    found = 0
    for arrival in feed:
        connection.receive_data(arrival)
        while (event := next_event()) is not http1.NEED_DATA:
            if type(event) is http1.Data:
                found += len(event.data)
            elif type(event) is http1.EndOfMessage:
                found += 1
                connection.send_whole(answer)
                connection.start_next_cycle()
    return found


def with_h11(feed: Feed) -> int:
    """As `with_drywire`, by h11."""
    import h11

    connection = h11.Connection(h11.SERVER)
    found = 0
    for arrival in feed:
        connection.receive_data(arrival)
        while (event := connection.next_event()) is not h11.NEED_DATA:
            if type(event) is h11.Data:
                found += len(event.data)
            elif type(event) is h11.EndOfMessage:
                found += 1
                connection.send(h11.Response(status_code=204, headers=[]))
                connection.send(h11.EndOfMessage())
                connection.start_next_cycle()
    return found


def with_httptools(feed: Feed) -> int:
    """As `with_drywire`, by httptools, which sends nothing."""
    import httptools

    class Counter:
        found = 0

        def on_body(self, body: bytes) -> None:
            self.found += len(body)

        def on_message_complete(self) -> None:
            self.found += 1

    counter = Counter()
    parser = httptools.HttpRequestParser(counter)
    for arrival in feed:
        parser.feed_data(arrival)
    return counter.found


def readers() -> Iterator[tuple[str, Reader]]:
    """Give the readers that are installed."""
    yield "drywire", with_drywire
    for name, module, reader in (("h11", "h11", with_h11), ("httptools (C)", "httptools", with_httptools)):
        try:
            __import__(module)
        except ImportError:
            print(f"  {module} is not installed, left out")
        else:
            yield name, reader


def timed(read: Reader, feed: Feed, size: float, expected: int) -> Callable[[], float]:
    """Return a run that takes the milliseconds a unit of `size`."""

    def run() -> float:
        began = time.perf_counter()
        found = read(feed)
        took = time.perf_counter() - began
        if found != expected:
            raise AssertionError(f"{found} bytes and messages were read, not {expected}")
        return took * 1e3 / size

    return run


def main(rounds: int) -> None:
    """Measure and print."""
    for case in CASES:
        feed = case.feed()
        expected = with_drywire(feed)
        contenders = {name: timed(read, feed, case.size, expected) for name, read in readers()}
        targets = [] if case.aim is None else [Target("drywire", "h11", case.aim)]
        show(case.name, interleaved(contenders, rounds), f"ms a {case.unit}", targets, less_is_better=True)
