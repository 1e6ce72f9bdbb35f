"""From a pose of the tool to a trajectory that has passed the gate."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose3
from wiw_env_bridge.robot import gate
from wiw_env_bridge.robot.arm.model import ArmModel
from wiw_env_bridge.robot.arm.moveit import MoveIt
from wiw_env_bridge.robot.arm.timing import Pace, Timed, time_path
from wiw_env_bridge.robot.profile import RobotProfile

_ELSEWHERE_M, _ELSEWHERE_RAD = 0.005, 0.02
"""MoveIt's plan may end this much farther from the pose than it was told."""


class Planned(NamedTuple):
    """A trajectory; or None, with ``IK_FAILED`` or ``NO_PATH`` and why."""

    timed: Timed | None
    code: ErrorCode = ErrorCode.OK
    message: str = ""


class ArmPlanner:
    """Plans one motion of the tool: a straight line, or whatever MoveIt finds. Nothing moves here.

    Parameters
    ----------
    moveit : MoveIt or None
        Asked in place of our own inverse kinematics.
    watch : callable
        Raises to give up while MoveIt thinks.
    """

    def __init__(
        self,
        model: ArmModel,
        profile: RobotProfile,
        moveit: MoveIt | None,
        watch: Callable[[], None],
    ) -> None:
        self._model, self._profile = model, profile
        self._moveit, self._watch = moveit, watch

    def plan(self, target: Pose3, start: Array, halted: threading.Event) -> Planned:
        """Return a trajectory of the joints from ``start`` (n,) to a pose in the base frame.

        Raises
        ------
        WiwError
            What the gate or MoveIt refuses, but for ``IK_FAILED`` and ``NO_PATH``.
        """
        limits, model = self._profile.limits, self._model
        now = Pose3.from_matrix(model.kinematics.tool(start))
        gate.check_tool_target(target, now, limits)
        try:
            timed = self._timed(target.matrix(), start, halted)
            trajectory = gate.Trajectory(
                model.joints, timed.times_s, timed.positions, timed.velocities
            )
            gate.check_trajectory(trajectory, start, model.kinematics.tool, limits)
        except WiwError as error:
            if error.code in (ErrorCode.IK_FAILED, ErrorCode.NO_PATH):  # another plan may do
                return Planned(None, error.code, str(error))
            raise
        return Planned(timed)

    def _timed(self, goal: Array, start: Array, halted: threading.Event) -> Timed:
        if self._moveit is None:
            return self._straight(goal, start)
        model = self._model
        tip = model.T_planning_base @ goal @ model.T_tool_tip
        timed = self._moveit.plan(tip, model.names, start, halted, self._watch)
        self._require_there(model.kinematics.tool(timed.positions[-1]), goal)
        return timed

    def _straight(self, goal: Array, start: Array) -> Timed:
        settings, model = self._profile.arm, self._model.kinematics
        if model.reach(goal, start) is None:
            raise WiwError(ErrorCode.IK_FAILED, "The arm cannot reach that pose.")
        path = model.straight(start, goal)
        if path is None:
            raise WiwError(ErrorCode.NO_PATH, "The arm cannot go to that pose in a straight line.")
        length_m, turn_rad = _between(model.tool(start), goal)
        pace = Pace(
            self._model.velocity * settings.velocity_scaling,
            settings.acceleration,
            settings.speed_m_s,
            settings.turn_rad_s,
        )
        return time_path(path, length_m, turn_rad, pace, settings.point_s)

    def _require_there(self, end: Array, goal: Array) -> None:
        moveit = self._profile.arm.moveit
        away_m, away_rad = _between(end, goal)
        most_m = moveit.position_tolerance_m + _ELSEWHERE_M
        most_rad = math.sqrt(3.0) * moveit.rotation_tolerance_rad + _ELSEWHERE_RAD
        if not (away_m <= most_m and away_rad <= most_rad):  # NaN is neither
            raise WiwError(
                ErrorCode.DISPLACEMENT_MISMATCH,
                f"MoveIt's plan ends {away_m:.3f} m and {away_rad:.3f} rad from the pose that it"
                f" was asked for; {most_m:.3f} m and {most_rad:.3f} rad are allowed.",
                "Do MoveIt and the profile mean the same arm, and the same frames.tool?",
            )


def _between(a: Array, b: Array) -> tuple[float, float]:
    """Return the metres and the angle in radians between two poses (4, 4)."""
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return math.nan, math.nan
    turn = Rotation.from_matrix(b[:3, :3] @ a[:3, :3].T).magnitude()
    return float(np.linalg.norm(b[:3, 3] - a[:3, 3])), float(turn)
