"""Plans of MoveIt: asked with ``plan_only``, so that the gate sees every point before any moves.

Were MoveIt to plan and execute in one goal, nothing of ours would stand between its plan and the
robot. So it only plans; the trajectory passes the same gate as our own straight lines and goes to
the same controller, under the same tolerances and the same watch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import Pose
from sensor_msgs.msg import JointState
from shape_msgs.msg import SolidPrimitive

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose3
from wiw_env_bridge.robot.actions import ActionPort
from wiw_env_bridge.robot.arm.settings import ArmSettings
from wiw_env_bridge.robot.arm.timing import Timed
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.sections import Frames, Timing
from wiw_ros.convert.geometry import pose3_to_msg
from wiw_ros.interfaces import optional

_NO_PATH = (
    "FAILURE PLANNING_FAILED INVALID_MOTION_PLAN TIMED_OUT GOAL_IN_COLLISION"
    " GOAL_VIOLATES_PATH_CONSTRAINTS GOAL_CONSTRAINTS_VIOLATED START_STATE_IN_COLLISION"
)
_MEANINGS = {
    ErrorCode.IK_FAILED: "NO_IK_SOLUTION GOAL_STATE_INVALID",
    ErrorCode.NO_PATH: _NO_PATH,
    ErrorCode.START_STATE: (
        "START_STATE_INVALID START_STATE_VIOLATES_PATH_CONSTRAINTS INVALID_ROBOT_STATE"
    ),
    ErrorCode.STALE_OBSERVATION: "ROBOT_STATE_STALE SENSOR_INFO_STALE UNABLE_TO_AQUIRE_SENSOR_DATA",
    ErrorCode.ACTION_FAILED: "PREEMPTED CRASH ABORT COMMUNICATION_FAILURE",
}
"""Names in moveit_msgs/MoveItErrorCodes by what they mean here; any other is ``GOAL_REJECTED``."""


class MoveIt:
    """The planner behind a MoveGroup action; it never moves anything here."""

    def __init__(
        self, link: RobotLink, settings: ArmSettings, frames: Frames, timing: Timing
    ) -> None:
        self._settings, self._frames = settings, frames
        self._actions, self._msgs = optional("moveit_msgs.action"), optional("moveit_msgs.msg")
        self._codes = self._msgs.MoveItErrorCodes
        self.port = ActionPort(link, self._actions.MoveGroup, settings.moveit.action, timing)

    def plan(
        self,
        T_planning_tip: Array,
        names: Sequence[str],
        start: Array,
        halted: threading.Event,
        watch: Callable[[], None],
    ) -> Timed:
        """Ask for a way from joint positions to a pose of the tool link in the planning frame.

        Raises
        ------
        WiwError
            As :meth:`ActionPort.run`; for MoveIt's own codes ``IK_FAILED``, ``NO_PATH``,
            ``START_STATE``, ``STALE_OBSERVATION``, ``ACTION_FAILED`` or ``GOAL_REJECTED``, the last
            also for a plan that lacks a joint.
        """
        goal = self._goal(Pose3.from_matrix(T_planning_tip), names, start)
        ended = self.port.run(goal, self._settings.moveit.planning_s, halted, watch)
        if halted.is_set():
            raise WiwError(ErrorCode.NO_PATH, "It was told to hold while MoveIt was planning.")
        value = int(ended.result.error_code.val)
        if value == self._codes.SUCCESS:
            return _timed(ended.result.planned_trajectory.joint_trajectory, names)
        code, name = self._meaning(value)
        raise WiwError(
            code,
            f"MoveIt found no plan: {name} ({value}).",
            "See the log of move_group, and arm.moveit of the profile.",
        )

    def _meaning(self, value: int) -> tuple[ErrorCode, str]:
        for code, names in _MEANINGS.items():
            for name in names.split():
                if value == getattr(self._codes, name, None):
                    return code, name
        return ErrorCode.GOAL_REJECTED, "an error"

    def _goal(self, pose: Pose3, names: Sequence[str], start: Array) -> Any:
        settings, moveit = self._settings, self._settings.moveit
        goal = self._actions.MoveGroup.Goal()
        goal.planning_options.plan_only = True
        request = goal.request
        request.group_name = moveit.group
        request.pipeline_id, request.planner_id = moveit.pipeline, moveit.planner
        request.num_planning_attempts = moveit.attempts
        request.allowed_planning_time = moveit.planning_s
        request.max_velocity_scaling_factor = settings.velocity_scaling
        request.max_acceleration_scaling_factor = settings.velocity_scaling
        request.cartesian_speed_limited_link = self._frames.tool
        request.max_cartesian_speed = settings.speed_m_s
        request.start_state.is_diff = True
        request.start_state.joint_state = JointState(name=list(names), position=start.tolist())
        request.goal_constraints = [self._constraints(pose)]
        return goal

    def _constraints(self, pose: Pose3) -> Any:
        moveit, msgs, aim = self._settings.moveit, self._msgs, pose3_to_msg(pose)
        place = msgs.PositionConstraint(link_name=self._frames.tool, weight=1.0)
        ball = SolidPrimitive(type=SolidPrimitive.SPHERE, dimensions=[moveit.position_tolerance_m])
        place.constraint_region.primitives = [ball]
        place.constraint_region.primitive_poses = [Pose(position=aim.position)]
        turn = msgs.OrientationConstraint(
            link_name=self._frames.tool,
            orientation=aim.orientation,
            absolute_x_axis_tolerance=moveit.rotation_tolerance_rad,
            absolute_y_axis_tolerance=moveit.rotation_tolerance_rad,
            absolute_z_axis_tolerance=moveit.rotation_tolerance_rad,
            weight=1.0,
        )
        for constraint in (place, turn):
            constraint.header.frame_id = self._frames.planning or self._frames.base
        return msgs.Constraints(position_constraints=[place], orientation_constraints=[turn])


def _timed(trajectory: Any, names: Sequence[str]) -> Timed:
    """Return a JointTrajectory with its columns in the order of ``names``."""
    given, points = list(trajectory.joint_names), trajectory.points
    missing = [name for name in names if name not in given]
    if missing or len(points) < 2:
        raise WiwError(
            ErrorCode.GOAL_REJECTED,
            f"MoveIt's plan has {len(points)} points and lacks the joints: {', '.join(missing)}.",
            "Does arm.moveit.group cover the chain from frames.planning to frames.tool?",
        )
    order = [given.index(name) for name in names]
    times = [p.time_from_start.sec + p.time_from_start.nanosec * 1e-9 for p in points]
    positions = _rows([p.positions for p in points], order)
    if positions is None:
        raise WiwError(ErrorCode.GOAL_REJECTED, "MoveIt's plan has points without positions.")
    return Timed(np.array(times), positions, _rows([p.velocities for p in points], order))


def _rows(rows: Sequence[Sequence[float]], order: Sequence[int]) -> Array | None:
    """Return (T, n); None unless every point has a number for every joint."""
    if any(len(row) <= max(order) for row in rows):
        return None
    return np.array([[row[k] for k in order] for row in rows], dtype=np.float64)
