"""Downloads a file of any size, and goes on where it was cut off, in this run or in the next.

python examples/downloader.py URL [PATH] [--attempts 5] [--trio]

What has come lies in PATH.part until it is whole; then it is put in place in one step, so PATH is never half a file.
Beside it PATH.part.json tells which version of the file it is a part of: the server's strong ETag. The rest is asked
for by Range and If-Range (RFC 9110, 13.1.5 and 14.2): a server that has another version by now sends all of it, and so
does one that knows no ranges.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from yarl import URL

import drywire
import drywire_transports
from drywire_transports import current_runtime

PIECE: Final = 256 * 1024
"""Bytes that are written at a time: each write is a way to a thread and back, so that no disk holds up the loop."""
TIMEOUT: Final = drywire.ClientTimeout(total=None, sock_connect=30, sock_read=60)
"""A download may take as long as it likes, as long as something comes."""
STATUSES: Final = drywire.RetryMiddleware(attempts=5)
"""A server that is busy is the middleware's. A body that ends too soon is ours: only we know how much we have."""
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/(?:[0-9]{1,18}|\*)")

Progress = Callable[[int, int | None], object]
"""Called with the bytes that are there, and how many there will be, None where the server does not say."""


class NotResumable(Exception):
    """The server sends another range than the one that was asked for."""


def _ignore(done: int, total: int | None) -> None:
    pass


async def download(
    session: drywire.ClientSession,
    url: str | URL,
    path: Path,
    *,
    attempts: int = 5,
    progress: Progress = _ignore,
    first_wait: float = 0.5,
) -> int:
    """Download `url` to `path`, and return in how many attempts.

    After an attempt that brought nothing the wait doubles, from `first_wait` seconds, at random up to the bound; one
    that brought something begins the count anew, so that a bad line costs time, but not the file. Raises the error of
    the last of `attempts` in a row that brought nothing, and ClientResponseError for a status that is none of a file.
    """
    runtime, part = current_runtime(), path.with_name(path.name + ".part")
    number = failures = 0
    while True:
        before = _size(part)
        number += 1
        try:
            await _attempt(session, url, part, progress)
        except drywire.ClientError as error:
            if not error.safe_to_retry:
                raise
            failures = 1 if _size(part) > before else failures + 1
            if failures >= attempts:
                raise
            wait = random.random() * first_wait * 2 ** min(failures - 1, 8)
            await runtime.sleep_until(runtime.now() + wait)
        else:
            await runtime.in_thread(os.replace, part, path)
            _etag_file(part).unlink(missing_ok=True)
            return number


async def _attempt(session: drywire.ClientSession, url: str | URL, part: Path, progress: Progress) -> None:
    """Fetch what `part` has not got yet."""
    start, etag = _size(part), _etag_of(part)
    headers = {"Accept-Encoding": "identity"}  # ranges are counted in coded bytes
    if start and etag:
        headers |= {"Range": f"bytes={start}-", "If-Range": etag}
    async with session.get(url, headers=headers, timeout=TIMEOUT) as response:
        if response.status == 416 and response.headers.get("Content-Range") == f"bytes */{start}":
            return  # it was whole already, and only not yet in its place
        response.raise_for_status()
        start = _checked_start(response, start)
        _remember(part, response.headers.get("ETag"))
        length = response.content_length
        await _receive(response, part, start, None if length is None else start + length, progress)


def _checked_start(response: drywire.ClientResponse, start: int) -> int:
    """Return where in the file the body begins. Raises NotResumable."""
    if response.status != 206:
        return 0
    range_ = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if range_ is None or int(range_[1]) != start:
        raise NotResumable(f"bytes from {start} on were asked for: {response.headers.get('Content-Range')!r}"[:200])
    return start


async def _receive(
    response: drywire.ClientResponse, part: Path, start: int, total: int | None, progress: Progress
) -> None:
    runtime = current_runtime()
    file: IO[bytes] = await runtime.in_thread(part.open, "r+b" if start else "wb")
    try:
        file.seek(start)
        done = start
        async for piece in response.content.iter_chunked(PIECE):
            await runtime.in_thread(file.write, piece)
            done += len(piece)
            progress(done, total)
    finally:
        file.close()


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _etag_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _etag_of(part: Path) -> str | None:
    try:
        etag = json.loads(_etag_file(part).read_text("utf-8"))["etag"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return etag if isinstance(etag, str) else None


def _remember(part: Path, etag: str | None) -> None:
    if etag is None or etag.startswith("W/"):  # a weak one may stand for other bytes (RFC 9110, 8.8.1)
        _etag_file(part).unlink(missing_ok=True)
    else:
        _etag_file(part).write_text(json.dumps({"etag": etag}), "utf-8")


def _bar(done: int, total: int | None) -> None:
    if sys.stderr.isatty():
        percent = f" {100 * done // total:3} %" if total else ""
        print(f"\r{done:>14,} bytes{percent}", end="", file=sys.stderr, flush=True)


async def _main(url: URL, path: Path, attempts: int) -> None:
    async with drywire.ClientSession(middlewares=(STATUSES,)) as session:
        number = await download(session, url, path, attempts=attempts, progress=_bar)
    print(f"{path}: {_size(path):,} bytes in {number} attempt{'s' * (number > 1)}")


def program() -> int:
    parser = argparse.ArgumentParser(description="a downloader that goes on where it was cut off")
    parser.add_argument("url", type=URL)
    parser.add_argument("path", type=Path, nargs="?", help="the last part of the URL's path")
    parser.add_argument("--attempts", type=int, default=5, help="attempts in a row that bring nothing")
    parser.add_argument("--trio", action="store_true", help="on trio instead of asyncio")
    options = parser.parse_args()
    path = options.path or Path(options.url.name or "download")  # `name` has no slash in it
    try:
        drywire_transports.run(
            _main, options.url, path, options.attempts, backend="trio" if options.trio else "asyncio"
        )
    except (drywire.ClientError, NotResumable) as error:
        print(f"given up: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(program())
