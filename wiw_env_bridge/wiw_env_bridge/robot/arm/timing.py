"""When the arm is where on a path: within the limits of joints and tool, at rest at both ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from wiw_core.geometry import Array

_LOOKS_PER_KNOT = 16
_SPARE = 1.01
"""Slower by this than the limits allow: between two looks a joint may be a little faster."""
_PEAK_SPEED = 1.875
"""Of the minimum-jerk profile over unit length in unit time."""


@dataclass(frozen=True)
class Timed:
    """A trajectory: ``times_s`` (T,) from 0, ``positions`` and ``velocities`` (T, n).

    Without velocities a controller goes from point to point in straight lines.
    """

    times_s: Array
    positions: Array
    velocities: Array | None

    @property
    def duration_s(self) -> float:
        """Seconds from the first point to the last."""
        return float(self.times_s[-1])


@dataclass(frozen=True)
class Pace:
    """What a motion may not exceed.

    ``velocity`` (n,) and ``acceleration`` per second are the joints', ``speed_m_s`` and
    ``turn_rad_s`` the tool's.
    """

    velocity: Array
    acceleration: float
    speed_m_s: float
    turn_rad_s: float


def time_path(path: Array, length_m: float, turn_rad: float, pace: Pace, point_s: float) -> Timed:
    """Return when the arm is where on a path.

    The progress along the path has minimum jerk (Flash and Hogan 1985: 10 t^3 - 15 t^4 + 6 t^5);
    between its points the path is a natural cubic spline, so that velocities are continuous. The
    duration is the least at which joints and tool keep to ``pace``, in whole steps of ``point_s``.

    Parameters
    ----------
    path : (N, n)
        Joint positions at even distances along the motion, N >= 2; the first is where the arm is.
    length_m, turn_rad : float
        How far the tool moves along its straight line, and how far it turns.
    point_s : float
        Seconds between two points.
    """
    knots = np.arange(len(path), dtype=np.float64)
    spline = CubicSpline(knots, path, bc_type="natural")
    share = np.linspace(0.0, 1.0, _LOOKS_PER_KNOT * len(path) + 1)
    place, rate, bend = _min_jerk(share)
    scale = knots[-1]
    slope, curve = spline(place * scale, 1) * scale, spline(place * scale, 2) * scale**2
    speeds = np.abs(slope * rate[:, None])
    pushes = np.abs(curve * rate[:, None] ** 2 + slope * bend[:, None])
    duration_s = _SPARE * max(
        float((speeds / pace.velocity).max()),
        math.sqrt(float(pushes.max()) / pace.acceleration),
        _PEAK_SPEED * length_m / pace.speed_m_s,
        _PEAK_SPEED * turn_rad / pace.turn_rad_s,
    )
    count = max(2, math.ceil(duration_s / point_s))
    times_s = np.asarray(np.arange(count + 1) * point_s, np.float64)
    place, rate, _ = _min_jerk(np.arange(count + 1) / count)
    positions, velocities = spline(place * scale), spline(place * scale, 1)
    velocities *= (rate * scale / times_s[-1])[:, None]
    positions[0], positions[-1] = path[0], path[-1]
    velocities[0] = velocities[-1] = 0.0
    return Timed(times_s, positions, velocities)


def _min_jerk(share: Array) -> tuple[Array, Array, Array]:
    """Return the progress at these shares of the time, and its first and second derivative."""
    t = share
    return (
        t**3 * (10.0 - 15.0 * t + 6.0 * t**2),
        30.0 * t**2 * (1.0 - t) ** 2,
        60.0 * t * (1.0 - t) * (1.0 - 2.0 * t),
    )
