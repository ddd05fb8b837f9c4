"""Fuzz one target for a time, or try a reproducer again.

python -m fuzz requests --seconds 60
python -m fuzz requests fuzz/findings/requests-0123456789ab.bin
"""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path

from .engines import with_atheris
from .report import Report
from .targets import ALL, HERE, Target, load

__all__ = ["main"]


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    about = "\n".join(f"  {target.name:24}{target.about}" for target in ALL.values())
    parser = argparse.ArgumentParser(
        prog="python -m fuzz",
        description=f"Fuzz a target with atheris where it is installed, else with Hypothesis.\n\ntargets:\n{about}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", choices=ALL, metavar="TARGET")
    parser.add_argument("inputs", nargs="*", type=Path, metavar="FILE", help="inputs to try once each, and no fuzzing")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to fuzz (60)")
    parser.add_argument("--engine", choices=["atheris", "hypothesis"], help="which engine (what is installed)")
    parser.add_argument("--seed", type=int, default=0, help="where chance begins (0)")
    parser.add_argument("--findings", type=Path, default=HERE / "findings", help="folder for reproducers")
    return parser.parse_args(argv)


def _again(target: Target, paths: list[Path]) -> int:
    """Try each file once; return how many are findings."""
    failed = 0
    for path in paths:
        try:
            print(f"{path}: {target.check(path.read_bytes())}")
        except Exception:
            failed += 1
            print(f"{path}: FINDING")
            traceback.print_exc()
    return failed


def _fuzz(target: Target, arguments: argparse.Namespace) -> Report:
    engine = arguments.engine or ("atheris" if with_atheris.is_installed() else "hypothesis")
    if engine == "atheris":
        return with_atheris.fuzz(target, arguments.seconds, arguments.findings, arguments.seed)
    from .engines import with_hypothesis

    return with_hypothesis.fuzz(target, arguments.seconds, arguments.findings, arguments.seed)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return 1 where there is a finding."""
    arguments = _arguments(argv)
    target = load(arguments.target)
    if arguments.inputs:
        return 1 if _again(target, arguments.inputs) else 0
    report = _fuzz(target, arguments)
    print("\n".join(report.lines()), flush=True)
    return 1 if report.reproducers else 0


if __name__ == "__main__":
    sys.exit(main())
