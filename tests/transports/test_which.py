"""Finding the runtime, and running a program on either kind of loop."""

import asyncio
import gc
import os
import subprocess
import sys
import weakref

import pytest
import trio
import uvloop

from drywire_transports import current_runtime, run, which


@pytest.mark.anyio
async def test_the_same_runtime_is_found_each_time(anyio_backend_name):
    assert current_runtime() is current_runtime()
    assert current_runtime().name == anyio_backend_name


def test_outside_of_a_loop_the_error_says_what_to_do():
    with pytest.raises(RuntimeError, match="call this from a coroutine"):
        current_runtime()


async def answer(number, keep=None):
    runtime = current_runtime()
    if keep is not None:
        keep.append(weakref.ref(runtime))
    await runtime.sleep_until(runtime.now())
    return runtime.name, number


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_run_returns_what_the_program_returns(backend):
    assert run(answer, 42, backend=backend) == (backend, 42)


def test_run_uses_the_loop_it_is_given():
    async def kind():
        return type(asyncio.get_running_loop())

    assert run(kind, loop_factory=uvloop.new_event_loop) is uvloop.Loop


def test_run_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="curio"):
        run(answer, 1, backend="curio")


def test_run_says_what_to_install_where_trio_is_missing(monkeypatch):
    monkeypatch.setattr(which.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r"drywire\[trio\]"):
        run(answer, 1, backend="trio")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_no_runtime_outlives_its_run(backend):
    kept = []
    run(answer, 1, kept, backend=backend)
    run(answer, 1, kept, backend=backend)
    gc.collect()
    assert [ref() for ref in kept] == [None, None]


def test_trio_as_a_guest_of_asyncio_is_told_from_its_host():
    async def host():
        done = asyncio.get_running_loop().create_future()
        trio.lowlevel.start_guest_run(
            answer,
            7,
            run_sync_soon_threadsafe=asyncio.get_running_loop().call_soon_threadsafe,
            done_callback=done.set_result,
        )
        assert current_runtime().name == "asyncio"
        assert (await done).unwrap() == ("trio", 7)
        assert current_runtime().name == "asyncio"

    asyncio.run(host())


def test_importing_the_package_loads_no_event_loop_but_the_standard_one():
    program = "import sys, drywire_transports; print([m for m in ('trio', 'anyio', 'uvloop') if m in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.strip() == "[]"
