"""The robot's motion: a kinematic disc that stops at contact."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wiw_core.geometry import Pose2
from wiw_core.plans import NAVIGATION_DELTA, Action
from wiw_env_bridge.mujoco.navigation import FloorGrid

_CHECKS = 20
"""Places along one primitive where contact is looked for: every centimetre of a forward."""


@dataclass(frozen=True)
class AgentState:
    """All that changes during an episode; ``pose`` is ``T_map_base``, ``done`` the oracle stop."""

    pose: Pose2
    step: int = 0
    path_m: float = 0.0
    collisions: int = 0
    done: bool = False

    def after(self, motion: Motion, progress: float) -> AgentState:
        """Return the state once this share of a motion, 0 to 1, has been executed."""
        pose = motion.at(progress)
        return replace(
            self,
            pose=pose,
            step=self.step + 1,
            path_m=self.path_m + self.pose.distance_m(pose),
            collisions=self.collisions + int(motion.blocked and progress >= 1.0),
        )


@dataclass(frozen=True)
class Motion:
    """One primitive from ``start``; only the share ``reach`` (0 to 1) of it is free of contact."""

    start: Pose2
    delta: Pose2
    reach: float

    @property
    def blocked(self) -> bool:
        """Whether something is in the way."""
        return self.reach < 1.0

    def at(self, progress: float) -> Pose2:
        """Return the pose after this share, 0 to 1, of the motion that is possible."""
        share = self.reach * progress
        if share >= 1.0:
            return self.start * self.delta
        d = self.delta
        return self.start * Pose2(share * d.x_m, share * d.y_m, share * d.yaw_rad)


def plan_motion(grid: FloorGrid, start: Pose2, action: Action) -> Motion:
    """Return what a navigation primitive does here; the robot stops at contact."""
    motion = Motion(start, NAVIGATION_DELTA[action.name], 1.0)
    if motion.delta.x_m == 0.0:
        return motion  # a disc can always turn
    for check in range(1, _CHECKS + 1):
        pose = motion.at(check / _CHECKS)
        if not grid.is_free(pose.x_m, pose.y_m):
            return replace(motion, reach=(check - 1) / _CHECKS)
    return motion
