"""The episodes of the table as a policy is told of them, and how they are judged."""

from __future__ import annotations

from collections.abc import Sequence

from wiw_core.contracts import Task
from wiw_core.decisions import EpisodeResult, episode_status
from wiw_core.errors import ErrorCode, unknown_name
from wiw_core.observation import Episode
from wiw_core.tasks.manipulation import PushButtons, SlideBlock, SquarePeg, StackCups
from wiw_env_bridge.tabletop import episodes
from wiw_env_bridge.tabletop.scene import TableScene
from wiw_env_bridge.tabletop.table import Table

TASKS: dict[str, Task] = {
    task.name: task for task in (PushButtons(), SlideBlock(), SquarePeg(), StackCups())
}
"""The tasks that the table has episodes for."""


def episode_ids(task: str, split: str, limit: int = 0) -> Sequence[str]:
    """Return ids in evaluation order, all if ``limit`` is 0; raises ``UNKNOWN_TASK``."""
    ids = [r.id for r in episodes.load(task) if r.split == split]
    return tuple(ids[:limit] if limit else ids)


def find(task: str, episode_id: str) -> episodes.TableRecord:
    """Return an episode; raises ``UNKNOWN_TASK`` or ``UNKNOWN_EPISODE``."""
    records = {r.id: r for r in episodes.load(task)}
    if episode_id not in records:
        raise unknown_name(ErrorCode.UNKNOWN_EPISODE, "episode", episode_id, records)
    return records[episode_id]


def public(record: episodes.TableRecord, scene: TableScene, privileges: Sequence[str]) -> Episode:
    """Return what a policy is told of an episode."""
    return Episode(
        task=record.task,
        id=record.id,
        seed=record.seed,
        scene=f"table_{record.scene}",
        split=record.split,
        budget=TASKS[record.task].budget,
        goal_text=scene.text,
        privileges=tuple(privileges),
        difficulty=record.difficulty,
    )


def result(
    record: episodes.TableRecord,
    table: Table,
    done: bool,
    decisions: int,
    fault: ErrorCode,
    message: str,
) -> EpisodeResult:
    """Judge an episode in the table's present state; what happened on the way is not in it.

    Parameters
    ----------
    done : bool
        The task was decided before the budget ran out.
    """
    success = fault is ErrorCode.OK and table.succeeded()
    truncated = decisions >= TASKS[record.task].budget and not done
    return EpisodeResult(
        task=record.task,
        episode_id=record.id,
        seed=record.seed,
        status=episode_status(success, fault, truncated),
        success=success,
        code=fault,
        message=message,
        decisions=decisions,
    )
