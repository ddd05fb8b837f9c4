"""`folder_app`: an application that shows a folder, for ``python -m drywire.web --directory``."""

from __future__ import annotations

import os
from urllib.parse import quote

from .app import Application
from .errors import HTTPMovedPermanently
from .opened_file import OpenedFile
from .routing.static_files import StaticResource, _Folder

__all__ = ["folder_app"]

INDEX = "index.html"


def folder_app(directory: str | os.PathLike[str]) -> Application:
    """Return an application that serves the files in `directory`, and folders by their index.html or a list.

    What begins with a dot is neither served nor shown, except ``.well-known``; nor is what symbolic links bring in from
    elsewhere. Raises ValueError where there is no such folder.
    """
    app = Application()
    app.router.register_resource(_Files("/", directory, show_index=True))
    return app


def _is_hidden(name: str) -> bool:
    return name.startswith(".") and name != ".well-known"


class _Files(StaticResource):
    def _find(
        self, segments: tuple[str, ...], folder_only: bool, likes: tuple[str, ...], small: int
    ) -> OpenedFile | _Folder:
        if any(map(_is_hidden, segments)):
            raise FileNotFoundError
        found = super()._find(segments, folder_only, likes, small)
        if not isinstance(found, _Folder):
            return found
        if segments and not folder_only:  # what the page refers to is beside it, below the folder
            raise HTTPMovedPermanently(f"./{quote(os.fsencode(segments[-1]))}/")
        if any(name == INDEX and not is_folder for name, is_folder in found.entries):
            return super()._find((*segments, INDEX), False, likes, small)
        return found

    def _entries(self, path: str) -> list[tuple[str, bool]]:
        return [entry for entry in super()._entries(path) if not _is_hidden(entry[0])]
