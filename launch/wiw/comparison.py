"""``wiw compare A B``: whether two rows really differ, on the same episodes and seeds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from wiw.pooling import Records, metric_of
from wiw.results import p_value, primary
from wiw.rows import ALPHA, DIGITS
from wiw.study import Study, load
from wiw.texts import interval, number
from wiw_core.contracts import Metric
from wiw_core.decisions import EpisodeResult
from wiw_core.errors import ErrorCode, WiwError, describe
from wiw_core.metrics import is_fault, score_spl, spl_actions, spl_metres, thinking_seconds
from wiw_core.records import EpisodeRecord, finished, read_episode, record_path
from wiw_core.statistics import Interval, holm, paired_bootstrap

Pair = tuple[EpisodeRecord, EpisodeRecord]


@dataclass(frozen=True)
class Side:
    """A row: its name, its study, and the records of one task."""

    name: str
    study: Study
    task: str
    records: Records

    @property
    def faults(self) -> dict[str, int]:
        """Its episodes that ended in a fault, by code."""
        ended = [r.result for r in self.records.values() if r.result is not None]
        return dict(sorted(Counter(describe(r.code) for r in ended if is_fault(r)).items()))


@dataclass(frozen=True)
class Line:
    """One measure: the means of both sides, and A minus B over the pairs that have it."""

    name: str
    a: float
    b: float
    difference: Interval
    pairs: int
    digits: int = 2


@dataclass(frozen=True)
class Comparison:
    """What can be said of two rows.

    Attributes
    ----------
    lines : tuple of Line
        The primary metric first.
    only_a, only_b, both, neither : int
        Pairs that were solved by one side alone, by both, by none.
    p, adjusted : float
        That there is no difference in the primary metric: McNemar's exact test of success, a
        sign-flip test of scores; and Holm's adjustment for all comparisons made at once.
    """

    a: Side
    b: Side
    metric: Metric
    lines: tuple[Line, ...]
    only_a: int
    only_b: int
    both: int
    neither: int
    p: float
    adjusted: float

    @property
    def pairs(self) -> int:
        """Episodes that neither side ended in a fault."""
        return self.only_a + self.only_b + self.both + self.neither

    @property
    def sentence(self) -> str:
        """Whether the difference is real, in one sentence."""
        main = self.lines[0]
        value = interval(main.difference, sign=True, digits=main.digits)
        shown = f"{self.adjusted:.3f}" if self.adjusted >= 0.001 else "below 0.001"
        where = f"{main.name} {value} on {self.pairs} pairs, p {shown}"
        if math.isnan(self.adjusted):
            return (
                f"{self.a.task}: nothing can be said of {self.a.name} and {self.b.name}: no pair."
            )
        if self.adjusted >= ALPHA:
            return f"{self.a.task}: {self.a.name} cannot be told from {self.b.name} ({where})."
        verb = "is better than" if main.difference.estimate > 0 else "is worse than"
        return f"{self.a.task}: {self.a.name} {verb} {self.b.name}, and it is real ({where})."


def compare(a: Path, b: Path, *, across: bool = False) -> list[Comparison]:
    """Compare two rows, each ``STUDY/TASK/ROW``, or every row that two studies have in common.

    Parameters
    ----------
    across : bool
        The environments may differ, as a robot and the simulator it is built on do; the episodes
        may not.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if they are not two of the same kind, or were not run on the same task,
        seed, split and environment; ``ENVIRONMENT_MISMATCH`` if an episode of the same name is not
        the same on both sides.
    """
    left, right = _sides(a), _sides(b)
    if len(left) == 1 == len(right) and not (_is_study(a) or _is_study(b)):
        matched = [(left[0], right[0])]
    elif _is_study(a) and _is_study(b):
        known = {(side.task, side.name): side for side in right}
        matched = [(s, known[s.task, s.name]) for s in left if (s.task, s.name) in known]
    else:
        raise _unpaired(f"'{a}' and '{b}' are not both rows, nor both studies")
    if not matched or a.resolve() == b.resolve():
        raise _unpaired(f"'{a}' and '{b}' have no two rows to compare")
    named = [_named(x, y) for x, y in matched]
    made = [_compare(x, y, across) for x, y in named]
    return [replace(c, adjusted=p) for c, p in zip(made, holm([c.p for c in made]))]


def _is_study(path: Path) -> bool:
    return (path / "run.json").is_file()


def _sides(path: Path) -> list[Side]:
    if _is_study(path):
        study = load(path)
        every = [(task, row) for task in study.settings.tasks for row in study.rows(task)]
        return [_side(study, *row) for row in every if (path / "/".join(row)).is_dir()]
    study = load(path.parent.parent)
    return [_side(study, path.parent.name, path.name)]


def _side(study: Study, task: str, row: str) -> Side:
    folder = study.folder / task / row
    if task not in study.settings.tasks or not folder.is_dir():
        known = [f"{t}/{r}" for t in study.settings.tasks for r in study.rows(t)]
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The study '{study.folder}' has no row '{task}/{row}'.",
            f"It has: {', '.join(known)}.",
        )
    known = study.episodes.get(task, [])
    done = set(finished(folder))
    return Side(
        row, study, task, {e: read_episode(record_path(folder, e)) for e in known if e in done}
    )


def _named(a: Side, b: Side) -> tuple[Side, Side]:
    """Tell rows of the same name apart by their studies."""
    if a.name != b.name:
        return a, b
    return (
        replace(a, name=f"{a.study.folder.name}/{a.name}"),
        replace(b, name=f"{b.study.folder.name}/{b.name}"),
    )


def _compare(a: Side, b: Side, across: bool) -> Comparison:
    _refuse_unpaired(a, b, across)
    common = sorted(a.records.keys() & b.records.keys())
    pairs = [(a.records[e], b.records[e]) for e in common]
    pairs = [(x, y) for x, y in pairs if not (_faulty(x) or _faulty(y))]
    solved = Counter((_success(x), _success(y)) for x, y in pairs)
    metric = metric_of(a.task)
    lines = tuple(_lines(pairs, metric))
    only_a, only_b = solved[True, False], solved[False, True]
    p = p_value([(_result(x), _result(y)) for x, y in pairs], metric)
    return Comparison(
        a, b, metric, lines, only_a, only_b, solved[True, True], solved[False, False], p, p
    )


def _refuse_unpaired(a: Side, b: Side, across: bool) -> None:
    mine, theirs = a.study.settings, b.study.settings
    wanted: list[tuple[str, object, object]] = [
        ("task", a.task, b.task),
        ("seed", mine.seed, theirs.seed),
        ("split", mine.split, theirs.split),
    ]
    if not across:
        wanted.append(("environment", mine.environment_of(a.task), theirs.environment_of(b.task)))
    for name, left, right in wanted:
        if left != right:
            raise _unpaired(f"the {name} of '{a.name}' is {left!r}, that of '{b.name}' {right!r}")
    common = a.records.keys() & b.records.keys()
    if not common:
        raise _unpaired(f"'{a.name}' and '{b.name}' have no episode of '{a.task}' in common")
    for episode_id in sorted(common):
        x, y = a.records[episode_id], b.records[episode_id]
        if x.episode != y.episode and not (_faulty(x) or _faulty(y)):
            raise WiwError(
                ErrorCode.ENVIRONMENT_MISMATCH,
                f"The episode '{episode_id}' of '{a.task}' is not the same on both sides.",
                "Run both with the same version of the episodes.",
            )


def _lines(pairs: list[Pair], metric: Metric) -> list[Line]:
    name = "answer score" if metric == "score" else "success"
    measures: list[tuple[str, int, Callable[[EpisodeRecord], float]]] = [
        (name, DIGITS[metric], lambda r: _primary(r, metric)),
        ("SPL in actions", 2, lambda r: spl_actions(_result(r))),
        ("SPL in metres", 2, lambda r: spl_metres(_result(r))),
        ("score SPL", 1, lambda r: score_spl(_result(r))),
        ("actions", 1, lambda r: float(_result(r).actions)),
        ("decisions", 1, lambda r: float(_result(r).decisions)),
        ("seconds per decision", 2, _seconds),
    ]
    lines = [_line(measure, pairs, digits, value) for measure, digits, value in measures]
    return [line for i, line in enumerate(lines) if i == 0 or line.pairs]


def _line(
    name: str, pairs: list[Pair], digits: int, value: Callable[[EpisodeRecord], float]
) -> Line:
    """Compare one measure; one that no pair has (SPL without a goal) has no pairs."""
    values = [(value(x), value(y)) for x, y in pairs]
    if all(math.isnan(x) and math.isnan(y) for x, y in values):
        return Line(name, math.nan, math.nan, Interval(math.nan, math.nan, math.nan), 0, digits)
    a, b = [x for x, _ in values], [y for _, y in values]
    return Line(name, sum(a) / len(a), sum(b) / len(b), paired_bootstrap(a, b), len(values), digits)


def rich_table(comparison: Comparison) -> Table:
    """Return a comparison for a terminal."""
    a, b = comparison.a, comparison.b
    title = f"{a.task}: {a.name} (A) and {b.name} (B), {comparison.pairs} pairs"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("mean of", "A", "B", "A - B, 95 % interval"):
        table.add_column(heading, justify="left" if heading == "mean of" else "right")
    for line in comparison.lines:
        table.add_row(
            line.name,
            number(line.a, line.digits),
            number(line.b, line.digits),
            interval(line.difference, sign=True, digits=line.digits),
        )
    table.add_row("faults", _faults(a), _faults(b), "")
    test = "McNemar, exact" if comparison.metric == "success" else "sign flips"
    table.add_row(
        f"solved by A alone {comparison.only_a}, by B alone {comparison.only_b}, by both"
        f" {comparison.both}, by none {comparison.neither}",
        "",
        "",
        f"p {number(comparison.p, 4)} ({test}), adjusted {number(comparison.adjusted, 4)}",
    )
    return table


def _faults(side: Side) -> str:
    codes = ", ".join(f"{count} x {code}" for code, count in side.faults.items())
    return f"{sum(side.faults.values())} of {len(side.records)}" + (f" ({codes})" if codes else "")


def _result(record: EpisodeRecord) -> EpisodeResult:
    assert record.result is not None  # complete records alone are read
    return record.result


def _faulty(record: EpisodeRecord) -> bool:
    return is_fault(_result(record))


def _success(record: EpisodeRecord) -> bool:
    return bool(_result(record).success)


def _primary(record: EpisodeRecord, metric: Metric) -> float:
    return primary(_result(record), metric)


def _seconds(record: EpisodeRecord) -> float:
    """Return the mean seconds of thinking per decision; NaN without a decision."""
    spent = [thinking_seconds(d.decision) for d in record.decisions]
    return sum(spent) / len(spent) if spent else math.nan


def _unpaired(reason: str) -> WiwError:
    return WiwError(
        ErrorCode.BAD_PARAMETER,
        f"These make no pairs: {reason}.",
        "Compare two rows STUDY/TASK/ARM of the same task, or two studies with the same rows.",
    )
