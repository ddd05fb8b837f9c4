"""What a run did, in the form in which every engine prints it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Report"]


@dataclass
class Report:
    """The figures of one run."""

    target: str
    engine: str
    seeds: int
    executions: int = 0
    seconds: float = 0.0
    corpus: int = 0
    """Inputs that are of interest now, the seeds among them."""
    reproducers: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the report as lines of text."""
        rate = self.executions / self.seconds if self.seconds else 0
        speed = f"{rate:,.0f} a second, {self.engine}"
        lines = [
            f"{self.target}: {self.executions:,} executions in {self.seconds:.0f} s ({speed})",
            f"{self.target}: corpus grew from {self.seeds} to {self.corpus} inputs",
            *(f"{self.target}: {note}" for note in self.notes),
        ]
        if not self.reproducers:
            return [*lines, f"{self.target}: no finding"]
        return [
            *lines,
            *(f"{self.target}: FINDING, again with: python -m fuzz {self.target} {path}" for path in self.reproducers),
        ]
