"""Records regrouped: the tasks of a family together, and the levels of difficulty apart."""

from __future__ import annotations

from collections.abc import Mapping

from wiw.tasks import definition
from wiw_core.contracts import Metric
from wiw_core.record_format import EpisodeRecord
from wiw_core.registry import TASKS, Registry

Records = dict[str, EpisodeRecord]
"""By episode id, in evaluation order."""
Key = tuple[str, str]
"""Task (or family) and row."""


def metric_of(name: str) -> Metric:
    """Return what a task, or the tasks of a family, are compared by."""
    known = Registry(TASKS).names()
    task = name if name in known else next(t for t in known if definition(t).family == name)
    return definition(task).metric


def pool(records: Mapping[Key, Records]) -> dict[Key, Records]:
    """Return the records of each family of several tasks, by family and row.

    Episodes are called ``task/id``. A variant of another task here, its subclass, is left out: it
    has the same episodes, which would count twice. So is a row that one of the tasks lacks: it
    would be compared on other episodes than the rest.
    """
    families: dict[str, list[str]] = {}
    tasks_here = list(dict.fromkeys(task for task, _ in records))
    for task in tasks_here:
        if not any(_is_variant(task, other) for other in tasks_here):
            families.setdefault(definition(task).family, []).append(task)
    rows = dict.fromkeys(row for _, row in records)
    return {
        (family, row): {
            f"{task}/{episode_id}": record
            for task in tasks
            for episode_id, record in records[task, row].items()
        }
        for family, tasks in families.items()
        if len(tasks) > 1
        for row in rows
        if all((task, row) in records for task in tasks)
    }


def _is_variant(task: str, other: str) -> bool:
    return task != other and isinstance(definition(task), type(definition(other)))


def by_difficulty(records: Mapping[Key, Records]) -> dict[str, dict[Key, Records]]:
    """Return the records of each level of difficulty; a task without levels is in none."""
    # A fault's record may not know its level: the other rows' records of that episode do.
    level = {
        (task, episode_id): record.episode.difficulty
        for (task, _), mine in records.items()
        for episode_id, record in mine.items()
        if record.episode.difficulty
    }
    found: dict[str, dict[Key, Records]] = {}
    for name in sorted(set(level.values())):
        for (task, row), mine in records.items():
            kept = {e: record for e, record in mine.items() if level.get((task, e)) == name}
            if kept:
                found.setdefault(name, {})[task, row] = kept
    return found
