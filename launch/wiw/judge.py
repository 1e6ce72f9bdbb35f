"""Judging the open answers of a study again, by any registered judge."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wiw.files import write_json
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.judging import JUDGES, Judge, Truth
from wiw_core.judging.rejudge import Verdict, rejudge
from wiw_core.record_format import plain
from wiw_core.records import EpisodeRecord, finished, read_episode, record_path
from wiw_core.registry import Registry
from wiw_core.statistics import Interval, mean_interval
from wiw_env_bridge.episodes import load_episodes


@dataclass(frozen=True)
class Judged:
    """One folder of records, judged; scores are means with 95 % intervals, 0 to 100."""

    folder: str
    score: Interval
    before: Interval
    verdicts: tuple[Verdict, ...]


def make_judge(name: str, **parameters: Any) -> Judge:
    """Return a registered judge; raises ``BAD_PARAMETER``."""
    judge: Judge = Registry(JUDGES).create(name, **parameters)
    return judge


def truths(task: str) -> dict[str, Truth]:
    """Return the accepted answers of a task's episodes, by id.

    Raises
    ------
    WiwError
        ``UNKNOWN_TASK`` if it has no episodes or its answers are not open.
    """
    found = {
        r.id: Truth(r.question, r.answers, r.partial) for r in load_episodes(task) if r.question
    }
    if not found:
        raise WiwError(ErrorCode.UNKNOWN_TASK, f"Task '{task}' has no open answers to judge.")
    return found


def judge_task(study: Path, task: str, judge: Judge) -> list[Judged]:
    """Judge every complete record of a task in a study, and write ``judged-<task>-<judge>.json``.

    Records lie in ``<study>/<task>/<row>/``. The file appears only once all are judged; the records
    stay as they are.

    Raises
    ------
    WiwError
        ``RECORDING_FAILED`` if there is no such record; ``RECORD_CORRUPT``, and what the judge
        raises.
    """
    known, rows = truths(task), []
    for folder in sorted(p for p in (study / task).glob("*") if p.is_dir() and finished(p)):
        verdicts = tuple(rejudge(_records(folder), known, judge))
        rows.append(
            Judged(
                folder=str(folder.relative_to(study)),
                score=mean_interval([v.score for v in verdicts]),
                before=mean_interval([v.before for v in verdicts]),
                verdicts=verdicts,
            )
        )
    if not rows:
        raise WiwError(
            ErrorCode.RECORDING_FAILED,
            f"There are no complete records of '{task}' in '{study}'.",
            "Name the folder of a study, the one with results.json.",
        )
    write_json(study / f"judged-{task}-{judge.name}.json", plain(_content(judge, rows)))
    return rows


def _records(folder: Path) -> Iterator[EpisodeRecord]:
    for episode_id in finished(folder):
        yield read_episode(record_path(folder, episode_id))


def _content(judge: Judge, rows: list[Judged]) -> dict[str, Any]:
    return {
        "judge": judge.name,
        "rows": [
            {
                **dataclasses.asdict(row),
                "verdicts": [{**dataclasses.asdict(v), "score": v.score} for v in row.verdicts],
            }
            for row in rows
        ],
    }
