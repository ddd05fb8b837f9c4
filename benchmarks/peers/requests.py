"""A client that asks again and again; prints requests a second and processor microseconds a request, or MiB a second.

Arguments: library, loop, kind ("get", "post", "download", "https", or "handshake": https on a new connection for each
request), port, requests, and for the last two the file with the authority's certificate.
"""

import ssl
import sys
import time

TASKS = 32
BODY = {"name": "reader", "numbers": [1, 2, 3], "nested": {"yes": True, "no": None}}
library, loop, kind, port, count, *authority = sys.argv[1:]
url = f"{'https' if authority else 'http'}://127.0.0.1:{port}/"
share = int(count) // TASKS


async def with_session(module, at_once):
    options = {}
    if authority:
        context = ssl.create_default_context(cafile=authority[0])
        options["connector"] = module.TCPConnector(ssl=context, force_close=kind == "handshake")
    async with module.ClientSession(**options) as session:
        if kind == "download":
            return await downloaded(session)

        async def get(times):
            for _ in range(times):
                async with session.get(url) as response:
                    await response.read()

        async def post(times):
            for _ in range(times):
                async with session.post(url, json=BODY) as response:
                    await response.read()

        return await measured(post if kind == "post" else get, at_once)


async def downloaded(session):
    began, size = time.perf_counter(), 0
    async with session.get(url) as response:
        async for piece in response.content.iter_any():
            size += len(piece)
    return f"{size / 2**20 / (time.perf_counter() - began)} 0"


async def with_httpx(at_once):
    import httpx

    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=TASKS)) as client:

        async def some(times):
            for _ in range(times):
                await (client.get(url) if kind == "get" else client.post(url, json=BODY))

        return await measured(some, at_once)


async def measured(some, at_once):
    await at_once(some, 5)
    began, used = time.perf_counter(), time.process_time()
    await at_once(some, share)
    used = time.process_time() - used
    return f"{share * TASKS / (time.perf_counter() - began)} {used / share / TASKS * 1e6}"


async def asyncio_at_once(some, times):
    import asyncio

    await asyncio.gather(*[some(times) for _ in range(TASKS)])


async def trio_at_once(some, times):
    import trio

    async with trio.open_nursery() as nursery:
        for _ in range(TASKS):
            nursery.start_soon(some, times)


def main():
    at_once = trio_at_once if loop == "trio" else asyncio_at_once
    if library == "httpx":
        work, arguments = with_httpx, (at_once,)
    else:
        module = __import__(library)
        work, arguments = with_session, (module, at_once)
    if loop == "trio":
        import trio

        return trio.run(work, *arguments)
    if loop == "uvloop":
        import uvloop

        return uvloop.run(work(*arguments))
    import asyncio

    return asyncio.run(work(*arguments))


print(main())
