"""The part of the page about one task: its table, plots, film and the matrix of its episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wiw import results
from wiw.arms import get_arm
from wiw.report import facts, plots, site, words
from wiw.report.measure import label
from wiw.report.strips import Film
from wiw.study import Study
from wiw_core.errors import WiwError
from wiw_core.metrics import THINKING
from wiw_core.registry import TASKS, Registry

LEVELS = ("easy", "medium", "hard")
"""Order of the known difficulties; others follow by name."""


@dataclass(frozen=True)
class Grid:
    """A table as text, one column of labels first."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """What the template shows of a task."""

    name: str
    anchor: str
    text: str
    caption: str
    table: Grid
    levels: Grid | None
    stages: Grid
    plots: Sequence[plots.Plot]
    arms: Sequence[str] = ()
    film: Film | None = None
    filmed: Sequence[str] = ()
    matrix: Sequence[dict[str, Any]] = ()
    graded: bool = False
    cell_text: str = ""


def make(
    study: Study,
    task: str,
    rows: Sequence[results.Row],
    records: Mapping[str, results.Records],
    films: Mapping[tuple[str, str], Film],
) -> Section:
    """Return the section of one task.

    Parameters
    ----------
    rows : sequence of Row
        Of this task, in the order of the table.
    records : mapping
        By arm, then by episode.
    films : mapping
        By arm and episode.
    """
    graded = _by_level(task, records)
    drawn = [
        plots.outcome(rows),
        plots.differences(rows),
        plots.levels(graded, rows),
        plots.cost(rows),
        plots.stages(rows),
    ]
    return Section(
        name=task,
        anchor=task,
        text=_about(task),
        caption=results.NOTE,
        table=Grid(results.HEADINGS, [results.cells(row) for row in rows]),
        levels=_levels(graded),
        stages=stage_table(rows),
        plots=[plot for plot in drawn if plot is not None],
        arms=list(records),
        film=_featured(films),
        filmed=sorted({episode_id for _, episode_id in films}),
        matrix=_matrix(study, task, records),
        graded=any(e.episode.difficulty for mine in records.values() for e in mine.values()),
        cell_text="The number is that of primitive actions.",
    )


def stage_table(rows: Sequence[results.Row]) -> Grid:
    """Return seconds of each stage per arm, p50/p95."""
    number = results.number
    table = []
    for row in rows:
        found = [row.summary.seconds_by_stage.get(stage) for stage in THINKING]
        cells = [f"{number(f.p50, 3)}/{number(f.p95, 3)}" if f is not None else "–" for f in found]
        table.append((label(row), *cells))
    return Grid(("arm", *THINKING), table)


def fault_table(rows: Sequence[results.Row]) -> Grid:
    """Return how often each code ended an episode, with the rate over both denominators."""
    table = []
    for row in rows:
        for code, count in row.summary.faults.items():
            whole = row.summary.n - row.faults
            table.append(
                (
                    f"{row.task} / {label(row)}",
                    code,
                    f"{count} of {row.summary.n}",
                    f"{results.interval(row.summary.success)} of {whole}",
                    f"{results.interval(row.summary.success_all)} of {row.summary.n}",
                )
            )
    headings = ("task / arm", "code", "faults", "success without faults", "faults as failures")
    return Grid(headings, table)


def _about(task: str) -> str:
    """Return the task's own words about itself; empty for one that is not installed here."""
    try:
        return Registry(TASKS).get(task).summary
    except WiwError:
        return ""


def _by_level(task: str, records: Mapping[str, results.Records]) -> dict[str, list[results.Row]]:
    """Return the rows of each difficulty, easiest first."""
    found = {r.episode.difficulty for mine in records.values() for r in mine.values()} - {""}
    known = [level for level in LEVELS if level in found]
    return {
        level: results.tabulate(
            {
                (task, arm): {
                    episode_id: record
                    for episode_id, record in mine.items()
                    if record.episode.difficulty == level
                }
                for arm, mine in records.items()
            }
        )
        for level in [*known, *sorted(found - set(known))]
    }


def _levels(graded: Mapping[str, Sequence[results.Row]]) -> Grid | None:
    if len(graded) < 2:
        return None
    headings = (results.HEADINGS[0], "level", *results.HEADINGS[1:])
    table = []
    for level, rows in graded.items():
        for row in rows:
            first, *rest = results.cells(row)
            table.append((first, level, *rest))
    return Grid(headings, table)


def _featured(films: Mapping[tuple[str, str], Film]) -> Film | None:
    """Return the film that the page shows: with imagined frames, of no control if possible."""
    imagined = [film for film in films.values() if film.imagines]
    models = [film for film in imagined if not get_arm(film.arm).control]
    return next(iter(models or imagined or films.values()), None)


def _matrix(
    study: Study, task: str, records: Mapping[str, results.Records]
) -> list[dict[str, Any]]:
    rows = []
    for episode_id in study.episodes.get(task, []):
        ran = {arm: mine.get(episode_id) for arm, mine in records.items()}
        if not any(ran.values()):
            continue
        rows.append(
            {
                "name": episode_id.removeprefix(f"{task}-"),
                "link": site.episode_link(task, episode_id),
                "level": next((r.episode.difficulty for r in ran.values() if r), ""),
                "cells": [r and _cell(episode_id, arm, facts.ending(r)) for arm, r in ran.items()],
            }
        )
    return rows


def _cell(episode_id: str, arm: str, end: Mapping[str, Any]) -> dict[str, str]:
    sign = words.SIGNS[end["outcome"]]
    shown = end["code"].split()[0] if end["fault"] else str(end["actions"])
    said = end["code"] or f"{end['actions']} actions"
    return {
        "outcome": end["outcome"],
        "anchor": site.anchor(arm),
        "text": f"{sign} {shown}",
        "label": f"{episode_id}, {arm}: {end['status']}, {said}",
    }
