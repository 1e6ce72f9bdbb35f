"""A joint trajectory as ros2_control's controller reads it: checked and interpolated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from rclpy.duration import Duration
from rclpy.time import Time
from scipy.interpolate import BPoly

from wiw_core.geometry import Array
from wiw_env_bridge.tabletop.panda import JOINTS

STOPPED_RAD_S = 0.03
"""At the end of a trajectory no joint may be faster than this."""
_AT_REST_RAD_S = 1e-6


@dataclass(frozen=True)
class Trajectory:
    """Joint positions over time, from where the arm is when it begins.

    Between two points: straight in time where they carry positions only, cubic where all carry
    velocities, quintic where all carry accelerations too. Before the first point the motion leads
    there from ``start``. After the last one it rests.

    Attributes
    ----------
    times_s : (N,) float64
        After the beginning, increasing.
    positions : (N, J) float64
    velocities, accelerations : (N, J) float64, optional
    start : (J,) float64, optional
        Where the arm is at 0 s; at rest.
    begins_s : float
        Seconds to wait before 0 s.
    """

    times_s: Array
    positions: Array
    velocities: Array | None = None
    accelerations: Array | None = None
    start: Array | None = None
    begins_s: float = 0.0

    @property
    def duration_s(self) -> float:
        """Seconds from 0 s to the last point."""
        return float(self.times_s[-1])

    def sample(self, time_s: Array) -> tuple[Array, Array]:
        """Return positions and velocities, (T, J) each, at times (T,) after the beginning."""
        if len(self._knots_s) == 1:  # one point at 0 s
            rows = np.tile(self.positions[-1], (len(time_s), 1))
            return rows, np.zeros_like(rows)
        inside = np.clip(time_s, self._knots_s[0], self._knots_s[-1])
        moving = (time_s >= self._knots_s[0]) & (time_s < self._knots_s[-1])
        rates = np.where(moving[:, None], self._curve.derivative()(inside), 0.0)
        return np.asarray(self._curve(inside)), rates

    @cached_property
    def _knots_s(self) -> Array:
        first = [] if self.start is None or self.times_s[0] <= 0.0 else [0.0]
        return np.array([*first, *self.times_s])

    @cached_property
    def _curve(self) -> Any:
        derivatives = [d for d in (self.velocities, self.accelerations) if d is not None]
        knots = [np.stack(rows) for rows in zip(self.positions, *derivatives)]
        if len(self._knots_s) > len(knots):
            begin = np.zeros((1 + len(derivatives), self.positions.shape[1]))
            begin[0] = self.start
            knots.insert(0, begin)
        return BPoly.from_derivatives(self._knots_s, knots)


def read_trajectory(message: Any, joints: Sequence[str], start: Array, now: Time) -> Trajectory:
    """Return what a ``trajectory_msgs/JointTrajectory`` asks for, with its joints in our order.

    Parameters
    ----------
    joints : sequence of str
        All must be named, in any order.
    start : (J,)
        Where they are now.
    now : Time
        A trajectory whose stamp is not zero begins then.

    Raises
    ------
    ValueError
        One sentence why a joint trajectory controller would reject it.
    """
    names, points = list(message.joint_names), list(message.points)
    if sorted(names) != sorted(joints):
        raise ValueError(
            f"the goal must name the joints {', '.join(joints)}, got {', '.join(names)}"
        )
    if not points:
        raise ValueError("the trajectory has no points")
    order = [names.index(joint) for joint in joints]
    times = np.array([Duration.from_msg(p.time_from_start).nanoseconds * 1e-9 for p in points])
    if times[0] < 0.0 or (np.diff(times) <= 0.0).any():
        raise ValueError("time_from_start must be 0 or more and increase from point to point")
    positions = _rows(points, "positions", len(names), order)
    if positions is None:
        raise ValueError("every point must have positions")
    velocities = _rows(points, "velocities", len(names), order)
    if velocities is not None and (np.abs(velocities[-1]) > _AT_REST_RAD_S).any():
        raise ValueError("the velocities of the last point must be zero")
    accelerations = None
    if velocities is not None:
        accelerations = _rows(points, "accelerations", len(names), order)
    begins_s = 0.0
    if message.header.stamp.sec or message.header.stamp.nanosec:
        stamp = Time.from_msg(message.header.stamp, clock_type=now.clock_type)
        begins_s = (stamp - now).nanoseconds * 1e-9
        if begins_s + times[-1] < 0.0:
            raise ValueError("the trajectory ends in the past")
    return Trajectory(times, positions, velocities, accelerations, start, begins_s)


@dataclass(frozen=True)
class Tolerances:
    """How far the arm may be from what is desired; infinite where nothing is asked.

    Attributes
    ----------
    path_rad, goal_rad : (J,) float64
        On the way, and at the end.
    path_rad_s, goal_rad_s : (J,) float64
        The same for rates.
    goal_time_s : float
        How much later than its time the end may be reached.
    """

    path_rad: Array
    goal_rad: Array
    path_rad_s: Array
    goal_rad_s: Array
    goal_time_s: float


def default_tolerances(path_rad: float, goal_rad: float, goal_time_s: float) -> Tolerances:
    """Return the controller's own tolerances, the same for each joint."""
    ones: Array = np.ones(len(JOINTS))
    return Tolerances(
        path_rad=path_rad * ones,
        goal_rad=goal_rad * ones,
        path_rad_s=math.inf * ones,
        goal_rad_s=STOPPED_RAD_S * ones,
        goal_time_s=goal_time_s,
    )


def read_tolerances(goal: Any, joints: Sequence[str], default: Tolerances) -> Tolerances:
    """Return a goal's tolerances: 0 stands for the controller's own, a negative number for none.

    Raises
    ------
    ValueError
        Names a joint that is not ours, or a number that is not finite.
    """
    time_s = Duration.from_msg(goal.goal_time_tolerance).nanoseconds * 1e-9
    return Tolerances(
        _merged(goal.path_tolerance, joints, default.path_rad, "position"),
        _merged(goal.goal_tolerance, joints, default.goal_rad, "position"),
        _merged(goal.path_tolerance, joints, default.path_rad_s, "velocity"),
        _merged(goal.goal_tolerance, joints, default.goal_rad_s, "velocity"),
        default.goal_time_s if time_s == 0.0 else math.inf if time_s < 0.0 else time_s,
    )


def _merged(given: Iterable[Any], joints: Sequence[str], default: Array, field: str) -> Array:
    out = default.copy()
    for tolerance in given:
        value = float(getattr(tolerance, field))
        if tolerance.name not in joints:
            raise ValueError(f"a tolerance names the unknown joint '{tolerance.name}'")
        if not math.isfinite(value):
            raise ValueError(f"the tolerance of '{tolerance.name}' is not finite")
        if value != 0.0:
            out[joints.index(tolerance.name)] = math.inf if value < 0.0 else value
    return out


def _rows(points: Sequence[Any], field: str, count: int, order: Sequence[int]) -> Array | None:
    """Return (N, J) in our order; None if any point lacks it."""
    rows = [list(getattr(point, field)) for point in points]
    if any(len(row) not in (0, count) for row in rows):
        raise ValueError(f"the {field} of a point must be as many as the joints, or none")
    if not all(rows):
        return None
    values: Array = np.array(rows, np.float64)[:, order]
    if not np.isfinite(values).all():
        raise ValueError(f"the {field} must be finite")
    return values
