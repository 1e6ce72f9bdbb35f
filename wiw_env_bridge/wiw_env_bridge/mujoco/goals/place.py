"""Image-goal navigation: the goal is where a photo was taken."""

from __future__ import annotations

from wiw_core.geometry import Pose2
from wiw_core.observation import Episode, View
from wiw_core.tasks.ignav import ORACLE_STOP, ImageGoalNavigation
from wiw_env_bridge.episodes import EpisodeRecord
from wiw_env_bridge.mujoco.apartment import Layout
from wiw_env_bridge.mujoco.goals.public import PlainGoal, misfit, public_episode
from wiw_env_bridge.mujoco.renderer import Renderer


class PlaceGoal(PlainGoal):
    """Image-goal navigation: be within the success radius of where the goal view was taken."""

    def __init__(
        self, task: ImageGoalNavigation, record: EpisodeRecord, layout: Layout, renderer: Renderer
    ) -> None:
        goal = record.goal
        if goal is None or not all(layout.grid.is_free(p.x_m, p.y_m) for p in (record.start, goal)):
            raise misfit(record)
        self._task, self._record, self._layout, self._renderer = task, record, layout, renderer
        self._goal = goal
        self._to_goal = layout.grid.distances_to(goal.x_m, goal.y_m)

    def episode(self) -> Episode:
        """Return the goal view."""
        rgb, _ = self._renderer.front_view(self._layout.seed, self._goal)
        view = View("goal", rgb, intrinsics=self._renderer.front.intrinsics)
        return public_episode(
            self._record, self._layout, self._task.budget, self._task.privileges, goal_view=view
        )

    def reached(self, pose: Pose2) -> bool:
        """Tell whether the oracle stop applies here, if the task has one."""
        return ORACLE_STOP in self._task.privileges and self._near(pose)

    def succeeded(self, pose: Pose2, answer: str) -> bool:
        """Tell whether the robot ended within the success radius, geodesically."""
        return self._near(pose)

    def wants_more(self, answer: str) -> bool:
        """Return True: more decisions might have led there."""
        return True

    def distance_m(self, pose: Pose2) -> float:
        """Return geodesic metres to the goal."""
        return self._to_goal.metres(pose.x_m, pose.y_m)

    def value(self, pose: Pose2) -> float:
        """Return minus the geodesic metres to the goal."""
        return -self.distance_m(pose)

    def _near(self, pose: Pose2) -> bool:
        return self.distance_m(pose) <= self._task.success_radius_m
