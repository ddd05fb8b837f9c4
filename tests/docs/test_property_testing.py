"""The examples of property testing run, and the parser's tests find the mistakes that they are said to find."""

import os
import shutil
import subprocess
import sys

import pytest

from ..tree import ROOT

EXAMPLES = ROOT / "examples" / "property_testing"


def run(folder, *names, **variables):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **variables}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        folder,
        *names,
    ]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=50)


@pytest.mark.parametrize("name", ["test_parser.py", "test_application.py"])
def test_an_example_passes(name, tmp_path):
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    done = run(tmp_path / "examples", name)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("right", "wrong", "test"),
    [
        ("(?:[ \\t]*;[^\\r\\n]*)?", "", "test_valid_requests_are_understood"),
        ("place += size + 2", "place += size + 1", "test_valid_requests_are_understood"),
        ("length is not None or coding.lower()", "coding.lower()", "test_it_accepts_no_framing"),
    ],
)
def test_a_mistake_in_the_parser_is_found(right, wrong, test, tmp_path):
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    parser = tmp_path / "examples" / "parser.py"
    source = parser.read_text()
    assert source.count(right) == 1
    parser.write_text(source.replace(right, wrong))
    (tmp_path / "examples" / "conftest.py").write_text(THOROUGH)
    # No plugin has a part in this, and loading all that are installed takes longer than finding the mistake.
    done = run(tmp_path / "examples", "test_parser.py", "-k", test, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert done.returncode == 1
    assert "1 failed" in done.stdout


THOROUGH = """
from hypothesis import HealthCheck, Phase, settings
settings.register_profile(
    "thorough",
    max_examples=1500,
    derandomize=True,
    deadline=None,
    report_multiple_bugs=False,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("thorough")
"""
