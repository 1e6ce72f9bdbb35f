"""The episodes of the table tasks, with their privileged side: one hashed file per task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources

from wiw_core.errors import ErrorCode, unknown_name
from wiw_env_bridge.episodes.files import corrupt, read_rows, write_rows
from wiw_env_bridge.tabletop.tasks import TASKS, VERSION, TaskScene, make_scene

FOLDER = "wiw_env_bridge.episodes"
"""The package that the files lie in."""
FILES = {task: f"{task}_v1.jsonl" for task in TASKS}
"""The episode file of each task."""


@dataclass(frozen=True)
class TableRecord:
    """One episode.

    Attributes
    ----------
    scene, variation : int
        What :func:`wiw_env_bridge.tabletop.tasks.make_scene` draws the layout from.
    seed : int
        Of all chance in the episode.
    difficulty : str
        ``easy``, ``medium`` or ``hard``: a third each of a split, by the scene's ``effort``.
    """

    task: str
    id: str
    split: str
    scene: int
    variation: int
    seed: int
    difficulty: str

    def layout(self) -> TaskScene:
        """Return the layout it takes place in."""
        return make_scene(self.task, self.scene, self.variation)


@cache
def load(task: str) -> tuple[TableRecord, ...]:
    """Return all episodes of a task in evaluation order, val first.

    Raises
    ------
    WiwError
        ``UNKNOWN_TASK``; ``RECORD_CORRUPT`` if the file is not what its header says.
    """
    if task not in FILES:
        raise unknown_name(ErrorCode.UNKNOWN_TASK, "task", task, FILES)
    return parse(resources.files(FOLDER).joinpath(FILES[task]).read_text("utf-8"))


def parse(text: str) -> tuple[TableRecord, ...]:
    """Return the episodes of a file's text; raises ``RECORD_CORRUPT``."""
    task, rows = read_rows(text)
    try:
        return tuple(TableRecord(task=task, **row) for row in rows)
    except TypeError as error:
        raise corrupt(f"holds a bad episode ({error})") from error


def format_text(task: str, seed: int, episodes: Iterable[TableRecord]) -> str:
    """Return a file's text; ``seed`` is what everything in it was drawn from."""
    rows = ({k: v for k, v in asdict(e).items() if k != "task"} for e in episodes)
    return write_rows(task, seed, VERSION, rows)
