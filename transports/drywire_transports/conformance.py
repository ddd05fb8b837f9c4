"""The contract of `ByteStream` as checks, for our streams and for yours.

    async def make_pair():
        return my_stream, my_other_end

    await check_stream(make_pair, current_runtime())

Each check gets a fresh pair of connected streams and raises AssertionError with a sentence that says what is wrong.
`CHECKS` lists them, for a test to run one by one. Nothing but the runtime is needed; all of them take about a second.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from .errors import StreamBroken, StreamBusy, StreamClosed, StreamTimeout, TransportError
from .runtime import Runtime, TaskHandle
from .stream import ByteStream

__all__ = ["CHECKS", "HALF_CLOSE_CHECKS", "check_stream"]

MakePair = Callable[[], Awaitable[tuple[ByteStream, ByteStream]]]
Check = Callable[[ByteStream, ByteStream, Runtime], Coroutine[Any, Any, None]]

SHORT: Final = 0.03
"""Seconds after which a deadline is made to pass."""

LONG: Final = 10.0
"""Seconds after which a stream is taken to hang."""

FLOOD: Final = 64 * 1024 * 1024
"""Bytes that no stream may hold for a peer that does not read."""


async def check_stream(make_pair: MakePair, runtime: Runtime, *, half_close: bool = True) -> None:
    """Run every check on pairs from `make_pair`; `half_close` says whether `send_eof()` does anything (not over TLS).

    Raises AssertionError.
    """
    for check in CHECKS + (HALF_CLOSE_CHECKS if half_close else ()):
        here, there = await make_pair()
        try:
            await check(here, there, runtime)
        finally:
            for stream in (here, there):
                stream.abort()
                await stream.aclose()


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise AssertionError(sentence)


@contextlib.contextmanager
def _must_raise(error: type[Exception], sentence: str) -> Any:
    try:
        yield
    except error:
        return
    raise AssertionError(sentence)


async def _end_of(task: TaskHandle, runtime: Runtime, sentence: str) -> BaseException | None:
    _require(await task.wait(runtime.now() + LONG), sentence)
    return task.exception()


async def _tick(runtime: Runtime, seconds: float = 0.001) -> None:
    await runtime.sleep_until(runtime.now() + seconds)


async def _receive_all(stream: ByteStream, size: int, runtime: Runtime) -> bytes:
    received = bytearray()
    while len(received) < size:
        stream.read_deadline = runtime.now() + LONG
        data = await stream.receive()
        if not data:
            break
        received += data
    return bytes(received)


async def _flood(stream: ByteStream, sent: list[int]) -> None:
    """Send until the stream makes us wait, for ever if nobody reads; what escapes is the caller's to judge."""
    with contextlib.suppress(TransportError):
        while sent[0] < FLOOD:
            await stream.send(bytes(65536))
            sent[0] += 65536


async def _flooded(stream: ByteStream, runtime: Runtime) -> tuple[TaskHandle, list[int]]:
    """Return the task that floods `stream` and the count of what it has sent, once that stands still."""
    sent = [0]
    task = runtime.spawn(_flood, stream, sent)
    before = -1
    while sent[0] != before:
        before = sent[0]
        await _tick(runtime, SHORT)
    _require(not task.done, "send() must wait while the peer does not read; it swallowed everything, or failed")
    return task, sent


async def delivers_in_order(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """Bytes arrive whole and in order, both ways, whatever buffers they are sent from."""
    scratch = bytearray(b"three")
    await here.send(b"one ", b"", memoryview(b"two "), scratch)
    scratch[:] = b"XXXXX"
    await there.send(b"back")
    _require(await _receive_all(there, 13, runtime) == b"one two three", "buffers must arrive as they were when sent")
    _require(await _receive_all(here, 4, runtime) == b"back", "both directions must deliver")


async def delivers_much(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """Several MiB arrive unchanged, from one buffer and from many."""
    block = hashlib.sha256(b"seed").digest() * 32768
    scratch = bytearray(block)
    digests: list[bytes] = []
    reading = runtime.spawn(_digest, there, 3 * len(block), runtime, digests)
    await here.send(block[:7], memoryview(block)[7:])
    await here.send(scratch)
    scratch[:] = bytes(len(scratch))
    await here.send(*(block[start : start + 999] for start in range(0, len(block), 999)))
    error = await _end_of(reading, runtime, "the peer must receive all that was sent")
    _require(error is None, f"receiving many bytes failed: {error!r}")
    _require(digests == [hashlib.sha256(block * 3).digest()], "what arrives must be what was sent")


async def _digest(stream: ByteStream, size: int, runtime: Runtime, digests: list[bytes]) -> None:
    digests.append(hashlib.sha256(await _receive_all(stream, size, runtime)).digest())


async def sends_files(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """`send_file` sends the part asked for, of a real file and of one in memory, between ordinary sends."""
    with tempfile.TemporaryFile() as real:
        content = bytes(range(256)) * 2048
        real.write(content)
        real.flush()
        for file in (real, io.BytesIO(content)):
            digests: list[bytes] = []
            reading = runtime.spawn(_digest, there, 300_010, runtime, digests)
            await here.send(b"begin")
            await here.send_file(file, 1000, 300_000)
            await here.send(b"ended")
            error = await _end_of(reading, runtime, "the peer must receive the whole part of the file")
            _require(error is None, f"receiving a file failed: {error!r}")
            expected = hashlib.sha256(b"begin" + content[1000:301_000] + b"ended").digest()
            _require(digests == [expected], "send_file must send the bytes asked for, and in their place")


async def breaks_on_a_short_file(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """A file that ends early raises EOFError and breaks the stream: nobody could tell what is missing."""
    with _must_raise(EOFError, "send_file must raise EOFError where the file is shorter than promised"):
        await here.send_file(io.BytesIO(b"short"), 0, 10)
    _require(here.closed, "a stream is broken by a send_file that fails")


async def closes_in_good_order(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """`aclose` delivers what was sent before; then the peer receives ``b""``, as often as it asks."""
    await here.send(b"last words")
    closing = runtime.spawn(here.aclose)
    _require(await _receive_all(there, 100, runtime) == b"last words", "aclose() must deliver what was sent before")
    _require(await there.receive() == b"", "the end of the stream must stay the end")
    _require(there.readable, "a stream at its end is readable")
    await _end_of(closing, runtime, "aclose() must end")
    _require(here.closed, "a stream is closed after aclose()")
    await here.aclose()
    here.abort()
    with _must_raise(StreamClosed, "receive() must raise StreamClosed after aclose()"):
        await here.receive()
    with _must_raise(StreamClosed, "send() must raise StreamClosed after aclose()"):
        await here.send(b"x")


async def aborts_at_once(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """`abort` is synchronous and idempotent; this side then refuses, the peer finds an end or a broken stream."""
    here.abort()
    here.abort()
    _require(here.closed, "a stream is closed after abort()")
    _require(here.readable, "a closed stream is readable: receive() raises without waiting")
    with _must_raise(StreamClosed, "receive() must raise StreamClosed after abort()"):
        await here.receive()
    with _must_raise(StreamClosed, "send() must raise StreamClosed after abort()"):
        await here.send(b"x")
    with _must_raise(StreamClosed, "send_eof() must raise StreamClosed after abort()"):
        await here.send_eof()
    there.read_deadline = runtime.now() + LONG
    with contextlib.suppress(StreamBroken):
        _require(await there.receive() == b"", "after the peer's abort() there is nothing more to receive")


async def tells_a_sender_of_the_peers_abort(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """Whoever sends to a peer that has aborted gets StreamBroken, if not at once then soon."""
    there.abort()
    here.write_deadline = runtime.now() + LONG
    with _must_raise(StreamBroken, "send() must raise StreamBroken once the peer has aborted"):
        while runtime.now() < here.write_deadline:
            await here.send(bytes(65536))
            await _tick(runtime)


async def abort_wakes_waits(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """An abort ends a wait to receive and a wait to send on the same stream, with StreamClosed."""
    sending, _ = await _flooded(here, runtime)
    receiving = runtime.spawn(_expect, StreamClosed, here.receive)
    await _tick(runtime, SHORT)
    _require(not receiving.done, "receive() must wait while nothing comes")
    here.abort()
    error = await _end_of(receiving, runtime, "abort() must wake a receive() that waits")
    _require(error is None, "a receive() woken by abort() must raise StreamClosed")
    await _end_of(sending, runtime, "abort() must wake a send() that waits")


async def _expect(error: type[Exception], verb: Callable[[], Awaitable[object]]) -> None:
    with _must_raise(error, f"{error.__name__} was expected"):
        await verb()


async def read_deadline_leaves_it_usable(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """A receive that lasts beyond its deadline raises StreamTimeout, not before it, and the next one works."""
    for _ in range(2):
        here.read_deadline = runtime.now() + SHORT
        with _must_raise(StreamTimeout, "receive() must raise StreamTimeout at its deadline"):
            await here.receive()
        _require(runtime.now() >= here.read_deadline, "receive() must not time out before its deadline")
    _require(not here.closed, "a receive() that timed out leaves the stream usable")
    await there.send(b"late")
    _require(await _receive_all(here, 4, runtime) == b"late", "after a timeout the stream must still receive")
    await here.send(b"still here")
    _require(await _receive_all(there, 10, runtime) == b"still here", "after a timeout the stream must still send")


async def read_deadline_may_move_later(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """A deadline moved later during a wait holds for that wait."""
    patience = SHORT
    while True:
        first = here.read_deadline = runtime.now() + patience
        moved = first + 2 * SHORT
        receiving = runtime.spawn(_expect, StreamTimeout, here.receive)
        await _tick(runtime)
        if runtime.now() < first:
            break
        # So busy a machine that the time has passed meanwhile: that is no fault of the stream's.
        await receiving.wait()
        patience *= 4
    here.read_deadline = moved
    error = await _end_of(receiving, runtime, "receive() must end at a deadline that was moved")
    _require(error is None, "receive() must raise StreamTimeout at a deadline that was moved")
    _require(runtime.now() >= moved, "receive() must heed a deadline that was moved later while it waited")


async def read_deadline_may_move_closer(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """A deadline that is moved closer and applied ends a wait that has begun, and the stream stays usable."""
    here.read_deadline = runtime.now() + LONG
    receiving = runtime.spawn(_expect, StreamTimeout, here.receive)
    await _tick(runtime)
    here.read_deadline = runtime.now()
    here.apply_deadlines()
    error = await _end_of(receiving, runtime, "a read deadline that was moved closer and applied must end receive()")
    _require(error is None, "receive() must raise StreamTimeout at a deadline that was moved closer and applied")
    here.read_deadline = runtime.now() + LONG
    here.apply_deadlines()
    await there.send(b"after")
    _require(await _receive_all(here, 5, runtime) == b"after", "a read deadline that passed must lose no bytes")


async def read_deadline_spares_what_has_come(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """Bytes that have come are received even where the deadline has passed."""
    await there.send(b"here")
    here.read_deadline = runtime.now() + LONG
    while not here.readable and runtime.now() < here.read_deadline:
        await _tick(runtime)
    here.read_deadline = runtime.now() - 1
    _require(await here.receive() != b"", "bytes that have come must not be lost to a deadline")


async def write_deadline_breaks_it(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """A send that lasts beyond its deadline raises StreamTimeout and breaks the stream."""
    here.write_deadline = runtime.now() + SHORT
    with _must_raise(StreamTimeout, "send() must raise StreamTimeout while the peer does not read"):
        while runtime.now() < here.write_deadline + LONG:
            await here.send(bytes(65536))
            if runtime.now() > here.write_deadline:
                here.write_deadline = runtime.now() + SHORT
    _require(here.closed, "a send() that timed out breaks the stream")
    with _must_raise(StreamClosed, "a stream broken by a timeout must raise StreamClosed on its next use"):
        await here.send(b"x")


async def cancelled_receive_loses_nothing(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """A receive that is cancelled, before or while bytes come, had no effect."""
    for _ in range(3):
        receiving = runtime.spawn(here.receive)
        await _tick(runtime)
        receiving.cancel()
        await _end_of(receiving, runtime, "a cancelled receive() must end")
    receiving = runtime.spawn(here.receive)
    await _tick(runtime)
    receiving.cancel()
    await there.send(b"not lost")
    await _end_of(receiving, runtime, "a cancelled receive() must end")
    _require(await _receive_all(here, 8, runtime) == b"not lost", "a cancelled receive() must lose no bytes")


async def cancelled_send_breaks_it(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """A send that is cancelled while it waits breaks the stream, since nobody knows what went out."""
    sending, _ = await _flooded(here, runtime)
    sending.cancel()
    await _end_of(sending, runtime, "a cancelled send() must end")
    _require(here.closed, "a cancelled send() breaks the stream")
    with _must_raise(StreamClosed, "a stream broken by a cancelled send() must raise StreamClosed on its next use"):
        await here.send(b"x")


async def cancelled_aclose_aborts(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """A cancelled aclose leaves nothing half open."""
    sending, _ = await _flooded(here, runtime)
    closing = runtime.spawn(here.aclose)
    await _tick(runtime)
    closing.cancel()
    await _end_of(closing, runtime, "a cancelled aclose() must end")
    await _end_of(sending, runtime, "aclose() must wake a send() that waits")
    _require(here.closed, "a cancelled aclose() has closed the stream")


async def aclose_is_bounded(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """`aclose` gives up at the write deadline where the peer takes nothing."""
    sending, _ = await _flooded(here, runtime)
    here.write_deadline = runtime.now() + SHORT
    await _end_of(runtime.spawn(here.aclose), runtime, "aclose() must end at the write deadline")
    await _end_of(sending, runtime, "aclose() must wake a send() that waits")


async def refuses_a_second_task(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """Two tasks in one direction are a mistake and raise StreamBusy; the first goes on unharmed."""
    receiving = runtime.spawn(_receive_all, here, 5, runtime)
    sending, _ = await _flooded(here, runtime)
    with _must_raise(StreamBusy, "a second receive() must raise StreamBusy"):
        await here.receive()
    with _must_raise(StreamBusy, "a second send() must raise StreamBusy"):
        await here.send(b"x")
    await there.send(b"hello")
    error = await _end_of(receiving, runtime, "the first receive() must go on")
    _require(error is None, f"the first receive() must not be harmed by the second: {error!r}")
    _require(not sending.done, "the first send() must go on")


async def holds_back_a_fast_sender(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """A sender waits for a peer that does not read, and goes on when it does."""
    sending, sent = await _flooded(here, runtime)
    stuck = sent[0]
    await _receive_all(there, stuck + 1, runtime)
    error = None if sending.done else await _progress(sent, stuck, runtime)
    _require(error is None, "send() must go on once the peer reads")
    here.abort()
    await _end_of(sending, runtime, "abort() must wake a send() that waits")


async def _progress(sent: list[int], stuck: int, runtime: Runtime) -> str | None:
    limit = runtime.now() + LONG
    while sent[0] <= stuck:
        if runtime.now() > limit:
            return "no progress"
        await _tick(runtime)
    return None


async def tells_whether_it_is_readable(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """`readable` is false while nothing has come, and true once bytes or the end have."""
    await there.send(b"settle")
    await _receive_all(here, 6, runtime)
    _require(not here.readable, "an idle stream is not readable")
    await there.send(b"x")
    await _until_readable(here, runtime, "a stream becomes readable when bytes come")
    await _receive_all(here, 1, runtime)
    _require(not here.readable, "a stream is not readable any more once all is received")
    there.abort()
    await _until_readable(here, runtime, "a stream becomes readable when its peer is gone")


async def _until_readable(stream: ByteStream, runtime: Runtime, sentence: str) -> None:
    limit = runtime.now() + LONG
    while not stream.readable:
        _require(runtime.now() < limit, sentence)
        await _tick(runtime)


async def half_closes(here: ByteStream, there: ByteStream, runtime: Runtime) -> None:
    """After `send_eof` the peer receives ``b""``, and the other direction goes on."""
    await here.send(b"question")
    await here.send_eof()
    await here.send_eof()
    _require(await _receive_all(there, 100, runtime) == b"question", "send_eof() must not overtake what was sent")
    _require(await there.receive() == b"", "after send_eof() the peer is at the end of the stream")
    with _must_raise(StreamClosed, "send() must raise StreamClosed after send_eof()"):
        await here.send(b"x")
    await there.send(b"answer")
    _require(await _receive_all(here, 6, runtime) == b"answer", "after send_eof() one can still receive")
    _require(not here.closed, "a half-closed stream is not closed")


CHECKS: Final[tuple[Check, ...]] = (
    delivers_in_order,
    delivers_much,
    sends_files,
    breaks_on_a_short_file,
    closes_in_good_order,
    aborts_at_once,
    tells_a_sender_of_the_peers_abort,
    abort_wakes_waits,
    read_deadline_leaves_it_usable,
    read_deadline_may_move_later,
    read_deadline_may_move_closer,
    read_deadline_spares_what_has_come,
    write_deadline_breaks_it,
    cancelled_receive_loses_nothing,
    cancelled_send_breaks_it,
    cancelled_aclose_aborts,
    aclose_is_bounded,
    refuses_a_second_task,
    holds_back_a_fast_sender,
    tells_whether_it_is_readable,
)
"""What every stream must do."""

HALF_CLOSE_CHECKS: Final[tuple[Check, ...]] = (half_closes,)
"""What a stream must do besides where its transport can be half closed."""
