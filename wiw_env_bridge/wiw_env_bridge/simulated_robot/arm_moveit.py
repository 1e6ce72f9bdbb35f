"""Plans for the arm as MoveIt's move_group gives them, with two planners of its Pilz pipeline.

It knows of no obstacle: what is in the way is met by the contact reflex.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import JointState

from wiw_core.geometry import Array
from wiw_env_bridge.simulated_robot import arm_urdf
from wiw_env_bridge.simulated_robot.arm_trajectory import Trajectory
from wiw_env_bridge.tabletop import panda
from wiw_env_bridge.tabletop.kinematics import Kinematics

GROUP, STRAIGHT = "panda_arm", "LIN"
"""The planning group; the planner that moves the tool along a straight line."""
POINT_S = 0.02
_PEAK = 1.875
"""Greatest rate of the minimum-jerk profile over unit length in unit time."""
_SLOWEST = 0.1
_LINKS = {"": 0.0, arm_urdf.TOOL: 0.0, arm_urdf.HAND: panda.TOOL_M}


class NoPlan(Exception):
    """There is no plan; ``code`` names a constant of moveit_msgs/MoveItErrorCodes."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


class Planner:
    """Plans to one pose of the tool or to one set of joint positions; from any thread."""

    def __init__(self) -> None:
        self._kinematics, self._turn = Kinematics(), threading.Lock()

    def plan(self, request: Any, here: Array) -> Trajectory:
        """Return a way from the request's start state to its goal, at rest at both ends.

        The first point is the start, at 0 s. Planner ``LIN`` keeps the tool on a straight line; any
        other moves all joints evenly. The scaling factors apply to the joints' greatest rates.

        Parameters
        ----------
        request : moveit_msgs/MotionPlanRequest
        here : (7,)
            Where the joints are now, rad.

        Raises
        ------
        NoPlan
        """
        if request.group_name != GROUP:
            raise NoPlan("INVALID_GROUP_NAME", f"There is no group '{request.group_name}'.")
        start = _start(request.start_state.joint_state, here)
        if len(request.goal_constraints) != 1:
            raise NoPlan("INVALID_GOAL_CONSTRAINTS", "One goal is planned to, no more or less.")
        with self._turn:
            path = self._path(request.goal_constraints[0], start, request.planner_id == STRAIGHT)
            length_m = self._length(path)
        speed = float(request.max_cartesian_speed) if request.cartesian_speed_limited_link else 0.0
        scaling = float(request.max_velocity_scaling_factor)
        scaling = scaling if 0.0 < scaling <= 1.0 else _SLOWEST  # as MoveIt's default
        return _timed(path, scaling, length_m / speed if speed > 0.0 else 0.0)

    def _path(self, goal: Any, start: Array, straight: bool) -> Array:
        """Return joint positions along the way, (N, 7)."""
        if goal.joint_constraints:
            end = _start(
                JointState(
                    name=[c.joint_name for c in goal.joint_constraints],
                    position=[c.position for c in goal.joint_constraints],
                ),
                start,
            )
            return np.stack([start, end])
        pose = _pose(goal)
        reached = self._kinematics.reach(pose, start)
        if reached is None:
            raise NoPlan("NO_IK_SOLUTION", "No joint positions bring the tool there.")
        if not straight:
            return np.stack([start, reached])
        line = self._kinematics.straight(start, pose)
        if line is None:
            raise NoPlan("PLANNING_FAILED", "The straight line leaves what the arm can reach.")
        return line

    def _length(self, path: Array) -> float:
        """Return how far the tool goes, in metres, at a few places along the way."""
        rows = np.linspace(path[0], path[1], 9) if len(path) == 2 else path
        places = np.stack([self._kinematics.tool(row)[:3, 3] for row in rows])
        return float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())


def _start(given: Any, here: Array) -> Array:
    """Return joint positions, those ``given`` in place of those ``here``."""
    out = here.copy()
    if len(given.name) != len(given.position):
        raise NoPlan("INVALID_ROBOT_STATE", "Names and positions must be as many.")
    for name, position in zip(given.name, given.position):
        if name in panda.FINGERS:
            continue
        if name not in panda.JOINTS or not math.isfinite(position):
            raise NoPlan("INVALID_ROBOT_STATE", f"The joint '{name}' cannot be at {position}.")
        k = panda.JOINTS.index(name)
        if not panda.LINKS[k].low_rad <= position <= panda.LINKS[k].high_rad:
            raise NoPlan("START_STATE_INVALID", f"{name} is outside its limits.")
        out[k] = position
    return out


def _pose(goal: Any) -> Array:
    """Return ``T_world_tool`` of a position and an orientation constraint, (4, 4)."""
    if len(goal.position_constraints) != 1 or len(goal.orientation_constraints) != 1:
        raise NoPlan("INVALID_GOAL_CONSTRAINTS", "A pose is one position and one orientation.")
    place, turn = goal.position_constraints[0], goal.orientation_constraints[0]
    if place.link_name != turn.link_name or place.link_name not in _LINKS:
        raise NoPlan("INVALID_LINK_NAME", f"'{place.link_name}' is no link of the tool.")
    if not place.constraint_region.primitive_poses:
        raise NoPlan("INVALID_GOAL_CONSTRAINTS", "The position constraint has no region.")
    at, q = place.constraint_region.primitive_poses[0].position, turn.orientation
    numbers = np.array([at.x, at.y, at.z, q.x, q.y, q.z, q.w])
    if not np.isfinite(numbers).all() or abs(np.linalg.norm(numbers[3:]) - 1.0) > 1e-3:
        raise NoPlan("INVALID_GOAL_CONSTRAINTS", "The pose is not finite, or its turn is no turn.")
    link: Array = np.eye(4)
    link[:3, :3] = _frame(turn)[:3, :3] @ Rotation.from_quat(numbers[3:]).as_matrix()
    link[:3, 3] = (_frame(place) @ [*numbers[:3], 1.0])[:3]
    tool = link.copy()
    tool[:3, 3] += link[:3, 2] * _LINKS[place.link_name]
    return tool


def _frame(constraint: Any) -> Array:
    """Return ``T_world_frame`` of a constraint's header, (4, 4)."""
    frame = constraint.header.frame_id
    pose: Array = np.eye(4)
    if frame in ("", arm_urdf.FOOT):  # MoveIt's planning frame is the root of the arm
        pose[:3, 3] = panda.FOOT
    elif frame != arm_urdf.WORLD:
        raise NoPlan("FRAME_TRANSFORM_FAILURE", f"There is no frame '{frame}'.")
    return pose


def _timed(path: Array, scaling: float, least_s: float) -> Trajectory:
    """Return minimum-jerk progress along a path of (N, 7) joint positions."""
    rates = np.array(arm_urdf.VELOCITY_RAD_S) * scaling
    travel = np.abs(np.diff(path, axis=0)).max(axis=0) * (len(path) - 1)
    duration_s = max(float((travel / rates).max()), least_s) * _PEAK
    count = max(2, math.ceil(duration_s / POINT_S))
    times = np.linspace(0.0, max(duration_s, 2 * POINT_S), count + 1)
    share = times / times[-1]
    progress = share**3 * (10.0 - 15.0 * share + 6.0 * share**2) * (len(path) - 1)
    knots = np.arange(len(path))
    positions = np.stack([np.interp(progress, knots, column) for column in path.T], axis=1)
    velocities = np.gradient(positions, times, axis=0)
    velocities[[0, -1]] = 0.0
    return Trajectory(times, positions, velocities)
