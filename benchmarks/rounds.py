"""Rounds: each contender in turn, several times over, and the median of what it did."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Target(NamedTuple):
    """A ratio that drywire means to reach: `ours` at least `least` times `theirs`."""

    ours: str
    theirs: str
    least: float


def interleaved(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Run every contender once a round, so that a slow minute falls on all; one that fails is left out."""
    results: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            if name not in results:
                continue
            try:
                results[name].append(run())
            except Exception as error:
                print(f"  {name} left out: {type(error).__name__}: {error}")
                del results[name]
    return results


def show(
    title: str, results: Mapping[str, list[float]], unit: str, targets: list[Target], *, less_is_better: bool
) -> None:
    """Print medians, spreads, and the ratios that were aimed at."""
    print(f"\n{title}")
    medians = {name: statistics.median(values) for name, values in results.items() if values}
    for name, values in results.items():
        if values:
            print(f"  {name:<44} {medians[name]:>10.1f} {unit:<6} ({min(values):.1f} to {max(values):.1f})")
    for ours, theirs, least in targets:
        if ours in medians and theirs in medians:
            ratio = medians[theirs] / medians[ours] if less_is_better else medians[ours] / medians[theirs]
            verdict = "reached" if ratio >= least else "MISSED"
            print(f"  -> {ours} is {ratio:.2f} times as fast as {theirs} (aim {least:g}: {verdict})")
