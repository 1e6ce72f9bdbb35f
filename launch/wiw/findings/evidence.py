"""All that a study has found, and how findings look at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw.arms import BASELINE
from wiw.findings.plan import Plan
from wiw.policies import parse
from wiw.pooling import Key, Records, metric_of
from wiw.results import plain, primary, tabulate
from wiw.rows import DIGITS, Row
from wiw.settings import AT
from wiw.texts import interval
from wiw_core.contracts import Metric
from wiw_core.metrics import is_fault
from wiw_core.statistics import Interval


@dataclass(frozen=True)
class Evidence:
    """All that a study has found.

    Attributes
    ----------
    runs : mapping
        The records of each sitting by its name, then by task and row.
    measures : mapping
        Of the checkpoints: by name, then by measure; empty where nothing has been measured.
    """

    plan: Plan
    runs: Mapping[str, Mapping[Key, Records]]
    measures: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)

    def records(self, *sittings: str) -> Mapping[Key, Records]:
        """Return the records of sittings by task and row, those left out that have none.

        Sittings of a plan have the same seed and episodes, so their rows make pairs.

        A row under the plan's own policy is called by its arm alone.
        """
        own = AT + parse(self.plan.policy).name
        return {
            (task, row.removesuffix(own)): mine
            for sitting in sittings
            for (task, row), mine in self.runs.get(sitting, {}).items()
            if mine
        }

    def rows(self, *sittings: str) -> dict[Key, Row]:
        """Return the table's rows of sittings by task and name."""
        return {(row.task, row.arm): row for row in tabulate(self.records(*sittings))}


def share(value: Interval, metric: Metric) -> Interval:
    """Return a success rate, or an answer score, as 0 to 1: plots have one scale."""
    scale = 0.01 if metric == "score" else 1.0
    return Interval(value.estimate * scale, value.low * scale, value.high * scale)


def cell(row: Row | None) -> str:
    """Return a row's primary metric with its interval, or a dash."""
    return interval(row.primary, digits=DIGITS[row.metric]) if row else "–"


def gain(row: Row | None) -> str:
    """Return a row's paired difference to the baseline, or a dash."""
    found = row.versus.get(BASELINE) if row else None
    return interval(found.value, sign=True, digits=DIGITS[row.metric]) if found and row else "–"


def matrix(task: str, records: Sequence[Records]) -> tuple[npt.NDArray[np.float64], int]:
    """Return success (or score / 100), (rows, episodes), and how many episodes were left out.

    Episodes that any row lacks, or ended in a fault, are left out of all.
    """
    metric = metric_of(task)
    common = sorted(set.intersection(*(set(mine) for mine in records))) if records else []
    kept = [e for e in common if not any(_faulty(mine, e) for mine in records)]
    every = {e for mine in records for e in mine}
    scale = 0.01 if metric == "score" else 1.0
    values = [[scale * _primary(mine, e, metric) for e in kept] for mine in records]
    return np.array(values, dtype=np.float64).reshape(len(records), len(kept)), len(every) - len(
        kept
    )


def numbers(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return rows as plain values."""
    return [
        {
            "task": row.task,
            "row": row.arm,
            "metric": row.metric,
            "n": row.summary.n,
            "faults": row.faults,
            "value": plain(vars(row.primary)),
            "versus": {
                control: plain({**vars(found), "value": vars(found.value)})
                for control, found in row.versus.items()
            },
        }
        for row in rows
    ]


def _faulty(mine: Records, episode: str) -> bool:
    result = mine[episode].result
    return result is None or is_fault(result)


def _primary(mine: Records, episode: str, metric: Metric) -> float:
    result = mine[episode].result
    assert result is not None  # a faulty one has been left out
    return primary(result, metric)
