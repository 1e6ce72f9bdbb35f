"""From a path of joint angles to what the servos are told at every physics step."""

from __future__ import annotations

import math

import numpy as np

from wiw_core.geometry import Array
from wiw_env_bridge.tabletop import panda

SPEED_M_S, ACCELERATION_M_S2 = 0.4, 2.0
"""Greatest speed and acceleration of the tool; a pushed block does not run away."""
RATE_RAD_S, ACCELERATION_RAD_S2 = 1.5, 5.0
"""Greatest rate and acceleration of a joint."""
FINGER_M_S = 0.1
"""Speed of each finger."""
_PEAK_SPEED, _PEAK_ACCELERATION = 1.875, 5.7735
"""Of the minimum-jerk profile over unit length in unit time."""
LEAD_S: Array = np.array(panda.DAMPING) / np.array(panda.STIFFNESS)
"""Lag of each joint's damped servo: a command leads by so much, (7,)."""


def commands(path: Array, length_m: float, step_s: float) -> Array:
    """Return what the arm's servos are told at each step, (T, 7) rad; at rest at both ends.

    Parameters
    ----------
    path : (N, 7)
        Joint angles at even distances along the motion, N >= 2.
    length_m : float
        How far the tool moves.
    step_s : float
        Seconds of a physics step.

    Notes
    -----
    Minimum-jerk progress along the path. Each command leads by the lag of the damped servo.
    """
    travel = float(np.abs(np.diff(path, axis=0)).max()) * (len(path) - 1)
    duration_s = max(
        _duration(length_m, SPEED_M_S, ACCELERATION_M_S2),
        _duration(travel, RATE_RAD_S, ACCELERATION_RAD_S2),
    )
    count = max(1, math.ceil(duration_s / step_s))
    time = np.arange(1, count + 1) / count
    progress = time**3 * (10.0 - 15.0 * time + 6.0 * time**2) * (len(path) - 1)
    knots = np.arange(len(path))
    angles = np.stack([np.interp(progress, knots, path[:, k]) for k in range(7)], axis=1)
    rates = np.gradient(angles, step_s, axis=0) if count > 1 else np.zeros_like(angles)
    rates[-1] = 0.0
    return np.asarray(angles + LEAD_S * rates)


def _duration(length: float, speed: float, acceleration: float) -> float:
    return max(_PEAK_SPEED * length / speed, math.sqrt(_PEAK_ACCELERATION * length / acceleration))
