"""How programs end: nothing left open, nothing swallowed, nothing said too late."""

import gc
import math
import os
import signal
import subprocess
import sys
import textwrap
import warnings

import pytest
import uvloop

from drywire_transports import ClientTLS, StreamClosed, current_runtime, memory_pair, run

LOOPS = {
    "asyncio": {"backend": "asyncio"},
    "asyncio-debug": {"backend": "asyncio", "debug": True},
    "uvloop": {"backend": "asyncio", "loop_factory": uvloop.new_event_loop},
    "trio": {"backend": "trio"},
}


@pytest.fixture(params=LOOPS)
def loop(request):
    return LOOPS[request.param]


def run_quietly(main, *args, **options):
    """Run `main` to its end; whatever is left open warns, and a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = run(main, *args, **options)
        gc.collect()
    return result


async def echo(stream):
    while data := await stream.receive():
        await stream.send(data)


def test_aborting_everything_and_ending_at_once_leaves_nothing_open(loop, server_tls, client_tls):
    async def main():
        runtime = current_runtime()
        for server, client in ((None, None), (server_tls, ClientTLS(client_tls))):
            listener = await runtime.listen_tcp(echo, "127.0.0.1", tls=server)
            stream = await runtime.connect_tcp(*listener.addresses[0], tls=client)
            await stream.send(b"x")
            await stream.receive()
            stream.abort()
            listener.cancel()

    run_quietly(main, **loop)


def test_ending_with_everything_open_and_waiting_is_survived(loop):
    async def main():
        runtime = current_runtime()
        listener = await runtime.listen_tcp(echo, "127.0.0.1")
        stream = await runtime.connect_tcp(*listener.addresses[0])
        runtime.spawn(stream.receive)
        runtime.call_at(runtime.now() + 1000, pytest.fail)
        await runtime.sleep_until(runtime.now() + 0.01)
        return stream, listener

    with warnings.catch_warnings():
        # Whoever leaves a stream open is told so; made an error, that would keep uvloop from closing.
        warnings.simplefilter("ignore", ResourceWarning)
        stream, listener = run(main, **loop)
        stream.abort()
        listener.cancel()
        del stream, listener
        gc.collect()


def test_what_outlives_its_loop_can_still_be_aborted(loop):
    async def main():
        runtime = current_runtime()
        here, there = memory_pair(runtime)
        task = runtime.spawn(runtime.sleep_until, math.inf)
        timer = runtime.call_at(runtime.now() + 1000, pytest.fail)
        stop = runtime.watch_signals([signal.SIGUSR1], pytest.fail)
        return here, there, task, timer, stop

    here, _, task, timer, stop = run(main, **loop)
    here.abort()
    task.cancel()
    timer.cancel()
    stop()


def test_closing_waits_for_nothing_but_the_close(loop):
    async def main():
        runtime = current_runtime()
        listener = await runtime.listen_tcp(echo, "127.0.0.1")
        begin = runtime.now()
        for _ in range(20):
            stream = await runtime.connect_tcp(*listener.addresses[0])
            await stream.aclose()
            await stream.aclose()
        listener.cancel()
        assert await listener.join(runtime.now() + 5)
        return runtime.now() - begin

    assert run_quietly(main, **loop) < 2


def test_a_stream_without_references_costs_no_collection(loop):
    async def main():
        runtime = current_runtime()
        listener = await runtime.listen_tcp(echo, "127.0.0.1")
        stream = await runtime.connect_tcp(*listener.addresses[0])
        stream.read_deadline = stream.write_deadline = runtime.now() + 1000
        await stream.send(b"x")
        await stream.receive()
        await stream.aclose()
        with pytest.raises(StreamClosed):
            await stream.receive()
        listener.cancel()
        await listener.join()

    run_quietly(main, **loop)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_ctrl_c_reaches_the_main_task_and_not_a_handler(backend):
    program = f"""
        import math, os, signal, sys
        from drywire_transports import current_runtime, run

        async def main():
            runtime = current_runtime()
            async def handle(stream):
                os.kill(os.getpid(), signal.SIGINT)
                for _ in range(100_000):
                    pass
                await runtime.sleep_until(math.inf)
            listener = await runtime.listen_tcp(handle, "127.0.0.1")
            streams = []
            try:
                streams.append(await runtime.connect_tcp(*listener.addresses[0]))
                await runtime.sleep_until(runtime.now() + 10)
            finally:
                listener.cancel()
                for stream in streams:
                    stream.abort()

        try:
            run(main, backend={backend!r})
        except KeyboardInterrupt:
            print("interrupted")
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program)]
    found = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30, check=False)
    assert found.stdout == "interrupted\n", found.stderr
    assert found.stderr == ""
