"""A folder whose files are sent as they are asked for (`add_static`), and nothing outside of it.

A path is taken apart into segments, and each must be a plain name, so that what they are joined to lies below the
folder by construction. What it really is, symbolic links followed, must lie there too, unless links are asked for.
"""

from __future__ import annotations

import base64
import hashlib
import html
import os
import re
import stat
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

from yarl import URL

from drywire_transports import current_runtime

from ..errors import HTTPForbidden, HTTPNotFound
from ..file_response import CHUNK_SIZE, FileResponse, asked_of_file, reads_whole
from ..file_types import liked_codings
from ..match_info import ExpectHandler, Handler
from ..opened_file import SMALL, NotRegularFile, OpenedFile, as_http_error, in_thread, open_file
from ..request import Request
from ..response import Response
from .resources import PrefixResource, Resource
from .routes import ResourceRoute

__all__ = ["CHUNK_SIZE", "StaticResource", "is_plain_name"]

WINDOWS: Final = os.name == "nt"
MOST_LISTED: Final = 10_000
"""Names that an index shows."""
VERSION_KEY: Final = "v"

_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_DEVICE: Final = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9\xb9\xb2\xb3])[ ]*(?:[.:].*)?", re.I)
"""Names that are devices to Windows, in any folder and with any suffix."""


def is_plain_name(name: str, windows: bool = WINDOWS) -> bool:
    """Whether `name` can only be that of something in the folder it is looked for in."""
    if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
        return False
    if not windows:
        return True
    # A colon begins a drive's path or a stream of a file, and dots and blanks at the end do not count.
    return ":" not in name and not name.endswith((".", " ")) and _DEVICE.fullmatch(name) is None


class _Folder(NamedTuple):
    """What was found in place of a file: a folder, by its segments, and its entries where they are to be shown."""

    segments: tuple[str, ...]
    entries: list[tuple[str, bool]]
    """Names, and whether each is a folder itself."""


class StaticResource(PrefixResource, Resource):
    """The files in the folder `directory`, under the URL path `prefix`; see `UrlDispatcher.add_static`.

    Raises ValueError where there is no such folder. Iterates over its routes, GET and HEAD.
    """

    def __init__(
        self,
        prefix: str,
        directory: str | os.PathLike[str],
        *,
        name: str | None = None,
        expect_handler: ExpectHandler | None = None,
        chunk_size: int = CHUNK_SIZE,
        show_index: bool = False,
        follow_symlinks: bool = False,
        append_version: bool = False,
    ) -> None:
        super().__init__(prefix.rstrip("/"), name=name)
        root = os.path.realpath(os.path.expanduser(directory))
        if not os.path.isdir(root):
            raise ValueError(f"no folder at {os.fspath(directory)!r}: static files need one that exists")
        self._root = root
        self._inside = root if root.endswith(os.sep) else root + os.sep
        self._chunk_size = chunk_size
        self._show_index = show_index
        self._follow_symlinks = follow_symlinks
        self._append_version = append_version
        self._versions: dict[str, tuple[int, int, str]] = {}
        self.add_route("GET", self.handle, expect_handler=expect_handler)
        self.add_route("HEAD", self.handle, expect_handler=expect_handler)

    def __repr__(self) -> str:
        name = "" if self.name is None else f" {self.name!r}"
        return f"<StaticResource{name} {self.prefix or '/'} -> {self._root!r}>"

    @property
    def directory(self) -> str:
        """The folder, symbolic links resolved."""
        return self._root

    def get_info(self) -> dict[str, Any]:
        """Return the folder, the prefix and the routes, by these names."""
        return {"directory": self._root, "prefix": self.canonical + "/", "routes": dict(self._routes)}

    def set_options_route(self, handler: Handler) -> ResourceRoute:
        """Add the handler of OPTIONS. Raises RuntimeError where there is one already."""
        return self.add_route("OPTIONS", handler)

    def match(self, path: str) -> dict[str, str] | None:
        """Return what follows the prefix of the decoded `path`, as ``filename``; None for another path.

        A slash that came percent-encoded is part of no file's name, so that is no path of this resource.
        """
        if not self.is_prefix_of(path):
            return None
        segments = [unquote(part, errors="surrogateescape") for part in path[len(self.prefix) + 1 :].split("/")]
        return None if any("/" in segment for segment in segments) else {"filename": "/".join(segments)}

    # URLs

    def url_for(  # type: ignore[override] # its variable is one by name
        self, *, filename: str | os.PathLike[str], append_version: bool | None = None
    ) -> URL:
        """Return the URL of a file in the folder, a relative path with slashes.

        With `append_version`, or where the resource was made with it, the file's SHA-256 is its query ``v``, so that a
        changed file has another URL; the file is read for that, here and once for each state of it. A file that is not
        there has none.
        """
        filename = os.fspath(filename).replace(os.sep, "/").lstrip("/")
        path = "/".join(quote(os.fsencode(part), safe="!$&'()*+,;=:@-._~") for part in filename.split("/"))
        url = URL.build(path=f"{self.canonical}/{path}", encoded=True)
        if self._append_version if append_version is None else append_version:
            version = self._version(filename)
            if version is not None:
                url = url.with_query({VERSION_KEY: version})
        return url

    def _version(self, filename: str) -> str | None:
        segments = filename.split("/")
        if not all(map(is_plain_name, segments)):
            return None
        path = self._admit(os.path.join(self._root, *segments))
        try:
            if path is None or not stat.S_ISREG((status := os.stat(path)).st_mode):
                return None
            known = self._versions.get(path)
            if known is None or known[:2] != (status.st_mtime_ns, status.st_size):
                with open(path, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").digest()
                known = status.st_mtime_ns, status.st_size, base64.urlsafe_b64encode(digest).decode("ascii")
                self._versions[path] = known
        except (OSError, ValueError):
            return None
        return known[2]

    # Answering

    async def handle(self, request: Request) -> Response | FileResponse:
        """Answer with the file, or the index of a folder.

        Raises HTTPNotFound for what is not there, or is none of the folder's files; HTTPForbidden for what may not be
        read, and for a folder without an index.
        """
        filename = request.match_info["filename"]
        segments = tuple(filename.split("/")) if filename else ()
        folder_only = bool(segments) and not segments[-1]
        if folder_only:
            segments = segments[:-1]
        if not all(map(is_plain_name, segments)):
            raise HTTPNotFound
        asked = asked_of_file(request.headers)
        small = SMALL if reads_whole(request.method, asked) else 0
        likes = liked_codings(asked.get("accept-encoding"))
        try:
            found: OpenedFile | _Folder = await in_thread(
                current_runtime(), self._find, segments, folder_only, likes, small
            )
        except (OSError, ValueError) as error:
            # A FIFO or a device is none of the files here.
            refusal = HTTPNotFound() if isinstance(error, NotRegularFile) else as_http_error(error)
            if refusal is None:
                raise
            raise refusal from error
        if isinstance(found, OpenedFile):
            return FileResponse.of_opened(found, self._chunk_size)
        if not self._show_index:
            raise HTTPForbidden
        return Response(text=self._index(found), content_type="text/html", charset="utf-8")

    def _admit(self, path: str) -> str | None:
        """Return what to open for `path`, which lies below the folder by its segments; None where it leads out."""
        if self._follow_symlinks:
            return path
        real = os.path.realpath(path)
        return real if real == self._root or real.startswith(self._inside) else None

    def _find(
        self, segments: tuple[str, ...], folder_only: bool, likes: tuple[str, ...], small: int
    ) -> OpenedFile | _Folder:
        """Open the file, or list the folder. Blocks. Raises what `open_file` does."""
        path = os.path.join(self._root, *segments)
        real = self._admit(path)
        if real is None:
            raise FileNotFoundError
        if stat.S_ISDIR(os.stat(real).st_mode):
            return _Folder(segments, self._entries(real) if self._show_index else [])
        if folder_only:
            raise NotADirectoryError
        flags = 0 if self._follow_symlinks else _NOFOLLOW  # a link that took the place of what was looked at
        return open_file(path, likes, small, self._admit, flags)

    # The index of a folder

    def _entries(self, path: str) -> list[tuple[str, bool]]:
        """Return the files and folders in one; what would not be sent is not shown."""
        entries: list[tuple[str, bool]] = []
        with os.scandir(path) as scanned:
            for entry in scanned:
                if len(entries) >= MOST_LISTED:
                    break
                if not is_plain_name(entry.name) or (entry.is_symlink() and self._admit(entry.path) is None):
                    continue
                if entry.is_dir() or entry.is_file():
                    entries.append((entry.name, entry.is_dir()))
        return sorted(entries)

    def _index(self, folder: _Folder) -> str:
        """Return the page of a folder: every name escaped, for HTML and for URLs."""
        here = html.escape(_shown("/" + "/".join(folder.segments)))
        lines = []
        for name, is_folder in folder.entries:
            slash = "/" if is_folder else ""
            url = html.escape(str(self.url_for(filename="/".join((*folder.segments, name)), append_version=False)))
            lines.append(f'<li><a href="{url}{slash}">{html.escape(_shown(name))}{slash}</a></li>')
        items = "\n".join(lines)
        return (
            "<!DOCTYPE html>\n<html>\n<head>\n"
            f'<meta charset="utf-8">\n<title>Index of {here}</title>\n'
            f"</head>\n<body>\n<h1>Index of {here}</h1>\n<ul>\n{items}\n</ul>\n</body>\n</html>\n"
        )


def _shown(name: str) -> str:
    """Return a file name as text that can be sent: bytes of it that are no UTF-8 are replaced."""
    return os.fsencode(name).decode("utf-8", "replace")
