"""docs/testing.md speaks of what drywire.test_utils and the plugin for pytest have, and its suite passes.

That each block runs, and prints what the page says, is tested with those of the other pages in test_readme.py.
"""

import inspect
import re
import subprocess
import sys

import pytest

from drywire import pytest_aiohttp, pytest_fixtures, test_utils

from ..tree import ROOT, environment

TEXT = (ROOT / "docs" / "testing.md").read_text("utf-8")
NAMES = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", TEXT))))
SUITE = re.search(r"^```python\n(import pytest\n.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)[1]

# Bases, sockets by hand, and what only old suites need
NOT_TOLD = {
    "BaseTestServer",
    "get_port_socket",
    "get_unused_port_socket",
    "loop_context",
    "setup_test_loop",
    "teardown_test_loop",
    "unittest_run_loop",
}


def test_each_name_is_told_of_or_known_not_to_be():
    assert set(test_utils.__all__) - NAMES == NOT_TOLD
    assert {*pytest_fixtures.__all__, *pytest_aiohttp.__all__} - NAMES == {"drywire_opened"}


@pytest.mark.parametrize("name", test_utils.__all__)
def test_each_name_is_described(name):
    assert inspect.getdoc(getattr(test_utils, name))


def test_the_suite_of_the_page_passes(tmp_path):
    (tmp_path / "test_page.py").write_text(SUITE, "utf-8")
    options = ["-p", "anyio.pytest_plugin", "-o", "anyio_mode=auto", "-p", "drywire.pytest_fixtures", "-W", "error"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "test_page.py"],
        cwd=tmp_path,
        env={**environment(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE)
