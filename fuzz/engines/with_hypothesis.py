"""Hypothesis as an engine: it invents messages, each of which is then mutated many times over.

There is no coverage to be guided by. In its place stands what a target returns: an input for which it returns something
new joins the corpus, and is mutated itself from then on.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Hashable
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from ..findings import minimised, save
from ..inventions import inventions
from ..mutate import mutated
from ..report import Report
from ..targets import Target, corpus

__all__ = ["fuzz"]

BATCH = 60
"""Mutations of each invented input: inventing takes as long as some hundred of them."""
CORPUS_LIMIT = 20_000
"""Inputs that are remembered; later ones are only run."""


class _Session:
    def __init__(self, target: Target, seconds: float) -> None:
        self.check = target.check
        self.known: dict[Hashable, bytes] = {}
        self.inputs = list(corpus(target.name))
        self.report = Report(target.name, "hypothesis", len(self.inputs))
        self.began = time.monotonic()
        self.ends = self.began + seconds
        self.failing: bytes | None = None

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.ends or self.failing is not None

    def run(self, data: bytes) -> None:
        """Check `data`, and keep it where something new happened."""
        self.report.executions += 1
        try:
            kind = self.check(data)
        except Exception:
            self.failing = data
            return
        if kind not in self.known and len(self.known) < CORPUS_LIMIT:
            self.known[kind] = data
            self.inputs.append(data)


def fuzz(target: Target, seconds: float, findings: Path, seed: int) -> Report:
    """Fuzz `target` for `seconds`, or until the first finding, which is made small and saved in `findings`."""
    session = _Session(target, seconds)
    chance = Random(seed)
    for data in corpus(target.name):
        session.run(data)
    session.report.seeds = len(session.inputs) - len(session.known)
    for number in itertools.count():
        if session.over:
            break
        _round(session, target, chance, f"{seed}-{number}")
    report = session.report
    report.seconds = time.monotonic() - session.began
    report.corpus = len(session.inputs)
    report.notes += target.notes()
    if session.failing is not None:
        report.reproducers.append(save(findings, target.name, minimised(target.check, session.failing)))
    return report


def _round(session: _Session, target: Target, chance: Random, name: str) -> None:
    """Invent a few hundred inputs and mutate each; Hypothesis does not see the mutations, nor how they end."""

    @seeded(name)
    @settings(
        max_examples=200,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(inventions(target.messages))
    def run(invented: bytes) -> None:
        if session.over:
            return
        session.run(invented)
        for number in range(BATCH):
            if session.over:
                return
            base = invented if number % 2 else chance.choice(session.inputs)
            session.run(mutated(chance, base, session.inputs))

    run()
