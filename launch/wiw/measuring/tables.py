"""The numbers of a measurement as tables, for the terminal and the page alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from wiw import texts
from wiw.report import words
from wiw_learn.measure import Report, Row
from wiw_learn.measure.intervals import Estimate
from wiw_learn.measure.metrics import METRICS
from wiw_learn.measure.report import SECONDS

GROUPS = {
    "likeness": "How like the truth",
    "control": "How far the frames follow the actions",
    "trust": "How far its confidence can be trusted",
}
COUNT = "n / scenes"
UNAVAILABLE = "unavailable"
WHOLLY = ("calibration_error", "confidence_rank", "value_rank")
"""Metrics over all cases together: they have no difference case by case."""


@dataclass(frozen=True)
class Grid:
    """A table as text, one column of labels first."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def grids(report: Report) -> list[Grid]:
    """Return one table per group of metrics, and that of the seconds: a row for each metric."""
    rows = list(report.rows.values())
    found = []
    for group, title in GROUPS.items():
        names = [name for name in report.shown() if METRICS[name].group == group]
        if names:
            cells = [
                [
                    label(name),
                    _count([row.estimate(name, report.settings.seed) for row in rows]),
                    *(_cell(report, row, name) for row in rows),
                ]
                for name in names
            ]
            found.append(Grid(title, ("metric", COUNT, *(row.name for row in rows)), cells))
    timed = [row for row in rows if not row.of]
    cells = [
        [f"{METRICS[name].title}, p50 / p95", *(_seconds(row, name) for row in timed)]
        for name in SECONDS
    ]
    return [*found, Grid("What it costs", ("seconds", *(row.name for row in timed)), cells)]


def differences(report: Report) -> list[Grid]:
    """Return the paired differences: a table for each model, a column for each it is compared to.

    A model that comes later is compared in the table of the earlier one.
    """
    others: dict[str, list[str]] = {}
    for a, b in report.pairs():
        others.setdefault(a, []).append(b)
    return [_differences(report, model, against) for model, against in others.items()]


def _differences(report: Report, model: str, against: Sequence[str]) -> Grid:
    rows = []
    for name in report.shown():
        if name in WHOLLY or name in report.unavailable:
            continue
        gaps = [report.difference(model, other, name) for other in against]
        if any(gap.n for gap in gaps):
            shown = (_estimate(gap, name, sign=True) for gap in gaps)
            rows.append([label(name), _count(gaps), *shown])
    headings = ("metric", COUNT, *(f"− {other}" for other in against))
    return Grid(f"Paired differences: '{model}' minus another, case by case", headings, rows)


def label(name: str) -> str:
    """Return a metric with its unit and, where there is one, the better direction."""
    metric = METRICS[name]
    unit = f", {metric.unit}" if metric.unit else ""
    arrow = {True: " ↑", False: " ↓", None: ""}[metric.higher_is_better]
    return f"{metric.title}{unit}{arrow}"


def rich_table(grid: Grid) -> Table:
    """Return the table for a terminal."""
    table = Table(title=grid.title, title_justify="left", title_style="bold", box=None)
    for k, heading in enumerate(grid.headings):
        table.add_column(heading, justify="left" if k == 0 else "right", overflow="fold")
    for row in grid.rows:
        table.add_row(*row)
    return table


def sentences(report: Report) -> list[str]:
    """Return what the numbers say, in sentences that an interval chose."""
    said = []
    for name, row in report.rows.items():
        if row.control:
            continue
        controls = [r for r in report.rows.values() if r.control and r.of in ("", name)]
        for control in controls:
            gap = report.difference(name, control.name, "action_choice")
            if not gap.n:
                continue
            low, high = gap.value.low, gap.value.high
            verdict = (
                "follows the actions better than"
                if low > 0
                else "follows the actions worse than"
                if high < 0
                else "is not shown to follow the actions better than"
            )
            shown = texts.interval(gap.value, sign=True)
            said.append(
                f"'{name}' {verdict} '{control.name}': it picks the executed plan of"
                f" {report.settings.plans} more often by {shown} ({gap.n} cases of {gap.scenes}"
                " scenes)."
            )
    return said


def _cell(report: Report, row: Row, name: str) -> str:
    if name in report.unavailable:
        return UNAVAILABLE
    return _estimate(row.estimate(name, report.settings.seed), name)


def _count(estimates: Sequence[Estimate]) -> str:
    """Return on how much the best measured of them rests."""
    most = max(estimates, key=lambda estimate: estimate.n)
    return f"{most.n} / {most.scenes}" if most.n else texts.NONE


def _estimate(estimate: Estimate, name: str, *, sign: bool = False) -> str:
    if not estimate.n:
        return texts.NONE
    digits = METRICS[name].digits
    if math.isnan(estimate.value.low):  # one scene: no interval
        return f"{estimate.value.estimate:{'+' if sign else ''}.{digits}f}"
    return texts.interval(estimate.value, sign=sign, digits=digits)


def _seconds(row: Row, name: str) -> str:
    found = row.seconds(name)
    return f"{words.seconds(found.p50)} / {words.seconds(found.p95)}"
