"""A row of the table, and what rows say in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wiw.arms import BASELINE
from wiw.settings import arm_of
from wiw.texts import interval, join
from wiw_core.contracts import Metric
from wiw_core.metrics import Summary
from wiw_core.statistics import Interval

CONTROLS = (BASELINE, "copy")
"""Arms that the others are paired with, under the same policy."""
ALPHA = 0.05
"""A difference with a smaller p is called real."""
PLURAL = {
    "beats": "beat",
    "does worse than": "do worse than",
    "cannot be told from": "cannot be told from",
}


@dataclass(frozen=True)
class Difference:
    """The primary metric minus a control's on the same ``pairs`` episodes without a fault.

    Attributes
    ----------
    value : Interval
        Of success rates, or of answer scores.
    p : float
        Of :func:`wiw.results.p_value`. It decides, not the interval: a bootstrap of two equal
        pairs has no width.
    """

    value: Interval
    pairs: int
    p: float

    @property
    def verdict(self) -> str:
        """What the test says: "beats", "does worse than" or "cannot be told from"."""
        if not self.p < ALPHA:
            return "cannot be told from"
        return "beats" if self.value.estimate > 0 else "does worse than"


@dataclass(frozen=True)
class Row:
    """One arm of one task, under one policy.

    Attributes
    ----------
    task : str
        Or the family whose tasks are pooled.
    arm : str
        The row's name: ``warp``, or ``warp@policy``.
    versus : dict of Difference
        Against each arm of :data:`CONTROLS` that was run.
    metric : str
        What the task is compared by, its primary metric: ``success`` or ``score``.
    difficulty : str
        Level that the episodes are of; empty: all.
    """

    task: str
    arm: str
    summary: Summary
    versus: dict[str, Difference]
    metric: Metric = "success"
    difficulty: str = ""

    @property
    def faults(self) -> int:
        """Episodes that ended in a fault."""
        return sum(self.summary.faults.values())

    @property
    def primary(self) -> Interval:
        """The primary metric over the episodes without a fault."""
        return self.summary.score if self.metric == "score" else self.summary.success


def by_task(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the rows of each task."""
    tasks: dict[str, list[Row]] = {}
    for row in rows:
        tasks.setdefault(row.task, []).append(row)
    return tasks


def sentences(rows: Iterable[Row]) -> list[str]:
    """Return what the numbers say: per task and control, who beats it and who does not."""
    said = []
    for task, mine in by_task(rows).items():
        for control in CONTROLS:
            groups: dict[str, list[str]] = {verdict: [] for verdict in PLURAL}
            for row in mine:
                compared = row.versus.get(control)
                if compared is not None and compared.pairs and arm_of(row.arm) != BASELINE:
                    groups[compared.verdict].append(_named(row, compared))
            clauses = [
                f"{join(arms)} {PLURAL[verdict] if len(arms) > 1 else verdict} {control}"
                for verdict, arms in groups.items()
                if arms
            ]
            if clauses:
                said.append(f"{task}: {'; '.join(clauses)}.")
    return said


def _named(row: Row, compared: Difference) -> str:
    if compared.verdict == "cannot be told from":
        return row.arm
    value = interval(compared.value, sign=True, digits=DIGITS[row.metric])
    return f"{row.arm} ({value}, {compared.pairs} pairs)"


DIGITS = {"success": 2, "score": 1}
"""Decimals of a rate (0 to 1) and of a score (0 to 100)."""
