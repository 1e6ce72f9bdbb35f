"""Where the robot can drive, read from the depth it sees now."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wiw_core.cameras import panorama, pinhole
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import T_BASE_OPTICAL, Pose2
from wiw_core.observation import Observation, Projection, View

Points = npt.NDArray[np.float32]

CELL_M = 0.05
LOWEST_M, HIGHEST_M = 0.08, 1.10
"""Heights above the floor at which a thing is in the way of the robot (1.0 m tall)."""
_ROWS = 192
"""Depth is read at about this many rows: 1 degree apart in a panorama, 3 cm at arm's length."""


class ObstacleMap:
    """Distance to the nearest obstacle around ``base_link``; what is out of sight counts as free.

    Parameters
    ----------
    points : (N, 3) float32
        Seen points in ``base_link``, metres, z from the floor.
    reach_m : float
        Half the side of the mapped square; beyond it everything is free.
    """

    def __init__(self, points: Points, reach_m: float = 2.0) -> None:
        cells = 2 * math.ceil(reach_m / CELL_M)
        self._half = cells // 2
        tall = (points[:, 2] > LOWEST_M) & (points[:, 2] < HIGHEST_M)
        column, row = (np.floor(points[tall, :2] / CELL_M).astype(np.int64) + self._half).T
        inside = (row >= 0) & (row < cells) & (column >= 0) & (column < cells)
        free = np.ones((cells, cells), dtype=bool)
        free[row[inside], column[inside]] = False
        self._clearance_m = (
            ndimage.distance_transform_edt(free) * CELL_M
            if not free.all()
            else np.full(free.shape, np.inf)
        )

    def clearance_m(self, pose: Pose2) -> float:
        """Return the distance in metres from this place to the nearest obstacle seen."""
        row = math.floor(pose.y_m / CELL_M) + self._half
        column = math.floor(pose.x_m / CELL_M) + self._half
        rows, columns = self._clearance_m.shape
        if not (0 <= row < rows and 0 <= column < columns):
            return math.inf
        return float(self._clearance_m[row, column])

    def blocks(self, pose: Pose2, motion: Pose2, radius_m: float) -> bool:
        """Tell whether a disc of ``radius_m`` at ``pose`` would hit something on its way.

        Moving out of a contact is never blocked: only a way that comes nearer to an obstacle is.
        """
        here = self.clearance_m(pose)
        steps = max(1, math.ceil(math.hypot(motion.x_m, motion.y_m) / CELL_M))
        way = [
            self.clearance_m(pose * Pose2(motion.x_m * k / steps, motion.y_m * k / steps))
            for k in range(1, steps + 1)
        ]
        return min(way) < min(radius_m, here)


def obstacle_map(observation: Observation, reach_m: float = 2.0) -> ObstacleMap:
    """Return the obstacles that the panorama shows, or else all views with depth.

    Raises
    ------
    WiwError
        ``DEPTH_REQUIRED`` if no view has any valid depth.
    """
    views = [view for view in observation.views if view.depth is not None]
    around = [view for view in views if view.projection is Projection.EQUIRECTANGULAR]
    clouds = [points_in_base(view) for view in around or views]
    points = np.concatenate(clouds) if clouds else np.zeros((0, 3), np.float32)
    if len(points) == 0:
        raise WiwError(
            ErrorCode.DEPTH_REQUIRED,
            "Avoiding obstacles needs a view with depth; this observation has none.",
            "Give the robot a depth view, or set avoid_obstacles to false.",
        )
    return ObstacleMap(points, reach_m)


def points_in_base(view: View) -> Points:
    """Return the (N, 3) points in ``base_link``, metres, of a view's valid depth, thinned out."""
    assert view.depth is not None
    height, width = view.size
    stride = max(1, height // _ROWS)
    rays = _rays(view.projection, height, width, stride, view.intrinsics.tobytes())
    depth = view.depth[::stride, ::stride]
    valid = np.isfinite(depth) & (depth > 0.0)
    points = rays[valid] * depth[valid][:, None]
    rotation, camera = view.T_base_camera[:3, :3], view.T_base_camera[:3, 3]
    return np.asarray(points @ rotation.T.astype(np.float32) + camera.astype(np.float32))


@lru_cache(maxsize=4)
def _rays(
    projection: Projection, height: int, width: int, stride: int, intrinsics: bytes
) -> Points:
    """Return (rows, columns, 3): what to multiply depth with to get points in the optical frame."""
    if projection is Projection.EQUIRECTANGULAR:
        rays = panorama.rays(height, width) @ T_BASE_OPTICAL[:3, :3]
    else:
        rays = pinhole.rays(np.frombuffer(intrinsics).reshape(3, 3), height, width)
    return np.ascontiguousarray(rays[::stride, ::stride], dtype=np.float32)
