"""Between Habitat's axes (x right, y up, -z forward) and REP-103 (x forward, y left, z up).

``map = (-z, -x, y)``; a yaw about the vertical axis keeps its sign. Quaternions are (w, x, y, z),
as in Habitat's agent states and in the paper's episode files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from wiw_core.geometry import Array, Pose2

R_MAP_HABITAT: Array = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Rotation that takes Habitat's coordinates to those of the map, (3, 3)."""


def to_map(position: Sequence[float]) -> Array:
    """Return where a point of Habitat is in the map: (x, y, z) in metres."""
    return np.asarray(R_MAP_HABITAT @ np.asarray(position, np.float64))


def yaw_of(wxyz: Sequence[float]) -> float:
    """Return the heading in radians, counter-clockwise seen from above, of a rotation."""
    w, x, y, z = (float(value) for value in wxyz)
    # -z turned by the quaternion, on the floor: (-2(xz + wy), -(1 - 2(x² + y²))) in (x, z).
    return math.atan2(2.0 * (x * z + w * y), 1.0 - 2.0 * (x * x + y * y))


def rotation_of(yaw_rad: float) -> tuple[float, float, float, float]:
    """Return the quaternion (w, x, y, z) of a heading."""
    return math.cos(yaw_rad / 2), 0.0, math.sin(yaw_rad / 2), 0.0


def pose_of(position: Sequence[float], wxyz: Sequence[float]) -> Pose2:
    """Return ``T_map_base`` of an agent's state."""
    x, y, _ = to_map(position)
    return Pose2(float(x), float(y), yaw_of(wxyz))
