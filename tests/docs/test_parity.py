"""docs/parity.md says how things stand: each row has a test or a reason, and each name that is promised is there."""

import importlib.machinery
import importlib.util
import re

import pytest

from ..tree import ROOT, run_python

TOOL = ROOT / "tools" / "parity"


@pytest.fixture(scope="module")
def parity():
    """The tool as a module."""
    loader = importlib.machinery.SourceFileLoader("parity_tool", str(TOOL))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(importlib.sys.modules, loader.name, module)  # dataclasses look there
        patch.setattr(importlib.sys, "dont_write_bytecode", True)
        loader.exec_module(module)
        yield module


def test_the_page_is_up_to_date_and_each_row_is_proved():
    run_python(str(TOOL), "--check")


def test_every_capability_has_its_row(parity):
    groups = parity.read_groups(parity.ROWS)
    assert [group.number for group in groups] == list(range(1, 32))
    ids = [row.id for group in groups for row in group.rows]
    assert len(ids) == len(set(ids)) == 667
    for group in groups:  # the numbers of a group run on without a gap
        letters = {row.id.partition("-")[0] for row in group.rows}
        assert len(letters) == 1
        assert [int(row.id[-2:]) for row in group.rows] == list(range(1, len(group.rows) + 1))


def test_the_links_of_the_page_lead_somewhere():
    links = set(re.findall(r"\]\(([^)]+)\)", (ROOT / "docs" / "parity.md").read_text("utf-8")))
    assert len(links) > 5
    for link in links:
        assert (ROOT / "docs" / link).is_file(), link


# The tool itself


@pytest.fixture
def make_rows(parity, tmp_path):
    """``make_rows(lines)``: the groups of a file of rows that has one group with these."""

    def make(*lines):
        path = tmp_path / "rows.toml"
        path.write_text("\n".join(['[[group]]\nnumber = 1\nname = "One"\n[group.rows]', *lines]), "utf-8")
        return parity.read_groups(path)

    return make


@pytest.fixture
def tests_of(parity, tmp_path):
    """``tests_of(source)``: the tests that are found in a file of this source under tests/parity."""

    def find(source):
        folder = tmp_path / "tests" / "parity"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "test_it.py").write_text(source, "utf-8")
        return parity.all_tests(tmp_path / "tests")

    return find


def test_a_row_without_test_or_reason_is_a_fault(parity, make_rows):
    groups = make_rows(
        'C-01 = { is = "one" }', 'C-02 = { is = "two", issue = "server" }', 'C-03 = { is = "three", differs = "why" }'
    )
    assert parity.assign(groups, []) == []
    assert [row.state for row in groups[0].rows] == ["missing", "planned", "differs on purpose"]
    assert parity.faults(groups) == ["C-01: neither a test nor a reason (one)"]


def test_a_test_belongs_to_the_row_that_its_name_begins_with(parity, make_rows, tests_of):
    groups = make_rows('C-01 = { is = "one" }', 'C2-01 = { is = "two" }')
    tests = tests_of(
        "async def test_c2_01_a_thing(): ...\nclass Test:\n    def test_c_01(self): ...\ndef c_01(): ...\n"
    )
    assert parity.assign(groups, tests) == []
    assert [[test.name for test in row.tests] for row in groups[0].rows] == [["test_c_01"], ["test_c2_01_a_thing"]]
    assert parity.faults(groups) == []
    assert "| C2-01 | two | works | [parity/test_it.py](../tests/parity/test_it.py): `test_c2_01_a_thing` |" in (
        parity.page(groups)
    )


def test_why_a_row_differs_is_read_from_the_test(parity, make_rows, tests_of):
    groups = make_rows('C-01 = { is = "one" }')
    source = 'def test_c_01_a():\n    """It is so.\n\n    Differs: because of\n    that | this.\n\n    More.\n    """\n'
    parity.assign(groups, tests_of(source))
    (row,) = groups[0].rows
    assert (row.state, row.reasons) == ("differs on purpose", ["because of that | this."])
    assert r"| differs on purpose: because of that \| this. |" in parity.page(groups)


def test_a_test_of_no_row_and_a_row_of_no_test_are_told(parity, make_rows, tests_of):
    groups = make_rows('C-01 = { is = "one", tests = ["tests/parity/test_it.py::test_other", "tests/a.py::test_b"] }')
    wrong = parity.assign(groups, tests_of("def test_other(): ...\ndef test_c_02_a(): ...\n"))
    assert wrong == [
        "tests/parity/test_it.py::test_c_02_a: no row has this id",
        "C-01: there is no test tests/a.py::test_b",
    ]
    assert groups[0].rows[0].state == "works"


def test_ids_in_the_names_of_security_tests_are_of_another_list(parity, make_rows, tmp_path):
    folder = tmp_path / "tests" / "security"
    folder.mkdir(parents=True)
    (folder / "test_it.py").write_text("def test_a_12_a(): ...\ndef test_a_13_b(): ...\n")
    groups = make_rows(
        'A-12 = { is = "one", issue = "server", api = ["web.nothing"] }',
        'A-13 = { is = "two", tests = ["tests/security/test_it.py::test_a_13_b"] }',
    )
    assert parity.assign(groups, parity.all_tests(tmp_path / "tests")) == []
    assert [row.state for row in groups[0].rows] == ["planned", "works"]
    assert parity.faults(groups) == []  # what is planned need not be there


@pytest.mark.parametrize(
    ("api", "missing"),
    [
        ("ClientSession.get", None),
        ("ClientSession(headers)", None),
        ("web.Response", None),
        ("web.Response.body", None),
        ("ClientTimeout.total", None),
        ("TraceConfig.on_request_start", None),
        ("payload.Order.normal", None),
        ("Nothing", "drywire has no Nothing"),
        ("ClientSession.nothing", "drywire has no ClientSession.nothing"),
        ("web.nothing", "drywire has no web.nothing"),
        ("ClientTimeout(nothing)", "ClientTimeout of drywire has no parameter nothing"),
        ("a b", "'a b' is no name"),
    ],
)
def test_a_name_that_is_promised_is_looked_up(parity, api, missing):
    assert parity.lacks(api) == missing


@pytest.mark.parametrize(
    "line", ['X = { is = "a" }', "C-01 = { }", 'C-01 = { is = "a", typo = "b" }', 'C-01 = { is = "a", issue = "b" }']
)
def test_what_is_no_row_is_refused(make_rows, line):
    with pytest.raises(ValueError, match=r"rows\.toml"):
        make_rows(line)
