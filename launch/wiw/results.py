"""The table of a study: one row per task and arm, paired with the arm without a world model."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from wiw.arms import BASELINE, get_arm
from wiw.study import Study, write_json
from wiw_core.metrics import Summary, is_fault, summarise_records
from wiw_core.records import EpisodeRecord, finished, read_episode, record_path
from wiw_core.statistics import Interval, paired_bootstrap

CONTROLS = (BASELINE, "copy")
"""Arms that the others are paired with."""
NOTE = "Success, and success against 'none', with 95 % intervals; seconds and frames as p50/p95."
Records = dict[str, EpisodeRecord]
"""By episode id, in evaluation order."""


@dataclass(frozen=True)
class Difference:
    """Success minus a control's on the same ``pairs`` episodes, where neither ended in a fault."""

    success: Interval
    pairs: int

    @property
    def verdict(self) -> str:
        """What the interval says: "beats", "does worse than" or "cannot be told from"."""
        if self.success.low > 0:
            return "beats"
        return "does worse than" if self.success.high < 0 else "cannot be told from"


@dataclass(frozen=True)
class Row:
    """One arm of one task.

    Attributes
    ----------
    versus : dict of Difference
        Against each arm of :data:`CONTROLS` that was run.
    """

    task: str
    arm: str
    summary: Summary
    versus: dict[str, Difference]

    @property
    def faults(self) -> int:
        """Episodes that ended in a fault."""
        return sum(self.summary.faults.values())


def read_records(study: Study) -> dict[tuple[str, str], Records]:
    """Return the complete records of a study by task and arm."""
    found = {}
    for task in study.settings.tasks:
        for arm in study.settings.arms:
            folder = study.folder / task / arm
            done = set(finished(folder))
            found[task, arm] = {
                episode_id: read_episode(record_path(folder, episode_id))
                for episode_id in study.episodes.get(task, [])
                if episode_id in done
            }
    return found


def tabulate(records: Mapping[tuple[str, str], Records]) -> list[Row]:
    """Return the rows, in the order of ``records``."""
    return [
        Row(
            task,
            arm,
            summarise_records(mine.values()),
            {
                control: _difference(mine, records[task, control])
                for control in CONTROLS
                if control != arm and (task, control) in records
            },
        )
        for (task, arm), mine in records.items()
    ]


def _difference(mine: Records, control: Records) -> Difference:
    verdicts = []
    for episode_id in mine.keys() & control.keys():
        a, b = mine[episode_id].result, control[episode_id].result
        if a is not None and b is not None and not is_fault(a) and not is_fault(b):
            verdicts.append((episode_id, float(a.success), float(b.success)))
    verdicts.sort()  # the bootstrap's answer depends on their order
    interval = paired_bootstrap([a for _, a, _ in verdicts], [b for _, _, b in verdicts])
    return Difference(interval, len(verdicts))


HEADINGS = (
    "arm",
    "n",
    "faults",
    "success",
    "vs none",
    "SPL act.",
    "SPL m",
    "actions",
    "decisions",
    "s/dec.",
    "frames/dec.",
)

OUTCOMES = HEADINGS.index("SPL m") + 1
"""The first columns say what came of it, the others what it took."""
WIDE = 125
"""Columns that the whole table needs."""


def cells(row: Row) -> list[str]:
    """Return a row as text, under :data:`HEADINGS`."""
    summary = row.summary
    return [
        row.arm,
        str(summary.n),
        str(row.faults),
        interval(summary.success),
        interval(row.versus[BASELINE].success, sign=True) if BASELINE in row.versus else "",
        number(summary.spl_actions.estimate),
        number(summary.spl_metres.estimate),
        number(summary.actions.estimate, 1),
        number(summary.decisions.estimate, 1),
        f"{number(summary.seconds.p50)}/{number(summary.seconds.p95)}",
        f"{number(summary.frames.p50, 0)}/{number(summary.frames.p95, 0)}",
    ]


def by_task(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the rows of each task."""
    tasks: dict[str, list[Row]] = {}
    for row in rows:
        tasks.setdefault(row.task, []).append(row)
    return tasks


def rich_tables(rows: Iterable[Row], width: int) -> list[Table]:
    """Return a table per task for a terminal of this many columns; two where one is too wide."""
    every = range(len(HEADINGS))
    parts = [every] if width >= WIDE else [every[:OUTCOMES], (0, *every[OUTCOMES:])]
    tables = []
    for task, mine in by_task(rows).items():
        for columns in parts:
            table = Table(title=task, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
            for i in columns:
                table.add_column(HEADINGS[i], justify="right" if i else "left", no_wrap=True)
            for row in mine:
                text = cells(row)
                table.add_row(*(text[i] for i in columns))
            tables.append(table)
    return tables


def markdown(rows: Iterable[Row]) -> str:
    """Return the tables as Markdown."""
    parts = []
    for task, mine in by_task(rows).items():
        lines = [HEADINGS, ["---"] * len(HEADINGS), *(cells(row) for row in mine)]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        parts.append(f"## {task}\n\n{table}\n\n{' '.join(sentences(mine))}\n")
    return f"{NOTE}\n\n" + "\n".join(parts)


def write(study: Study, rows: list[Row]) -> None:
    """Write ``results.json``, ``results.csv`` and ``results.md`` beside the records."""
    content = [{**plain(asdict(row)), "text": get_arm(row.arm).text} for row in rows]
    write_json(study.folder / "results.json", {"schema": 1, "rows": content})
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("task", *HEADINGS))
    table.writerows((row.task, *cells(row)) for row in rows)
    _write(study.folder / "results.csv", text.getvalue())
    _write(study.folder / "results.md", markdown(rows))


def sentences(rows: Iterable[Row]) -> list[str]:
    """Return what the numbers say: per task and control, who beats it and who does not."""
    said = []
    for task, mine in by_task(rows).items():
        for control in CONTROLS:
            groups: dict[str, list[str]] = {verdict: [] for verdict in PLURAL}
            for row in mine:
                compared = row.versus.get(control)
                if compared is not None and compared.pairs and row.arm != BASELINE:
                    groups[compared.verdict].append(_named(row.arm, compared))
            clauses = [
                f"{_join(arms)} {PLURAL[verdict] if len(arms) > 1 else verdict} {control}"
                for verdict, arms in groups.items()
                if arms
            ]
            if clauses:
                said.append(f"{task}: {'; '.join(clauses)}.")
    return said


PLURAL = {
    "beats": "beat",
    "does worse than": "do worse than",
    "cannot be told from": "cannot be told from",
}


def _named(arm: str, compared: Difference) -> str:
    if compared.verdict == "cannot be told from":
        return arm
    return f"{arm} ({interval(compared.success, sign=True)}, {compared.pairs} pairs)"


def _join(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def interval(value: Interval, *, sign: bool = False) -> str:
    """Return ``0.50 [0.31, 0.69]``."""
    if math.isnan(value.estimate):
        return "–"
    form = "+.2f" if sign else ".2f"
    return f"{value.estimate:{form}} [{value.low:{form}}, {value.high:{form}}]"


def number(value: float, digits: int = 2) -> str:
    """Return a number, or a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def plain(value: Any) -> Any:
    """Return plain JSON values, with null for not-a-number."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
