"""The fuzz kit: seeds and regressions hold, engines find what is planted, and the command says what it did."""

import importlib.util

import pytest

from fuzz import __main__ as command
from fuzz.engines import with_atheris, with_hypothesis
from fuzz.findings import Finding, minimised
from fuzz.targets import ALL, HERE, Target, corpus

SEEDS = [
    pytest.param(target, path, id=f"{target.name}-{path.parent.parent.name}-{path.name}")
    for target in ALL.values()
    for folder in ("corpus", "regressions")
    for path in sorted((HERE / folder / target.name).glob("*"))
]


@pytest.mark.parametrize(("target", "path"), SEEDS)
def test_each_seed_and_each_regression_holds(target, path):
    target.check(path.read_bytes())


@pytest.mark.parametrize("target", ALL.values(), ids=lambda target: target.name)
def test_each_target_has_seeds_that_do_different_things(target):
    outcomes = {target.check(data) for data in corpus(target.name)}
    assert len(outcomes) >= 5


@pytest.mark.parametrize("target", ALL.values(), ids=lambda target: target.name)
def test_a_short_run_finds_nothing_and_says_so(target, tmp_path, capsys):
    arguments = [target.name, "--seconds", "0.4", "--engine", "hypothesis", "--findings", str(tmp_path)]
    assert command.main(arguments) == 0
    printed = capsys.readouterr().out
    assert " executions in " in printed
    assert f"{target.name}: corpus grew from {len(corpus(target.name))} to " in printed
    assert printed.endswith(f"{target.name}: no finding\n")
    assert list(tmp_path.iterdir()) == []


def check(data):
    """A target with a mistake: it does not like a NUL behind a line feed."""
    if b"\n" in data and b"\0" in data[data.index(b"\n") :]:
        raise Finding("planted")
    return data[:1]


@pytest.fixture
def planted(monkeypatch):
    target = Target("planted", "a mistake to be found", "requests")
    monkeypatch.setattr(Target, "check", property(lambda self: check))
    monkeypatch.setattr(Target, "notes", lambda self: [])
    monkeypatch.setitem(ALL, "planted", target)
    return target


def test_hypothesis_finds_what_is_planted_and_keeps_it_small(planted, tmp_path, capsys):
    assert command.main(["planted", "--seconds", "20", "--engine", "hypothesis", "--findings", str(tmp_path)]) == 1
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == b"\n\0"
    assert f"FINDING, again with: python -m fuzz planted {path}" in capsys.readouterr().out
    assert command.main(["planted", str(path)]) == 1
    assert "planted" in capsys.readouterr().err


def test_an_input_that_holds_is_no_finding(capsys):
    seed = next((HERE / "corpus" / "requests").iterdir())
    assert command.main(["requests", str(seed)]) == 0
    assert str(seed) in capsys.readouterr().out


def test_the_same_seed_makes_the_same_inputs(planted, tmp_path, monkeypatch):
    seen = []

    def remember(data):
        seen.append(data)
        if len(seen) % 500 == 0:
            raise Finding("enough")
        return len(seen)

    monkeypatch.setattr(Target, "check", property(lambda self: remember))
    monkeypatch.setattr(with_hypothesis, "minimised", lambda check, data: data)
    for _ in range(2):
        with_hypothesis.fuzz(planted, 60, tmp_path, 7)
    assert seen[:500] == seen[500:]


def test_minimising_keeps_the_kind_of_error():
    def picky(data):
        if b"ab" in data:
            raise Finding
        if b"a" in data:
            raise ValueError

    assert minimised(picky, b"xxabxxa") == b"ab"
    assert minimised(picky, b"xxaxx") == b"a"


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_atheris_runs_and_counts(tmp_path):
    report = with_atheris.fuzz(ALL["chunked"], 1, tmp_path, 1)
    assert report.executions > 100
    assert report.corpus >= report.seeds == len(corpus("chunked"))
    assert not report.reproducers
    assert any("edges" in note for note in report.notes)
