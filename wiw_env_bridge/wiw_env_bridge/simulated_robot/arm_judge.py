"""Who puts the arm's table up for an episode, and judges it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from wiw_core.decisions import EpisodeResult
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode
from wiw_env_bridge.simulated_robot.arm_plant import Plant
from wiw_env_bridge.tabletop import judging
from wiw_env_bridge.tabletop.episodes import TableRecord
from wiw_env_bridge.tabletop.table import Table

FIRST_TASK = "push_buttons"
"""The arm stands at the table of this task's first episode until it is placed."""


class ArmJudge:
    """The four manipulation tasks, judged in the true state of the simulated table."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._lock = threading.Lock()
        self._open: TableRecord | None = None

    def tasks(self) -> Sequence[str]:
        """Return the tasks it can judge."""
        return tuple(judging.TASKS)

    def episode_ids(self, task: str, split: str, limit: int) -> Sequence[str]:
        """Return ids in evaluation order, all if ``limit`` is 0; raises ``UNKNOWN_TASK``."""
        return judging.episode_ids(task, split, limit)

    def place(self, task: str, episode_id: str) -> tuple[Episode, bool]:
        """Stop the arm, put up an episode's table and open the episode.

        The arm stands ready and open. Raises ``UNKNOWN_TASK`` or ``UNKNOWN_EPISODE``.
        """
        record = judging.find(task, episode_id)
        with self._lock:
            self._open = None
            self._plant.stop()
            table = Table(record.layout())
            self._plant.place(table)
            self._open = record
        public = judging.public(record, table.scene, ("oracle_stop",))
        return public, self._plant.judged(lambda table: table.decided())

    def decided(self) -> bool:
        """Tell whether the open episode's task ends it now; raises ``NO_EPISODE``."""
        with self._lock:
            self._record()
            return self._plant.judged(lambda table: table.decided())

    def finish(
        self, decisions: int, answer: str, confidence: float, fault: ErrorCode, message: str
    ) -> EpisodeResult:
        """Stop the arm, close the open episode and judge it; raises ``NO_EPISODE``."""
        with self._lock:
            record = self._record()
            self._open = None
            self._plant.stop()
            result = self._plant.judged(
                lambda table: judging.result(
                    record, table, table.decided(), decisions, fault, message
                )
            )
            path_m, collisions = self._plant.travelled()
        return replace(
            result, path_m=path_m, collisions=collisions, answer=answer, confidence=confidence
        )

    def _record(self) -> TableRecord:
        if self._open is None:
            raise WiwError(ErrorCode.NO_EPISODE, "No episode is open.", "Reset first.")
        return self._open


def first_table() -> Table:
    """Return the table that the arm stands at before it is placed."""
    record = judging.find(FIRST_TASK, judging.episode_ids(FIRST_TASK, "val", 1)[0])
    return Table(record.layout())
