"""The rows of a study: one per task and arm, paired with the arm without a world model."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from wiw.columns import HEADINGS, NOTE, OUTCOMES, WIDE, cells, rich_tables, shown
from wiw.files import write_json, write_text
from wiw.pooling import Key, Records, by_difficulty, metric_of, pool
from wiw.rows import CONTROLS, Difference, Row, by_task, sentences
from wiw.settings import sibling
from wiw.study import Study
from wiw.texts import interval, number
from wiw_core.contracts import Metric
from wiw_core.decisions import EpisodeResult
from wiw_core.metrics import answer_score, is_fault, summarise_records
from wiw_core.records import EpisodeRecord, finished, read_episode, record_path
from wiw_core.statistics import mcnemar, paired_bootstrap, sign_flip

__all__ = [
    "CONTROLS",
    "HEADINGS",
    "NOTE",
    "OUTCOMES",
    "WIDE",
    "Difference",
    "Records",
    "Row",
    "Table",
    "by_task",
    "cells",
    "interval",
    "number",
    "plain",
    "rich_tables",
    "sentences",
    "shown",
    "tables",
    "tabulate",
    "write",
]
SCHEMA = 2


@dataclass(frozen=True)
class Table:
    """All rows of a study.

    Attributes
    ----------
    rows : list of Row
        One per task and arm.
    pooled : list of Row
        The tasks of a family together, where there is more than one; ``task`` is the family.
    levels : list of Row
        One per task, arm and difficulty.
    """

    rows: list[Row]
    pooled: list[Row]
    levels: list[Row]


def tables(records: Mapping[Key, Records]) -> Table:
    """Return every row of the records of :func:`read_records`."""
    levels = [
        row
        for level, mine in by_difficulty(records).items()
        for row in tabulate(mine, difficulty=level)
    ]
    order = {key: number for number, key in enumerate(records)}
    levels.sort(key=lambda row: order[row.task, row.arm])
    return Table(tabulate(records), tabulate(pool(records)), levels)


def read_records(study: Study) -> dict[Key, Records]:
    """Return the complete records of a study by task and row."""
    found = {}
    for task in study.settings.tasks:
        for row in study.rows(task):
            folder = study.folder / task / row
            done = set(finished(folder))
            found[task, row] = {
                episode_id: read_episode(record_path(folder, episode_id))
                for episode_id in study.episodes.get(task, [])
                if episode_id in done
            }
    return found


def tabulate(records: Mapping[Key, Records], difficulty: str = "") -> list[Row]:
    """Return the rows, in the order of ``records``."""
    rows = []
    for (task, arm), mine in records.items():
        metric = metric_of(task)
        versus = {
            control: difference(mine, records[task, sibling(arm, control)], metric)
            for control in CONTROLS
            if sibling(arm, control) != arm and (task, sibling(arm, control)) in records
        }
        rows.append(Row(task, arm, summarise_records(mine.values()), versus, metric, difficulty))
    return rows


def difference(mine: Records, others: Records, metric: Metric) -> Difference:
    """Return the paired difference over the episodes that neither side ended in a fault."""
    found = pairs(mine, others)
    interval = paired_bootstrap(
        [primary(a, metric) for a, _ in found], [primary(b, metric) for _, b in found]
    )
    return Difference(interval, len(found), p_value(found, metric))


def p_value(found: Sequence[tuple[EpisodeResult, EpisodeResult]], metric: Metric) -> float:
    """Return the two-sided p that pairs do not differ; NaN without pairs.

    McNemar's exact test for success, a sign-flip test for scores.
    """
    if metric == "score":
        return sign_flip([a.score - b.score for a, b in found])
    first = sum(a.success and not b.success for a, b in found)
    second = sum(b.success and not a.success for a, b in found)
    return mcnemar(first, second) if found else math.nan


def pairs(mine: Records, others: Records) -> list[tuple[EpisodeResult, EpisodeResult]]:
    """Return the results of the episodes that neither side ended in a fault, by episode id."""
    # Sorted: the bootstrap's answer depends on their order.
    both = [(_result(mine[e]), _result(others[e])) for e in sorted(mine.keys() & others.keys())]
    return [(a, b) for a, b in both if not is_fault(a) and not is_fault(b)]


def primary(result: EpisodeResult, metric: Metric) -> float:
    """Return what an episode is compared by: success (0 or 1), or the answer's score (0 to 100)."""
    return answer_score(result) if metric == "score" else float(result.success)


def _result(record: EpisodeRecord) -> EpisodeResult:
    if record.result is None:
        raise ValueError("an episode record without a result cannot be compared")
    return record.result


def markdown(rows: Iterable[Row]) -> str:
    """Return the tables as Markdown."""
    parts = []
    for task, mine in by_task(rows).items():
        keep = shown(mine)
        lines = [HEADINGS, ["---"] * len(HEADINGS), *(cells(row) for row in mine)]
        table = "\n".join(f"| {' | '.join(line[i] for i in keep)} |" for line in lines)
        parts.append(f"## {task}\n\n{table}\n\n{' '.join(sentences(mine))}\n")
    return f"{NOTE}\n\n" + "\n".join(parts)


def write(study: Study, every: Table) -> None:
    """Write ``results.json``, ``results.csv`` and ``results.md`` beside the records."""
    write_json(
        study.folder / "results.json",
        {
            "schema": SCHEMA,
            "rows": [_plain_row(row, study) for row in every.rows],
            "pooled": [_plain_row(row, study) for row in every.pooled],
            "by_difficulty": [_plain_row(row, study) for row in every.levels],
            "left_out": study.left_out(),
        },
    )
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("task", "difficulty", *HEADINGS))
    for row in (*every.rows, *every.pooled, *every.levels):
        table.writerow((row.task, row.difficulty, *cells(row)))
    write_text(study.folder / "results.csv", text.getvalue())
    write_text(study.folder / "results.md", markdown([*every.rows, *every.pooled]))


def _plain_row(row: Row, study: Study) -> dict[str, Any]:
    fields: dict[str, Any] = plain(asdict(row))
    return {**fields, "text": study.settings.arm_of(row.arm).text}


def plain(value: Any) -> Any:
    """Return plain JSON values, with null for not-a-number."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
