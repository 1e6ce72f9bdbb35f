"""What a task is judged by, as the report shows it: one place for all plots."""

from __future__ import annotations

from dataclasses import dataclass

from wiw.arms import BASELINE
from wiw.rows import Row
from wiw_core.statistics import Interval


@dataclass(frozen=True)
class Measure:
    """A measure's name, the text of its axis, and its greatest value."""

    name: str
    label: str
    top: float


SUCCESS = Measure("success rate", "success rate, 95 % interval", 1.0)
SCORE = Measure("answer score", "answer score (0 to 100), 95 % interval", 100.0)


def measure(row: Row) -> Measure:
    """Return what the row's task is judged by."""
    return SCORE if row.metric == "score" else SUCCESS


def compared(row: Row) -> Interval | None:
    """Return the paired difference to the baseline; None if there is none."""
    found = row.versus.get(BASELINE)
    return found.value if found is not None and found.pairs else None
