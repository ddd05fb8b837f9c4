"""What a runtime owes: wakes, timers, background tasks, threads, signals - alike on every loop."""

import contextvars
import logging
import math
import os
import signal
import threading

import anyio
import pytest

from drywire_transports import StreamBusy, StreamTimeout, current_runtime

pytestmark = pytest.mark.anyio

variable = contextvars.ContextVar("variable", default="unset")


async def test_a_wake_that_was_set_before_does_not_wait():
    runtime = current_runtime()
    wake = runtime.wake()
    wake.set()
    wake.set()
    await runtime.park(wake)
    await runtime.park(wake, runtime.now() - 1)


async def test_a_wake_wakes_whoever_parks_on_it():
    runtime = current_runtime()
    wake = runtime.wake()
    parked = runtime.spawn(runtime.park, wake)
    await runtime.sleep_until(runtime.now() + 0.01)
    assert not parked.done
    wake.set()
    assert await parked.wait(runtime.now() + 5)
    assert parked.exception() is None


async def test_parking_ends_at_its_deadline():
    runtime = current_runtime()
    deadline = runtime.now() + 0.02
    with pytest.raises(StreamTimeout):
        await runtime.park(runtime.wake(), deadline)
    assert deadline <= runtime.now() + 0.001 < deadline + 1


async def test_a_second_task_on_one_wake_is_refused():
    runtime = current_runtime()
    wake = runtime.wake()
    parked = runtime.spawn(runtime.park, wake)
    await runtime.sleep_until(runtime.now() + 0.01)
    with pytest.raises(StreamBusy):
        await runtime.park(wake)
    wake.set()
    await parked.wait()


async def test_a_wake_can_be_parked_on_again_after_a_timeout():
    runtime = current_runtime()
    wake = runtime.wake()
    with pytest.raises(StreamTimeout):
        await runtime.park(wake, runtime.now())
    wake.set()
    await runtime.park(wake, runtime.now())


async def test_timers_ring_in_the_order_of_their_times():
    runtime = current_runtime()
    rung, all_rung = [], runtime.wake()
    now = runtime.now()
    for delay in (0.03, 0.01, 0.02):
        runtime.call_at(now + delay, lambda delay=delay: rung.append(delay))
    runtime.call_at(now + 0.04, all_rung.set)
    await runtime.park(all_rung, now + 5)
    assert rung == [0.01, 0.02, 0.03]


async def test_a_cancelled_timer_does_not_ring():
    runtime = current_runtime()
    rung, over = [], runtime.wake()
    now = runtime.now()
    timer = runtime.call_at(now + 0.01, lambda: rung.append("cancelled"))
    runtime.call_at(now + 0.02, over.set)
    timer.cancel()
    timer.cancel()
    await runtime.park(over, now + 5)
    assert rung == []


async def test_a_timer_in_the_past_rings_soon_and_one_at_infinity_never():
    runtime = current_runtime()
    rung = runtime.wake()
    runtime.call_at(math.inf, pytest.fail).cancel()
    runtime.call_at(math.inf, pytest.fail)
    runtime.call_at(runtime.now() - 5, rung.set)
    await runtime.park(rung, runtime.now() + 5)


async def test_a_timer_set_from_a_timer_rings_and_an_earlier_one_is_not_late():
    runtime = current_runtime()
    rung, over = [], runtime.wake()
    now = runtime.now()

    def first():
        rung.append("first")
        runtime.call_at(now + 0.02, lambda: rung.append("second"))
        runtime.call_at(now + 0.03, over.set)

    runtime.call_at(now + 60, pytest.fail)
    runtime.call_at(now + 0.01, first)
    await runtime.park(over, now + 5)
    assert rung == ["first", "second"]


async def test_many_cancelled_timers_are_not_kept():
    runtime = current_runtime()
    for _ in range(1000):
        runtime.call_at(runtime.now() + 1000, pytest.fail).cancel()
    if runtime.name == "trio":
        assert len(runtime._timers._heap) < 200


async def test_a_timer_whose_callback_fails_harms_no_other(anyio_backend_name, caplog):
    if anyio_backend_name != "trio":
        pytest.skip("asyncio calls the loop's own exception handler")
    runtime = current_runtime()
    over = runtime.wake()
    runtime.call_at(runtime.now(), lambda: 1 / 0)
    runtime.call_at(runtime.now() + 0.01, over.set)
    await runtime.park(over, runtime.now() + 5)
    assert "callback failed" in caplog.text


async def test_a_background_task_runs_in_a_copy_of_its_makers_context():
    runtime = current_runtime()
    seen = []

    async def look():
        seen.append(variable.get())
        variable.set("changed")

    variable.set("mine")
    await runtime.spawn(look).wait()
    assert seen == ["mine"]
    assert variable.get() == "mine"


async def test_what_escapes_a_background_task_is_kept_and_logged_and_goes_no_further(caplog):
    runtime = current_runtime()

    async def fail():
        raise ValueError("on purpose")

    with caplog.at_level(logging.ERROR, "drywire.transports"):
        task = runtime.spawn(fail, name="failing")
        assert await task.wait(runtime.now() + 5)
    assert isinstance(task.exception(), ValueError)
    assert [record.message for record in caplog.records] == ["background task 'failing' failed"]


async def test_what_a_task_raised_is_known_as_soon_as_it_is_done():
    runtime = current_runtime()

    async def fail():
        raise LookupError

    task = runtime.spawn(fail)
    assert task.exception() is None
    while not task.done:
        await runtime.sleep_until(runtime.now())
    assert isinstance(task.exception(), LookupError)


async def test_a_group_of_errors_from_a_background_task_goes_no_further(caplog):
    runtime = current_runtime()

    async def fail():
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            raise ValueError("on purpose")

    task = runtime.spawn(fail)
    assert await task.wait(runtime.now() + 5)
    assert isinstance(task.exception(), ExceptionGroup)


async def test_a_cancelled_background_task_ends_without_an_error(caplog):
    runtime = current_runtime()
    cleaned = []

    async def wait():
        try:
            await runtime.sleep_until(math.inf)
        finally:
            cleaned.append(True)

    task = runtime.spawn(wait)
    await runtime.sleep_until(runtime.now() + 0.01)
    assert not task.done
    assert task.exception() is None
    task.cancel()
    task.cancel()
    assert await task.wait(runtime.now() + 5)
    assert cleaned == [True]
    assert task.exception() is None
    assert not caplog.records
    task.cancel()


async def test_a_task_cancelled_before_it_begins_never_runs():
    runtime = current_runtime()
    ran = []

    async def run():
        ran.append(True)

    task = runtime.spawn(run)
    task.cancel()
    assert await task.wait(runtime.now() + 5)
    assert ran == []


async def test_waiting_for_a_task_ends_at_the_deadline():
    runtime = current_runtime()
    task = runtime.spawn(runtime.sleep_until, math.inf)
    assert not await task.wait(runtime.now() + 0.02)
    task.cancel()
    assert await task.wait()


async def test_several_may_wait_for_one_task():
    runtime = current_runtime()
    release = runtime.wake()
    task = runtime.spawn(runtime.park, release)
    waiting = [runtime.spawn(task.wait) for _ in range(3)]
    release.set()
    for waiter in waiting:
        assert await waiter.wait(runtime.now() + 5)


async def test_a_blocking_function_runs_in_another_thread():
    runtime = current_runtime()
    variable.set("seen in the thread")
    assert await runtime.in_thread(lambda *args: (variable.get(), args), 1, 2) == ("seen in the thread", (1, 2))
    ident = await runtime.in_thread(threading.get_ident)
    assert ident != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await runtime.in_thread(lambda: 1 / 0)


async def test_sleeping_lasts_until_the_time_given():
    runtime = current_runtime()
    when = runtime.now() + 0.02
    await runtime.sleep_until(when)
    assert runtime.now() >= when - 0.002
    await runtime.sleep_until(when)


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs Unix signals")
async def test_signals_are_passed_on_until_stopped():
    runtime = current_runtime()
    before = signal.getsignal(signal.SIGUSR1)
    arrived, seen = runtime.wake(), []

    def callback(number):
        seen.append(number)
        arrived.set()

    stop = runtime.watch_signals([signal.SIGUSR1, signal.SIGUSR2], callback)
    os.kill(os.getpid(), signal.SIGUSR1)
    await runtime.park(arrived, runtime.now() + 5)
    assert seen == [signal.SIGUSR1]
    stop()
    stop()
    assert signal.getsignal(signal.SIGUSR1) == before


async def test_watching_signals_elsewhere_than_in_the_main_thread_is_refused():
    runtime = current_runtime()
    with pytest.raises((RuntimeError, ValueError)):
        await runtime.in_thread(runtime.watch_signals, [signal.SIGTERM], print)
