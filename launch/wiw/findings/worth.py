"""Findings (a) and (b): does a world model help, and does training it help?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from wiw.arms import BASELINE
from wiw.findings import plots
from wiw.findings.claims import Claim, Finding, Table, adjusted, better, missing
from wiw.findings.evidence import Evidence, cell, gain, numbers
from wiw.findings.sittings import TASKS, TRAINING
from wiw.pooling import metric_of
from wiw.rows import DIGITS, Difference, Row
from wiw.texts import interval, number

COPY, ORACLE = "copy", "oracle"
A = "In all of its tasks a world model in the loop beats the same policy without one."
B = "Post-training on few clips of actions beats the model as it came, and larger ones."


def helps(evidence: Evidence) -> Finding:
    """Return finding (a): each model against no world model, per task."""
    records, rows = evidence.records(TASKS), evidence.rows(TASKS)
    models = [text.partition("=")[0] for text in evidence.plan.models]
    tried: list[tuple[Claim, Difference]] = []
    untried, lines = [], []
    for task in evidence.plan.episodes:
        found = [(task, name) for name in models if (task, name) in rows]
        if not found or (task, BASELINE) not in rows:
            untried.append(missing(f"A world model beats none in {task}", "no row of it"))
        for key in found if (task, BASELINE) in rows else ():
            base = records[task, BASELINE]
            text = f"{key[1]} beats no world model in {task}"
            tried.append(better(text, records[key], base, metric_of(task)))
            lines.append(_line(rows, key))
    headings = (
        "task, model",
        "n",
        "none",
        "copy",
        "model",
        "oracle",
        "model - none",
        "share of gain",
    )
    caption = (
        "Success rate, or answer score for aeqa, with 95 % intervals; the paired difference; and"
        " which share of the oracle's gain over 'none' the model has."
    )
    return Finding(
        "a",
        "Does a world model in the loop help?",
        A,
        (*adjusted(tried), *untried),
        (Table(caption, headings, lines),),
        (plots.by_task(rows.values(), (BASELINE, COPY, *models, ORACLE)),) if lines else (),
        numbers={"rows": numbers(rows.values())},
    )


def training(evidence: Evidence) -> Finding:
    """Return finding (b): trained models against untrained and geometry-free ones."""
    records, rows = evidence.records(TASKS, TRAINING), evidence.rows(TASKS, TRAINING)
    tried: list[tuple[Claim, Difference]] = []
    untried, lines, drawn = [], [], []
    notes: list[str] = []
    for texts in evidence.plan.against:
        mine, other = (text.partition("=")[0] for text in texts)
        tasks = [t for t in evidence.plan.episodes if (t, mine) in rows and (t, other) in rows]
        if not tasks:
            untried.append(missing(f"{mine} beats {other}", "no task has both"))
        for task in tasks:
            metric = metric_of(task)
            text = f"{mine} beats {other} in {task}"
            notes += _left_out(task, (rows[task, mine], rows[task, other]))
            claim, found = better(text, records[task, mine], records[task, other], metric)
            tried.append((claim, found))
            drawn.append((task, f"{mine} / {other}", found))
            value = interval(found.value, sign=True, digits=DIGITS[metric])
            lines.append(
                (
                    f"{task}: {mine} / {other}",
                    str(found.pairs),
                    cell(rows.get((task, BASELINE))),
                    cell(rows[task, other]),
                    cell(rows[task, mine]),
                    value,
                )
            )
    headings = ("pair", "n", "none", "the second", "the first", "difference")
    caption = "Success rate, or answer score, with 95 % intervals, and the paired difference."
    return Finding(
        "b",
        "Does training the model help?",
        B,
        (*adjusted(tried), *untried),
        (Table(caption, headings, lines),),
        (plots.pairs(drawn),) if drawn else (),
        notes=tuple(dict.fromkeys(notes)),
    )


def _left_out(task: str, pair: Iterable[Row]) -> Iterator[str]:
    """Say which rows had faults: those episodes are no failures, and make no pairs."""
    for row in pair:
        if row.faults:
            yield (
                f"{row.faults} of {row.summary.n} episodes of {row.arm} in {task} ended in a fault"
                f" ({', '.join(row.summary.faults)}) and are left out of its pairs."
            )


def _line(rows: Mapping[tuple[str, str], Row], key: tuple[str, str]) -> tuple[str, ...]:
    task, name = key
    row = rows[key]
    return (
        f"{task}, {name}",
        str(row.summary.n),
        cell(rows.get((task, BASELINE))),
        cell(rows.get((task, COPY))),
        cell(row),
        cell(rows.get((task, ORACLE))),
        gain(row),
        number(_gained(rows, key)),
    )


def _gained(rows: Mapping[tuple[str, str], Row], key: tuple[str, str]) -> float:
    """Return the share of the oracle's gain; NaN where the oracle gains nothing."""
    oracle = rows.get((key[0], ORACLE))
    most = oracle.versus[BASELINE].value.estimate if oracle and oracle.versus else math.nan
    if not most > 0:
        return math.nan
    return rows[key].versus[BASELINE].value.estimate / most
