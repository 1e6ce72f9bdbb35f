"""Finding (e): does success follow controllability, or looks?"""

from __future__ import annotations

import math

from wiw.findings import plots
from wiw.findings.claims import Claim, Finding, Table, missing, positive
from wiw.findings.correlation import LEAST, Correlation, advantage, correlate
from wiw.findings.evidence import Evidence, cell, matrix, numbers
from wiw.findings.plan import Checkpoint
from wiw.findings.sittings import CHECKPOINTS
from wiw.results import plain
from wiw.texts import interval
from wiw_core.statistics import Interval

E = (
    "Success follows controllability (its 1 - LPIPS to the true frames) and hardly follows visual"
    " quality (aesthetic and technical scores without reference)."
)


def control(evidence: Evidence) -> Finding:
    """Return finding (e): success over checkpoints against each measure of them."""
    plan, rows = evidence.plan, evidence.rows(CHECKPOINTS)
    words = {**plan.controllability, **plan.quality}
    made: list[Claim] = []
    tables, drawn = [], []
    plain_numbers = []
    left_out = 0
    for task in plan.checkpoint_episodes:
        kept = [c for c in plan.checkpoints if (task, c.name) in rows]
        if not kept:
            made.append(missing(f"Success in {task} follows controllability", "no checkpoint"))
            continue
        success, out = matrix(task, [evidence.records(CHECKPOINTS)[task, c.name] for c in kept])
        left_out += out
        found: dict[str, tuple[list[float], Correlation]] = {}
        for name, what in words.items():
            values = [_measure(evidence, c, name) for c in kept]
            if success.shape[1] and all(map(math.isfinite, values)):
                found[name] = values, correlate(values, success, plan.seed)
                points = [
                    (c.series, value, rows[task, c.name].primary) for c, value in zip(kept, values)
                ]
                drawn.append(plots.scatter(task, what, points, found[name][1]))
        made += _claims(task, evidence, found, success)
        tables += [_checkpoints(task, evidence, kept), _coefficients(task, words, found)]
        plain_numbers.append(
            {
                "task": task,
                "checkpoints": [c.name for c in kept],
                "measures": {n: v for n, (v, _) in found.items()},
                "correlations": {
                    n: plain(
                        {
                            "pearson": vars(c.pearson),
                            "spearman": vars(c.spearman),
                            "n": c.n,
                            "undefined": c.undefined,
                        }
                    )
                    for n, (_, c) in found.items()
                },
            }
        )
    notes = [
        "Intervals draw checkpoints and episodes with replacement; checkpoints of one training are"
        " alike, so they say less than their number.",
    ]
    if left_out:
        notes.append(f"{left_out} episodes with a fault in any row are left out of all rows.")
    return Finding(
        "e",
        "Does success follow controllability, or looks?",
        E,
        tuple(made),
        tuple(tables),
        tuple(drawn),
        tuple(notes),
        {"tasks": plain_numbers, "rows": numbers(rows.values())},
    )


def _measure(evidence: Evidence, checkpoint: Checkpoint, name: str) -> float:
    found = evidence.measures.get(checkpoint.name, {}).get(name)
    return found.estimate if found else math.nan


def _claims(
    task: str,
    evidence: Evidence,
    found: dict[str, tuple[list[float], Correlation]],
    success: object,
) -> list[Claim]:
    plan, made = evidence.plan, []
    for name, what in plan.controllability.items():
        text = f"Success in {task} follows {what}"
        if name not in found:
            made.append(missing(text, "not measured for every checkpoint"))
            continue
        values, correlation = found[name]
        if correlation.n < LEAST:
            made.append(missing(text, f"{correlation.n} checkpoints"))
            continue
        made.append(positive(text, correlation.spearman, "Spearman"))
        for other, looks in plan.quality.items():
            if other in found:
                more = advantage(values, found[other][0], success, plan.seed)  # type: ignore[arg-type]
                text = f"Success in {task} follows {what} more closely than {looks}"
                made.append(positive(text, more, "difference of Spearman's"))
    return made


def _checkpoints(task: str, evidence: Evidence, kept: list[Checkpoint]) -> Table:
    rows, names = (
        evidence.rows(CHECKPOINTS),
        (
            *evidence.plan.controllability,
            *evidence.plan.quality,
        ),
    )
    lines = []
    for checkpoint in kept:
        measured = evidence.measures.get(checkpoint.name, {})
        nothing = Interval(math.nan, math.nan, math.nan)
        lines.append(
            (
                checkpoint.name,
                str(rows[task, checkpoint.name].summary.n),
                cell(rows[task, checkpoint.name]),
                *(interval(measured.get(name, nothing)) for name in names),
            )
        )
    headings = ("checkpoint", "n", "success", *names)
    return Table(f"{task}: every checkpoint, with 95 % intervals.", headings, lines)


def _coefficients(
    task: str, words: dict[str, str], found: dict[str, tuple[list[float], Correlation]]
) -> Table:
    lines = [
        (name, what, str(found[name][1].n), *_both(found[name][1]))
        if name in found
        else (name, what, "0", "–", "–")
        for name, what in words.items()
    ]
    headings = ("measure", "what it is", "checkpoints", "Pearson", "Spearman")
    return Table(f"{task}: correlation of success with each measure.", headings, lines)


def _both(correlation: Correlation) -> tuple[str, str]:
    return interval(correlation.pearson, sign=True), interval(correlation.spearman, sign=True)
