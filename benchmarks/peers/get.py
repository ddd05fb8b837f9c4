"""A client: 32 tasks that GET again and again; prints requests a second. Arguments: library, loop, port, requests."""

import sys
import time

TASKS = 32
library, loop, port, requests = sys.argv[1:]
url = f"http://127.0.0.1:{port}/"
share = int(requests) // TASKS


async def with_sessions(module, at_once):
    async with module.ClientSession() as session:

        async def some(count):
            for _ in range(count):
                async with session.get(url) as response:
                    await response.read()

        return await measured(some, at_once)


async def with_httpx(at_once):
    import httpx

    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=TASKS)) as client:

        async def some(count):
            for _ in range(count):
                await client.get(url)

        return await measured(some, at_once)


async def measured(some, at_once):
    await at_once(some, 5)
    began = time.perf_counter()
    await at_once(some, share)
    return share * TASKS / (time.perf_counter() - began)


async def asyncio_at_once(some, count):
    import asyncio

    await asyncio.gather(*[some(count) for _ in range(TASKS)])


async def trio_at_once(some, count):
    import trio

    async with trio.open_nursery() as nursery:
        for _ in range(TASKS):
            nursery.start_soon(some, count)


def main():
    at_once = trio_at_once if loop == "trio" else asyncio_at_once
    if library == "httpx":
        work, arguments = with_httpx, (at_once,)
    else:
        module = __import__(library)
        work, arguments = with_sessions, (module, at_once)
    if loop == "trio":
        import trio

        return trio.run(work, *arguments)
    if loop == "uvloop":
        import uvloop

        return uvloop.run(work(*arguments))
    import asyncio

    return asyncio.run(work(*arguments))


print(main())
