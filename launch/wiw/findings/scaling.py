"""Findings (c) and (d): more training data, and more thinking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wiw.arms import BASELINE
from wiw.findings import plots, sittings
from wiw.findings.claims import Claim, Finding, Table, adjusted, better, missing
from wiw.findings.evidence import Evidence, cell, numbers
from wiw.findings.plan import Checkpoint, Thinking
from wiw.findings.sittings import CHECKPOINTS
from wiw.pooling import Key, Records, metric_of
from wiw.rows import Difference, Row
from wiw.texts import number
from wiw_core.statistics import Interval

C = "Success grows with the number of clips trained on, from 400 to 80,000."
D = "Success grows with the number of imagined futures per episode."

Level = tuple[float, str]
"""A number on the axis, and the row that stands for it."""


def data(evidence: Evidence) -> Finding:
    """Return finding (c): success against scenes trained on."""
    rows, records = evidence.rows(CHECKPOINTS), evidence.records(CHECKPOINTS)
    tried: list[tuple[Claim, Difference]] = []
    untried, tables, drawn = [], [], []
    series = _series(evidence.plan.checkpoints)
    if not series:
        untried.append(missing("Success grows with more scenes", "no checkpoints of several sizes"))
    for name, checkpoints in series.items():
        for task in evidence.plan.checkpoint_episodes:
            levels = [(float(c.scenes), c.name) for c in checkpoints if (task, c.name) in rows]
            text = f"{name} succeeds more often in {task}"
            if len(levels) < 2:
                if any((task, c.name) in rows for c in evidence.plan.checkpoints):
                    continue  # another model's task
                untried.append(missing(f"{text} with more scenes", "fewer than two sizes"))
                continue
            tried.append(_ends(text, "trained on {:g} scenes", levels, records, task))
            table, plot = _shown(name, "scenes trained on", task, levels, rows)
            tables.append(table)
            drawn.append(plot)
    return Finding(
        "c",
        "Does more training data help?",
        C,
        (*adjusted(tried), *untried),
        tuple(tables),
        tuple(drawn),
        notes=(
            "All sizes of a series have the same number of steps, seed and held-out scenes; the"
            " scenes of a smaller one are among those of a larger one.",
        ),
        numbers={"rows": numbers(rows.values())},
    )


def thinking(evidence: Evidence) -> Finding:
    """Return finding (d): success against plans per decision, and against decisions that ask."""
    tried: list[tuple[Claim, Difference]] = []
    untried, tables, drawn = [], [], []
    rows: list[Row] = []
    for part in evidence.plan.thinking:
        sitting = sittings.thinking_name(part)
        known, records = evidence.rows(sitting), evidence.records(sitting)
        rows += known.values()
        plans, shares = _levels(evidence, part)
        arm = part.arm.partition("=")[0]
        for what, form, levels in (
            ("plans weighed per decision", "at M = {:g}", plans),
            ("share of decisions that ask the model", "asked in {:.0%} of decisions", shares),
        ):
            found = [level for level in levels if (part.task, level[1]) in known]
            text = f"{arm} succeeds more often in {part.task}"
            if len(found) < 2:
                untried.append(missing(f"{text} with more {what}", "fewer than two levels"))
                continue
            tried.append(_ends(text, form, found, records, part.task))
            if levels is plans and found[-1][0] > _own(part):
                above = [level for level in found if level[0] >= _own(part)]
                tried.append(_ends(text, form, above, records, part.task))
            table, plot = _shown(arm, what, part.task, found, known)
            tables.append(table)
            drawn.append(plot)
    return Finding(
        "d",
        "Does more thinking help?",
        D,
        (*adjusted(tried), *untried),
        tuple(tables),
        tuple(drawn),
        notes=(
            "With one plan there is nothing to choose, and with a share of 0 nothing is imagined:"
            " both are the policy without a world model. Decisions that ask are drawn by seed,"
            " those of a smaller share are among those of a greater one.",
        ),
        numbers={"rows": numbers(rows)},
    )


def _own(part: Thinking) -> int:
    return sittings.own_candidates(part.task)


def _levels(evidence: Evidence, part: Thinking) -> tuple[list[Level], list[Level]]:
    """Return the rows by number of plans, and by share of decisions, ascending."""
    own = _own(part)
    every = {
        key: sittings.row_of(evidence.plan, part.arm, policy)
        for key, policy in sittings.variants(evidence.plan, part).items()
    }
    plans = sorted((float(count), row) for (count, share), row in every.items() if share == 1.0)
    shares = sorted((share, row) for (count, share), row in every.items() if count == own)
    return plans, shares


def _series(checkpoints: Sequence[Checkpoint]) -> dict[str, list[Checkpoint]]:
    """Return the checkpoints that differ in scenes alone, by what they share, ascending."""
    found: dict[tuple[object, ...], list[Checkpoint]] = {}
    for checkpoint in checkpoints:
        if checkpoint.scenes:
            rest = {k: v for k, v in checkpoint.set.items() if k != "train_scenes"}
            key = (checkpoint.series, checkpoint.train, str(sorted(rest.items())), checkpoint.step)
            found.setdefault(key, []).append(checkpoint)
    named: dict[str, list[Checkpoint]] = {}
    for members in found.values():
        if len(members) == 1:
            continue  # of one size
        name = members[0].series
        named[name if name not in named else f"{name} ({members[0].training})"] = sorted(
            members, key=lambda c: c.scenes
        )
    return named


def _ends(
    text: str, form: str, levels: Sequence[Level], records: Mapping[Key, Records], task: str
) -> tuple[Claim, Difference]:
    """Return the claim that the greatest level beats the smallest."""
    (low, first), (high, last) = levels[0], levels[-1]
    said = f"{text} {form.format(high)} than {form.format(low)}"
    return better(said, records[task, last], records[task, first], metric_of(task))


def _shown(
    name: str, what: str, task: str, levels: Sequence[Level], rows: Mapping[Key, Row]
) -> tuple[Table, plots.Drawing]:
    lines = [
        (
            f"{x:g}",
            str(rows[task, row].summary.n),
            cell(rows[task, row]),
            number(rows[task, row].summary.frames.mean, 1),
            number(rows[task, row].summary.seconds.mean),
        )
        for x, row in levels
    ]
    caption = f"{task}, {name}: success against {what}, with 95 % intervals."
    headings = (what, "n", "success", "frames per decision (mean)", "seconds per decision (mean)")
    bounds = {n: rows[task, n].primary for n in (BASELINE, "oracle") if (task, n) in rows}
    points: list[tuple[float, Interval]] = [(x, rows[task, row].primary) for x, row in levels]
    return Table(caption, headings, lines), plots.curve(name, what, task, points, bounds)
