"""The columns of the table: what they are called, what they mean, and how a row fills them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table

from wiw.arms import BASELINE
from wiw.rows import DIGITS, Row, by_task
from wiw.texts import NONE, interval, number
from wiw_core.statistics import Percentiles

NOTE = (
    "The primary metric and its paired difference to 'none', with 95 % intervals;"
    " seconds and frames as p50/p95. 'Beats': p below 0.05 (McNemar's exact test, sign flips for"
    " scores), not adjusted for the number of rows."
)


@dataclass(frozen=True)
class Column:
    """A column; ``text`` explains it, ``cost``: it says what a row took, not what came of it."""

    heading: str
    text: str
    cell: Callable[[Row], str]
    cost: bool = False


def _versus(row: Row) -> str:
    found = row.versus.get(BASELINE)
    return interval(found.value, sign=True, digits=DIGITS[row.metric]) if found else ""


def _percentiles(value: Percentiles, digits: int) -> str:
    return f"{number(value.p50, digits)}/{number(value.p95, digits)}"


COLUMNS = (
    Column("arm", "world model, and @policy where it is not the task's", lambda r: r.arm),
    Column("n", "episodes, faults included", lambda r: str(r.summary.n)),
    Column("faults", "episodes that ended in a fault", lambda r: str(r.faults)),
    Column(
        "success",
        "rate over the episodes without a fault, Wilson interval",
        lambda r: interval(r.summary.success),
    ),
    Column(
        "score",
        "answer score, 0 to 100, with its t interval",
        lambda r: interval(r.summary.score, digits=1),
    ),
    Column(
        "vs none",
        "paired difference of the primary metric to the arm 'none' of the same policy, bootstrap",
        _versus,
    ),
    Column(
        "SPL act.",
        "success weighted by path length, in actions",
        lambda r: number(r.summary.spl_actions.estimate),
    ),
    Column(
        "SPL m",
        "success weighted by path length, in metres",
        lambda r: number(r.summary.spl_metres.estimate),
    ),
    Column(
        "score SPL",
        "answer score weighted by path length, in metres",
        lambda r: number(r.summary.score_spl.estimate, 1),
    ),
    Column("actions", "mean actions", lambda r: number(r.summary.actions.estimate, 1), cost=True),
    Column(
        "decisions", "mean decisions", lambda r: number(r.summary.decisions.estimate, 1), cost=True
    ),
    Column("coll.", "mean collisions", lambda r: _if_any(r.summary.collisions.estimate), cost=True),
    Column(
        "failed",
        "mean actions that could not be executed",
        lambda r: _if_any(r.summary.failures.estimate),
        cost=True,
    ),
    Column(
        "s/dec.",
        "seconds of thinking per decision, p50/p95",
        lambda r: _percentiles(r.summary.seconds, 2),
        cost=True,
    ),
    Column(
        "frames/dec.",
        "frames imagined per decision, p50/p95",
        lambda r: _percentiles(r.summary.frames, 0),
        cost=True,
    ),
)
HEADINGS = tuple(column.heading for column in COLUMNS)
OUTCOMES = sum(not column.cost for column in COLUMNS)
"""The first columns say what came of it, the others what it took."""
WIDE = 155
"""Columns of the terminal that the whole table needs."""
_EMPTY = {"", NONE, f"{NONE}/{NONE}"}
_OPTIONAL = {"score", "vs none", "SPL act.", "SPL m", "score SPL", "coll.", "failed"}


def _if_any(value: float) -> str:
    return number(value, 1) if value else NONE


def cells(row: Row) -> list[str]:
    """Return a row as text, under :data:`HEADINGS`."""
    return [column.cell(row) for column in COLUMNS]


def shown(rows: Iterable[Row]) -> list[int]:
    """Return the indices of the columns that say something of these rows.

    What does not apply to a task (SPL without a goal place, scores without open answers) or never
    happened (collisions, failed actions) is left out.
    """
    texts = [cells(row) for row in rows]
    return [
        i
        for i, heading in enumerate(HEADINGS)
        if heading not in _OPTIONAL or any(text[i] not in _EMPTY for text in texts)
    ]


def rich_tables(rows: Iterable[Row], width: int) -> list[Table]:
    """Return a table per task for a terminal of this many columns; two where one is too wide."""
    made = []
    for task, mine in by_task(rows).items():
        every = shown(mine)
        parts: list[Sequence[int]] = [every]
        if width < WIDE:
            parts = [[i for i in every if i < OUTCOMES], [0, *(i for i in every if i >= OUTCOMES)]]
        graded = any(row.difficulty for row in mine)
        for columns in parts:
            table = Table(title=task, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
            for i in columns:
                table.add_column(HEADINGS[i], justify="right" if i else "left", no_wrap=True)
                if graded and not i:
                    table.add_column("difficulty", no_wrap=True)
            for row in mine:
                text = cells(row)
                first, *rest = (text[i] for i in columns)
                table.add_row(first, *([row.difficulty] if graded else []), *rest)
            made.append(table)
    return made
