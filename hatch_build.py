"""Builds the optional C helper of the WebSocket core into wheels and editable installs, where there is a compiler.

`DRYWIRE_NO_EXTENSIONS=1` leaves it out on purpose. The helper keeps to the stable ABI of Python 3.11, so that one build
serves every later version.
"""

from __future__ import annotations

import os
import platform
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("sansio", "drywire_sansio", "websocket")
SOURCE = "_frames.c"
MODULE = "drywire_sansio.websocket._frames"


def build(root: Path, scratch: Path) -> Path:
    """Compile the helper and return its file. Raises whatever keeps it from being built."""
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    extension = Extension(MODULE, [str(root / FOLDER / SOURCE)], py_limited_api=True)
    command = build_ext(Distribution({"name": "drywire", "ext_modules": [extension]}))
    command.build_lib = str(scratch / "lib")
    command.build_temp = str(scratch / "temp")
    command.ensure_finalized()
    command.run()
    return Path(command.get_ext_fullpath(MODULE))


def wanted() -> bool:
    """Whether there is any use in trying."""
    return not os.environ.get("DRYWIRE_NO_EXTENSIONS") and platform.python_implementation() == "CPython"


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling leaves its parameter open
    """What hatchling calls before it makes a wheel, or an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the helper to what is built; say so in a line where it cannot be."""
        if not wanted():
            return
        root = Path(self.root)
        self._scratch = tempfile.TemporaryDirectory()
        try:
            built = build(root, Path(self._scratch.name))
        except BaseException as error:  # distutils even raises SystemExit
            if isinstance(error, KeyboardInterrupt):
                raise
            self.app.display_warning(f"drywire is installed without its C helper, which could not be built: {error}")
            return
        if version == "editable":
            # It is imported from the source tree, so that is where it must lie.
            # Put there whole: another Python may have it loaded at this moment.
            fresh = root / FOLDER / f"{built.name}.new"
            fresh.write_bytes(built.read_bytes())
            fresh.replace(root / FOLDER / built.name)
            return
        build_data["force_include"][str(built)] = f"drywire_sansio/websocket/{built.name}"
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{_platform_tag()}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was built on the way."""
        scratch = getattr(self, "_scratch", None)
        if scratch is not None:
            scratch.cleanup()


def _platform_tag() -> str:
    from packaging.tags import sys_tags

    return next(iter(sys_tags())).platform
