"""What an episode asks for, with the privileged state that judges it: it stays in the bridge."""

from __future__ import annotations

from typing import Protocol

from wiw_core.contracts import Task
from wiw_core.geometry import Pose2
from wiw_core.observation import Episode, SceneObject
from wiw_core.tasks.aeqa import ActiveQuestionAnswering
from wiw_core.tasks.ar import ActiveRecognition, UnboxedRecognition
from wiw_core.tasks.ignav import ImageGoalNavigation, SelfStopNavigation
from wiw_env_bridge.episodes import EpisodeRecord
from wiw_env_bridge.mujoco.apartment import Layout
from wiw_env_bridge.mujoco.goals.object import ObjectGoal
from wiw_env_bridge.mujoco.goals.place import PlaceGoal
from wiw_env_bridge.mujoco.goals.question import QuestionGoal
from wiw_env_bridge.mujoco.renderer import Renderer
from wiw_env_bridge.mujoco.targets import Target

_RECOGNITION = {task.name: task for task in (ActiveRecognition(), UnboxedRecognition())}
_NAVIGATION = {task.name: task for task in (ImageGoalNavigation(), SelfStopNavigation())}
TASKS: dict[str, Task] = {"aeqa": ActiveQuestionAnswering(), **_RECOGNITION, **_NAVIGATION}
"""The tasks that apartments have episodes for."""


class Goal(Protocol):
    """One episode's goal."""

    def boxed(self, step: int) -> Target | None:
        """Return the object whose box the views show after ``step`` actions, if any."""
        ...

    @property
    def max_actions(self) -> int:
        """Primitive actions after which the episode ends by itself; 0: no limit."""
        ...

    def objects(self, pose: Pose2) -> tuple[SceneObject, ...]:
        """Return the objects that the protocol tells of at ``T_map_base``."""
        ...

    def episode(self) -> Episode:
        """Return what a policy is told."""
        ...

    def reached(self, pose: Pose2) -> bool:
        """Tell whether the task's oracle stop applies here."""
        ...

    def succeeded(self, pose: Pose2, answer: str) -> bool:
        """Judge the end of the episode."""
        ...

    def wants_more(self, answer: str) -> bool:
        """Tell whether a failure at the end of the budget is for want of more."""
        ...

    def score(self, answer: str) -> float:
        """Return the score of an open answer, 0 to 100; NaN if the task has none."""
        ...

    def distance_m(self, pose: Pose2) -> float:
        """Return geodesic metres to the goal place; NaN if the task has none."""
        ...

    def value(self, pose: Pose2) -> float:
        """Return how good it is to be here; higher is better."""
        ...


def make_goal(
    record: EpisodeRecord, layout: Layout, renderer: Renderer, detections: bool = True
) -> Goal:
    """Return an episode's goal; raises ``ENVIRONMENT_FAILED`` if the apartment does not fit."""
    if record.task == "aeqa":
        return QuestionGoal(record, layout, renderer, detections)
    if record.task in _NAVIGATION:
        return PlaceGoal(_NAVIGATION[record.task], record, layout, renderer)
    return ObjectGoal(_RECOGNITION[record.task], record, layout, renderer)
