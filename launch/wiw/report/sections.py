"""The part of the page about one task: its table, plots, film and the matrix of its episodes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wiw import results
from wiw.report import facts, plots, site, words
from wiw.report.figures import Plot
from wiw.report.strips import Film
from wiw.settings import Settings
from wiw.study import Study
from wiw.tasks import definition
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
    plots: Sequence[Plot]
    arms: Sequence[str] = ()
    film: Film | None = None
    filmed: Sequence[str] = ()
    matrix: Sequence[dict[str, Any]] = ()
    graded: bool = False
    cell_text: str = ""


def of_task(
    study: Study,
    task: str,
    table: results.Table,
    records: Mapping[str, results.Records],
    films: Mapping[tuple[str, str], Film],
) -> Section:
    """Return the section of one task.

    Parameters
    ----------
    records : mapping
        By row, then by episode.
    films : mapping
        By row and episode.
    """
    rows = [row for row in table.rows if row.task == task]
    graded = by_level(row for row in table.levels if row.task == task)
    return replace(
        _numbers(task, _about(task), rows, graded),
        arms=list(records),
        film=featured(films, study.settings),
        filmed=sorted({episode_id for _, episode_id in films}),
        matrix=_matrix(study, task, records),
        graded=bool(graded),
        cell_text=_cell_text(rows),
    )


def of_family(family: str, table: results.Table) -> Section:
    """Return the section of the tasks of a family together."""
    tasks = [name for name in results.by_task(table.rows) if definition(name).family == family]
    text = f"The tasks {', '.join(tasks)} together: every episode counts the same."
    rows = [row for row in table.pooled if row.task == family]
    return _numbers(family, text, rows, {})


def _numbers(
    name: str,
    text: str,
    rows: Sequence[results.Row],
    graded: Mapping[str, Sequence[results.Row]],
) -> Section:
    """Return a section with tables and plots alone."""
    drawn = (
        []
        if not any(row.summary.n for row in rows)
        else [
            plots.outcome(rows),
            plots.differences(rows),
            plots.levels(graded, rows),
            plots.cost(rows),
            plots.stages(rows),
        ]
    )
    return Section(
        name=name,
        anchor=site.anchor(name),
        text=text,
        caption=results.NOTE,
        table=_grid(rows) if drawn else Grid((), ()),
        levels=_level_grid(graded) if len(graded) > 1 else None,
        stages=stage_table(rows),
        plots=[plot for plot in drawn if plot is not None],
    )


def _grid(rows: Sequence[results.Row]) -> Grid:
    """Return the table of these rows, with the columns that say something."""
    keep = results.shown(rows)
    cells = [results.cells(row) for row in rows]
    return Grid(_at(keep, results.HEADINGS), [_at(keep, line) for line in cells])


def _at(indices: Iterable[int], line: Sequence[str]) -> list[str]:
    return [line[i] for i in indices]


def stage_table(rows: Sequence[results.Row]) -> Grid:
    """Return seconds of each stage per arm, p50/p95."""
    number = results.number
    table = []
    for row in rows:
        found = [row.summary.seconds_by_stage.get(stage) for stage in THINKING]
        cells = [f"{number(f.p50, 3)}/{number(f.p95, 3)}" if f is not None else "–" for f in found]
        table.append((row.arm, *cells))
    return Grid(("arm", *THINKING), table)


def fault_table(rows: Sequence[results.Row]) -> Grid:
    """Return how often each code ended an episode, with the rate over both denominators."""
    table = []
    for row in rows:
        for code, count in row.summary.faults.items():
            whole = row.summary.n - row.faults
            table.append(
                (
                    f"{row.task} / {row.arm}",
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


def by_level(rows: Iterable[results.Row]) -> dict[str, list[results.Row]]:
    """Return the rows of each difficulty, easiest first."""
    found: dict[str, list[results.Row]] = {}
    for row in rows:
        found.setdefault(row.difficulty, []).append(row)
    known = [level for level in LEVELS if level in found]
    return {level: found[level] for level in [*known, *sorted(found.keys() - set(known))]}


def _level_grid(graded: Mapping[str, Sequence[results.Row]]) -> Grid:
    every = [row for rows in graded.values() for row in rows]
    grid = _grid(every)
    lines = [
        (line[0], row.difficulty, *line[1:]) for row, line in zip(every, grid.rows, strict=True)
    ]
    return Grid((grid.headings[0], "level", *grid.headings[1:]), lines)


def featured(films: Mapping[tuple[str, str], Film], settings: Settings) -> Film | None:
    """Return the film that the page shows: of imagined frames, by a model rather than a control."""

    def worth(film: Film) -> tuple[bool, bool, bool]:
        arm = settings.arm_of(film.arm)
        return film.imagines, not arm.control, arm.model == "oracle"

    return max(films.values(), key=worth, default=None)


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
    scored = math.isfinite(end["score"])
    number = f"{end['score']:.0f}" if scored else str(end["actions"])
    said = f"score {number}" if scored else f"{number} actions"
    return {
        "outcome": end["outcome"],
        "anchor": site.anchor(arm),
        "text": f"{words.SIGNS[end['outcome']]} {end['code'].partition(' ')[0] or number}",
        "label": f"{episode_id}, {arm}: {end['status']}, {end['code'] or said}",
    }


def _cell_text(rows: Sequence[results.Row]) -> str:
    if any(row.metric == "score" for row in rows):
        return "The number is the score of the answer, 0 to 100."
    return "The number is that of actions."
