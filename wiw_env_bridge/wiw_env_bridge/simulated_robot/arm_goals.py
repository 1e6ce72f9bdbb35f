"""What the arm and the gripper are doing: one goal each, told tick by tick what the servos get."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from wiw_core.geometry import Array
from wiw_env_bridge.simulated_robot.arm_trajectory import Tolerances, Trajectory
from wiw_env_bridge.tabletop.panda import JOINTS
from wiw_env_bridge.tabletop.servo import FINGER_M_S, LEAD_S

REACHED_M = 0.002
"""The gripper has reached its goal when a finger is so near."""
LETS_GO_M = 0.001
"""A held thing is let go when the fingers are told to open by more than this."""
REST_M_S, REST_S, SETTLE_S = 0.005, 0.06, 0.8
"""The fingers are at rest when so slow for so long; they are waited for no longer than the last."""


@dataclass(frozen=True)
class End:
    """How a goal ended.

    Attributes
    ----------
    state : str
        ``succeed``, ``abort`` or ``canceled``: what is called of the goal handle.
    code : str
        A constant of the action's result.
    """

    state: str
    code: str = "SUCCESSFUL"
    message: str = ""


@dataclass(frozen=True)
class Report:
    """Desired and actual positions (J,) and rates (J,) at one moment of a trajectory."""

    time_s: float
    desired: Array
    desired_rates: Array
    actual: Array
    actual_rates: Array


class Goal:
    """Something that ends once; whoever waits for it wakes then."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.end: End | None = None

    def finish(self, end: End) -> None:
        """End it; only the first time counts."""
        if self.end is None:
            self.end = end
            self.over.set()


class Following(Goal):
    """A trajectory on its way.

    Each :meth:`check` is followed by :meth:`commands` for the next steps, until it has ended.
    """

    def __init__(self, trajectory: Trajectory, tolerances: Tolerances) -> None:
        super().__init__()
        self._trajectory, self._tolerances = trajectory, tolerances
        self._time_s = -max(0.0, trajectory.begins_s)
        self._late_s = max(0.0, -trajectory.begins_s)
        self.report: Report | None = None

    def check(self, actual: Array, rates: Array) -> bool:
        """Compare with what is desired now; False if that ended it."""
        if self._time_s < 0.0:
            return True
        time_s = self._time_s + self._late_s
        desired, desired_rates = (row[0] for row in self._trajectory.sample(np.array([time_s])))
        self.report = Report(time_s, desired, desired_rates, actual, rates)
        off, off_rates = np.abs(desired - actual), np.abs(desired_rates - rates)
        limits, late_s = self._tolerances, time_s - self._trajectory.duration_s
        if late_s < 0.0:
            wide = _excess(off, limits.path_rad) or _excess(off_rates, limits.path_rad_s, "/s")
            if wide:
                self.finish(End("abort", "PATH_TOLERANCE_VIOLATED", f"On the way, {wide}."))
        else:
            wide = _excess(off, limits.goal_rad) or _excess(off_rates, limits.goal_rad_s, "/s")
            if not wide:
                self.finish(End("succeed", message="Goal successfully reached."))
            elif late_s > limits.goal_time_s:
                self.finish(End("abort", "GOAL_TOLERANCE_VIOLATED", f"At the end, {wide}."))
        return self.end is None

    def commands(self, count: int, step_s: float) -> Array | None:
        """Return what the servos are told at the next steps, (count, 7) rad; None before it begins.

        Each command leads by the lag of the damped servo.
        """
        times: Array = self._time_s + step_s * np.arange(1.0, count + 1.0)
        self._time_s = float(times[-1])
        if self._time_s <= 0.0:
            return None
        angles, rates = self._trajectory.sample(times + self._late_s)
        return np.asarray(angles + LEAD_S * rates)


class Gripping(Goal):
    """The fingers on their way.

    Attributes
    ----------
    goal_m : float
        Position of each finger.
    closing : bool
        What lies between them shall be held.
    """

    def __init__(self, start_m: float, goal_m: float, step_s: float) -> None:
        super().__init__()
        self.goal_m, self.closing = goal_m, goal_m < start_m
        count = max(1, round(abs(goal_m - start_m) / (FINGER_M_S * step_s)))
        self._path: Array = np.linspace(start_m, goal_m, count + 1)[1:]
        self._settling_s = self._rest_s = 0.0

    def commands(self, count: int) -> Array:
        """Return what one finger's servo is told at the next steps, (count,) metres."""
        rows, self._path = self._path[:count], self._path[count:]
        return np.concatenate([rows, np.full(count - len(rows), self.goal_m)])

    def rested(self, rate_m_s: float, seconds: float) -> bool:
        """Note how fast the fingers are now; True once they have come to rest."""
        if len(self._path):
            return False
        self._settling_s += seconds
        self._rest_s = self._rest_s + seconds if abs(rate_m_s) < REST_M_S else 0.0
        return self._rest_s >= REST_S or self._settling_s >= SETTLE_S


def _excess(off: Array, limit: Array, unit: str = "") -> str:
    """Return which joint is how far off, or nothing."""
    over = np.flatnonzero(off > limit)
    if not len(over):
        return ""
    k = int(over[0])
    return f"{JOINTS[k]} is {off[k]:.4f} rad{unit} off, {limit[k]:.4f} are allowed"
