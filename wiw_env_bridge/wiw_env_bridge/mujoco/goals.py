"""What an episode asks for, with the privileged state that judges it: it stays in the bridge."""

from __future__ import annotations

import math
from typing import Protocol

from wiw_core.contracts import Task
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Episode, View
from wiw_core.tasks.ar import ActiveRecognition
from wiw_core.tasks.ignav import ImageGoalNavigation
from wiw_env_bridge.episodes import EpisodeRecord
from wiw_env_bridge.mujoco.apartment import Layout
from wiw_env_bridge.mujoco.renderer import Renderer
from wiw_env_bridge.mujoco.targets import LABELS, Target

_IGNAV = ImageGoalNavigation()
TASKS: dict[str, Task] = {"ar": ActiveRecognition(), "ignav": _IGNAV}
"""The tasks that apartments have episodes for."""


class Goal(Protocol):
    """One episode's goal."""

    @property
    def target(self) -> Target | None:
        """The object whose box the views show, if the task grants it."""
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

    def distance_m(self, pose: Pose2) -> float:
        """Return geodesic metres to the goal place; NaN if the task has none."""
        ...

    def value(self, pose: Pose2) -> float:
        """Return how good it is to be here; higher is better."""
        ...


def make_goal(record: EpisodeRecord, layout: Layout, renderer: Renderer) -> Goal:
    """Return an episode's goal; raises ``ENVIRONMENT_FAILED`` if the apartment does not fit."""
    if record.task == "ignav":
        return PlaceGoal(record, layout, renderer)
    return ObjectGoal(record, layout, renderer)


class PlaceGoal:
    """Image-goal navigation: be within the success radius of where the goal view was taken."""

    target = None

    def __init__(self, record: EpisodeRecord, layout: Layout, renderer: Renderer) -> None:
        goal = record.goal
        if goal is None or not all(layout.grid.is_free(p.x_m, p.y_m) for p in (record.start, goal)):
            raise _misfit(record)
        self._record, self._layout, self._renderer = record, layout, renderer
        self._goal = goal
        self._to_goal = layout.grid.distances_to(goal.x_m, goal.y_m)

    def episode(self) -> Episode:
        """Return the goal view, and the privilege of the oracle stop."""
        rgb, _ = self._renderer.front_view(self._layout.seed, self._goal)
        view = View("goal", rgb, intrinsics=self._renderer.front.intrinsics)
        return _public(self._record, self._layout, "oracle_stop", goal_view=view)

    def reached(self, pose: Pose2) -> bool:
        """Tell whether the goal is within the success radius, geodesically."""
        return self.distance_m(pose) <= _IGNAV.success_radius_m

    def succeeded(self, pose: Pose2, answer: str) -> bool:
        """Tell whether the robot ended within the success radius."""
        return self.reached(pose)

    def distance_m(self, pose: Pose2) -> float:
        """Return geodesic metres to the goal."""
        return self._to_goal.metres(pose.x_m, pose.y_m)

    def value(self, pose: Pose2) -> float:
        """Return minus the geodesic metres to the goal."""
        return -self.distance_m(pose)


class ObjectGoal:
    """Active recognition: name the object in the box."""

    def __init__(self, record: EpisodeRecord, layout: Layout, renderer: Renderer) -> None:
        target = layout.target(record.target)
        start = record.start
        if (
            target is None
            or target.label != record.label
            or not layout.grid.is_free(start.x_m, start.y_m)
        ):
            raise _misfit(record)
        self._record, self._layout, self._renderer = record, layout, renderer
        self._target = target

    @property
    def target(self) -> Target:
        """The object to name."""
        return self._target

    def episode(self) -> Episode:
        """Return the question and the closed set of answers."""
        return _public(
            self._record,
            self._layout,
            "target_box",
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


def _public(
    record: EpisodeRecord,
    layout: Layout,
    privilege: str,
    goal_text: str = "",
    goal_view: View | None = None,
    labels: tuple[str, ...] = (),
) -> Episode:
    return Episode(
        task=record.task,
        id=record.id,
        seed=record.seed,
        scene=layout.name,
        split=record.split,
        budget=TASKS[record.task].budget,
        goal_text=goal_text,
        goal_view=goal_view,
        labels=labels,
        privileges=(privilege,),
    )


def _misfit(record: EpisodeRecord) -> WiwError:
    return WiwError(
        ErrorCode.ENVIRONMENT_FAILED,
        f"Episode '{record.id}' does not fit the apartment that this version builds.",
        "The episode file and the apartment code are of different versions.",
    )
