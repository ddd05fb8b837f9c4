"""The C helper is built where there is a compiler, and left out, with a word about it, where there is none."""

import importlib.util
import shutil
import sysconfig
from pathlib import Path

import pytest

from ..tree import ROOT

compiles = pytest.mark.skipif(
    shutil.which("cc") is None or not Path(sysconfig.get_path("include"), "Python.h").is_file(),
    reason="no C compiler, or no header files of Python, are installed here",
)


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def hook():
    return load("hatch_build", ROOT / "hatch_build.py")


@compiles
def test_what_is_built_works(hook, tmp_path):
    built = hook.build(ROOT, tmp_path)
    helper = load("drywire_sansio.websocket._frames", built)
    assert helper.apply_mask(b"\x01\x02\x03\x04\x05", b"\x01\x02\x03\x04") == b"\0\0\0\0\x04"
    assert helper.read_plain(b"\x81\x02hi", False, 10) == "hi"


class App:
    def __init__(self):
        self.said = []

    def display_warning(self, message):
        self.said.append(message)


def test_without_a_compiler_the_install_is_pure_python(hook, tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "/nonexistent/compiler")
    monkeypatch.delenv("DRYWIRE_NO_EXTENSIONS", raising=False)
    app = App()
    made = hook.CustomBuildHook(str(ROOT), {}, None, None, str(tmp_path), "wheel", app)
    data = {"force_include": {}}
    made.initialize("standard", data)
    made.finalize("standard", data, "")
    assert data == {"force_include": {}}
    (said,) = app.said
    assert "without its C helper" in said


def test_it_can_be_left_out_on_purpose(hook, tmp_path, monkeypatch):
    monkeypatch.setenv("DRYWIRE_NO_EXTENSIONS", "1")
    made = hook.CustomBuildHook(str(ROOT), {}, None, None, str(tmp_path), "wheel", App())
    data = {"force_include": {}}
    made.initialize("standard", data)
    assert data == {"force_include": {}}
