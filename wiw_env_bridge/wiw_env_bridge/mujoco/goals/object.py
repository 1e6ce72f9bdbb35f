"""Active recognition: the goal is to name the object in the box."""

from __future__ import annotations

import math

from wiw_core.geometry import Pose2
from wiw_core.observation import Episode
from wiw_core.tasks.ar import TARGET_BOX, ActiveRecognition
from wiw_env_bridge.episodes import EpisodeRecord
from wiw_env_bridge.mujoco.apartment import Layout
from wiw_env_bridge.mujoco.goals.public import PlainGoal, misfit, public_episode
from wiw_env_bridge.mujoco.renderer import Renderer
from wiw_env_bridge.mujoco.targets import LABELS, Target


class ObjectGoal(PlainGoal):
    """Active recognition: name the object in the box."""

    def __init__(
        self, task: ActiveRecognition, record: EpisodeRecord, layout: Layout, renderer: Renderer
    ) -> None:
        target = layout.target(record.target)
        start = record.start
        if (
            target is None
            or target.label != record.label
            or not layout.grid.is_free(start.x_m, start.y_m)
        ):
            raise misfit(record)
        self._task, self._record, self._layout, self._renderer = task, record, layout, renderer
        self._target = target

    def boxed(self, step: int) -> Target | None:
        """Return the object, as long as the task shows its box."""
        always = TARGET_BOX in self._task.privileges
        return self._target if always or step == 0 else None

    def episode(self) -> Episode:
        """Return the question and the closed set of answers."""
        return public_episode(
            self._record,
            self._layout,
            self._task.budget,
            self._task.privileges,
            goal_text="What is the object in the box?",
            labels=LABELS,
        )

    def reached(self, pose: Pose2) -> bool:
        """Return False: only an answer ends the episode."""
        return False

    def succeeded(self, pose: Pose2, answer: str) -> bool:
        """Tell whether the answer is the object's label."""
        return answer == self._target.label

    def distance_m(self, pose: Pose2) -> float:
        """Return NaN: no place is asked for."""
        return math.nan

    def value(self, pose: Pose2) -> float:
        """Return the share of the panorama's pixels that show the object."""
        return self._renderer.visible_fraction(self._layout.seed, pose, self._target)
