"""docs/testing.md speaks of what drywire.testing has, and of all that a test is likely to need.

That each block runs, and prints what the page says, is tested with those of the other pages in test_readme.py.
"""

import inspect
import re

import pytest

from drywire import testing

from ..tree import ROOT

TEXT = (ROOT / "docs" / "testing.md").read_text("utf-8")
CODE = re.findall(r"`([^`\n]+)`", TEXT)
NAMES = {name for code in CODE for name in re.findall(r"[A-Za-z_]+", code)}

# For annotations, and for connectors of one's own.
NOT_TOLD = {
    "Answer",
    "ApplicationInMemory",
    "Exchange",
    "Fault",
    "Peer",
    "RecordingConnector",
    "RecordingError",
    "ReplayConnector",
    "Routes",
    "method_and_url",
}


def test_each_name_is_told_of_or_known_not_to_be():
    assert set(testing.__all__) - NAMES == NOT_TOLD


@pytest.mark.parametrize("name", testing.__all__)
def test_each_name_is_described(name):
    value = getattr(testing, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value)


def test_what_the_page_imports_is_what_is_exported():
    imported = re.findall(r"^from drywire\.testing import (.+)$", TEXT, re.MULTILINE)
    assert imported
    assert {name for line in imported for name in line.split(", ")} <= set(testing.__all__)


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (testing.MemoryConnector, ["client_fault", "peer_fault"]),
        (testing.record, ["secrets", "scrub_request", "scrub_response"]),
        (testing.replay, ["key", "scrub_request"]),
        (testing.app_connector, ["shutdown_timeout"]),
    ],
)
def test_the_options_that_the_page_names_are_there(function, options):
    assert set(options) <= inspect.signature(function).parameters.keys() & NAMES
