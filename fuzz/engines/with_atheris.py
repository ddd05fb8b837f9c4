"""atheris as an engine: libFuzzer, guided by the branches of the core that an input reaches.

libFuzzer ends its process, so it runs in one of its own: this module, as a program.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from ..findings import minimised, save
from ..report import Report
from ..targets import HERE, Target, corpus, load

__all__ = ["fuzz", "is_installed"]

MAX_LENGTH = 4096
NOTED_EVERY = 2000
"""Executions between two times that a target's notes are written down: libFuzzer ends without a last word."""
EXECUTED = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
COVERED = re.compile(r"\bcov: (\d+) ft: (\d+)")


def is_installed() -> bool:
    """Whether atheris can be imported."""
    return importlib.util.find_spec("atheris") is not None


def fuzz(target: Target, seconds: float, findings: Path, seed: int) -> Report:
    """Fuzz `target` for `seconds`, or until the first finding, which is made small and saved in `findings`."""
    report = Report(target.name, "atheris", len(corpus(target.name)))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        grown, crashes = Path(scratch, "corpus"), Path(scratch, "crashes")
        for folder in (grown, crashes):
            folder.mkdir()
        for number, data in enumerate(corpus(target.name)):
            (grown / f"seed-{number:04}").write_bytes(data)
        options = [
            f"-max_total_time={max(1, round(seconds))}",
            f"-max_len={MAX_LENGTH}",
            f"-seed={seed or 1}",
            f"-dict={HERE / f'{target.dictionary}.dict'}",
            f"-artifact_prefix={crashes}/",
            "-print_final_stats=1",
            "-timeout=60",
            "-rss_limit_mb=4096",
        ]
        notes = Path(scratch, "notes")
        command = [sys.executable, "-m", __name__, target.name, str(notes), str(grown), *options]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        report.seconds = time.monotonic() - began
        output = done.stdout + done.stderr
        report.executions = sum(map(int, EXECUTED.findall(output)))
        report.corpus = sum(1 for _ in grown.iterdir())
        if covered := COVERED.findall(output):
            report.notes.append(f"reached {covered[-1][0]} edges, {covered[-1][1]} features")
        if notes.exists():
            report.notes += notes.read_text(encoding="utf-8").splitlines()
        artifacts = sorted(crashes.iterdir())
        # libFuzzer also keeps what took it more than ten seconds, which on a busy machine says little.
        slow = [path for path in artifacts if path.name.startswith("slow-unit-")]
        for path in slow:
            report.notes.append(f"slow: {save(findings, f'{target.name}-slow', path.read_bytes())}")
        crashed = [path for path in artifacts if path not in slow]
        for path in crashed:
            report.reproducers.append(save(findings, target.name, minimised(target.check, path.read_bytes())))
        if done.returncode and not crashed:
            raise RuntimeError(f"atheris ended with status {done.returncode}:\n{output[-4000:]}")
    return report


def main() -> None:
    """Fuzz the target of the first argument, with notes in the file of the second; the others are libFuzzer's."""
    import atheris

    target, notes = load(sys.argv[1]), Path(sys.argv[2])
    with atheris.instrument_imports(include=["drywire_sansio", "wsproto"]):
        check = target.check

    runs = count(1)

    def test_one_input(data: bytes) -> None:
        check(data)
        if next(runs) % NOTED_EVERY == 0:
            notes.write_text("\n".join(target.notes()), encoding="utf-8")

    atheris.Setup([sys.argv[0], *sys.argv[3:]], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
