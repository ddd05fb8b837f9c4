"""Work grows with the body and no faster, however it arrives. Counted as ratios of one run's halves, never as times."""

import gc
from time import process_time

import pytest

from drywire_sansio.multipart import MultipartLimits, MultipartParser

from .drive import HUGE, events

ATTEMPTS = 7
NO_LIMITS = MultipartLimits(
    parts=HUGE, field_count=HUGE, field_line=HUGE, head=HUGE, preamble=HUGE, epilogue=HUGE, padding=128
)
LONG = b"b" * 70
BEGUN = b"--" + LONG + b"\r\n\r\n"

TRICKLES = {
    "content": (BEGUN, b"x" * 100_000),
    "content of line ends": (BEGUN, b"\r\n" * 50_000),
    "content of near boundaries": (BEGUN, (b"\r\n--" + b"b" * 69) * 1200),
    "content of hyphens": (BEGUN, b"\r\n--" * 25_000),
    "a long preamble": (b"", b"\r\nx" * 30_000),
    "a long epilogue": (b"--" + LONG + b"--\r\n", b"\r\nx" * 30_000),
    "a long header line": (b"--" + LONG + b"\r\nX: ", b"x" * 100_000),
    "many header lines": (b"--" + LONG + b"\r\n", b"Name: value\r\n" * 8_000),
    "many carriage returns in a header": (b"--" + LONG + b"\r\nX: ", b"\r" * 100_000),
    "many parts": (b"", (b"--" + LONG + b"\r\n\r\n\r\n") * 1_000),
}


def seconds(work):
    gc.disable()
    try:
        before = process_time()
        work()
        return process_time() - before
    finally:
        gc.enable()


@pytest.mark.parametrize("size", [1, 50])
@pytest.mark.parametrize("name", TRICKLES)
def test_what_trickles_in_takes_time_in_proportion(name, size):
    start, rest = TRICKLES[name]
    rest = rest if size == 1 else rest * 8
    pieces = [rest[at : at + size] for at in range(0, len(rest), size)]
    middle = len(pieces) // 2
    measured = []

    def feed(parser, part):
        for piece in part:
            parser.receive_data(piece)
            events(parser)

    for _ in range(ATTEMPTS):
        parser = MultipartParser(LONG, NO_LIMITS)
        if start:
            feed(parser, [start])
        first = seconds(lambda parser=parser: feed(parser, pieces[:middle]))
        measured.append(seconds(lambda parser=parser: feed(parser, pieces[middle:])) / first)
        if measured[-1] < 1.4:
            return
    pytest.fail(f"the second half took {min(measured):.2f} times as long as the first, at best")


@pytest.mark.parametrize("name", TRICKLES)
def test_what_is_there_at_once_takes_time_in_proportion(name):
    start, rest = TRICKLES[name]
    measured = []

    def work(data):
        parser = MultipartParser(LONG, NO_LIMITS)
        parser.receive_data(data)
        events(parser)

    for _ in range(ATTEMPTS):
        once = seconds(lambda: work(start + rest * 10))
        measured.append(seconds(lambda: work(start + rest * 20)) / max(once, 1e-4))
        if measured[-1] < 2.8:
            return
    pytest.fail(f"twice the input took {min(measured):.2f} times as long, at best")
