"""Where the real robot would bump, measured in the same points that are warped."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from wiw_core.geometry import Pose2
from wiw_core.plans import Plan, camera_path
from wiw_wm_node.warp.lens import Floats

Places = npt.NDArray[np.float64]

FLOOR_M = 0.10
"""What is lower than this does not stop the robot."""
_CELL_M = 0.02
_POINTS_PER_CELL = 3  # fewer are noise


def obstacle_places(points: Floats, height_m: float, reach_m: float) -> Places:
    """Return the (M, 2) places on the floor, within reach, where points stand in the robot's way.

    Parameters
    ----------
    points : (N, 3) float32
        In the ``base_link`` of now, whose origin is on the floor.
    height_m : float
        The robot's height: what is higher does not stop it.
    """
    x, y, z = points.T
    near = (z > FLOOR_M) & (z < height_m) & (np.hypot(x, y) < reach_m)
    side = 2 * math.ceil(reach_m / _CELL_M) + 1
    cells = np.rint(points[near, :2] / _CELL_M).astype(np.intp) + side // 2
    count = np.bincount(cells[:, 0] * side + cells[:, 1], minlength=side * side)
    full = np.flatnonzero(count >= _POINTS_PER_CELL)
    cell = np.stack([full // side - side // 2, full % side - side // 2], axis=-1)
    return cell.astype(np.float64) * _CELL_M


def stopped_path(plan: Plan, places: Places, radius_m: float) -> list[Pose2]:
    """Return :func:`camera_path` of a disc that stops where it touches an obstacle.

    The robot stands clear where it is now, whatever the depth says, so a disc that would already
    touch something is shrunk to what fits.
    """
    free = camera_path(plan)
    clearance = float(np.hypot(*places.T).min(initial=math.inf))
    radius = min(radius_m, 0.95 * clearance)
    poses = [free[0]]
    for before, after in zip(free, free[1:], strict=False):
        step = before.inverse() * after
        length = _free_length(places, poses[-1], step.x_m, radius)
        poses.append(poses[-1] * Pose2(length, step.y_m, step.yaw_rad))
    return poses


def _free_length(places: Places, pose: Pose2, length_m: float, radius_m: float) -> float:
    """Return how far, up to ``length_m``, a disc at ``pose`` moves forward before it touches."""
    if length_m <= 0.0 or not len(places):
        return length_m
    inverse = pose.inverse().matrix()
    ahead = places @ inverse[:2, :2].T + inverse[:2, 3]
    inside = np.abs(ahead[:, 1]) < radius_m
    forward, lateral = ahead[inside].T
    contact = forward - np.sqrt(radius_m**2 - lateral**2)
    contact = contact[forward > 0.0]
    return float(min(length_m, max(0.0, contact.min(initial=math.inf))))
