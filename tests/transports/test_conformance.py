"""Every stream keeps the contract, on every runtime."""

import pytest

from drywire_transports import current_runtime
from drywire_transports.conformance import CHECKS, HALF_CLOSE_CHECKS, check_stream

from .pairs import HALF_CLOSING, KINDS, Pairs

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("check", CHECKS + HALF_CLOSE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", KINDS)
async def test_stream_keeps_the_contract(kind, check, server_tls, client_tls):
    if check in HALF_CLOSE_CHECKS and kind not in HALF_CLOSING:
        pytest.skip("TLS has no half-closed state")
    runtime = current_runtime()
    pairs = Pairs(runtime, kind, server_tls, client_tls)
    here, there = await pairs.make()
    try:
        await check(here, there, runtime)
    finally:
        for stream in (here, there):
            stream.abort()
            await stream.aclose()
        await pairs.close()


async def test_the_checks_can_be_run_in_one_call(server_tls, client_tls):
    runtime = current_runtime()
    pairs = Pairs(runtime, "memory", server_tls, client_tls)
    await check_stream(pairs.make, runtime)
    await pairs.close()
