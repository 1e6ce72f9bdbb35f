"""The fake world: an empty square room with coloured walls, seen from 1 m above the floor."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from wiw_core.cameras import panorama as sphere
from wiw_core.cameras import pinhole
from wiw_core.geometry import T_BASE_OPTICAL, Array, Pose2
from wiw_core.observation import Box, Depth, Projection, Rgb, View

HALF_M = 2.0
"""Half the room's side."""
REACH_M = 1.8
"""The robot's centre stays within this distance of the middle, along x and along y."""
CAMERA_M = 1.0
CEILING_M = 2.5
FRONT_FOV_RAD = math.radians(90.0)

WALLS = ("red", "green", "blue", "yellow")
"""The walls at +x, +y, -x and -y."""
_COLOURS = np.array(
    [[200, 40, 40], [40, 160, 60], [50, 70, 200], [210, 190, 50], [120, 110, 100], [235, 235, 235]],
    dtype=np.uint8,
)
_FACES = np.array([[2, 0], [3, 1], [4, 5]])  # per axis: the face met going down it, and going up
_TILE_M = 0.5


def trace(rays: Array, pose: Pose2) -> tuple[Rgb, Depth, npt.NDArray[np.int64]]:
    """Return what each ray meets: colour (H, W, 3) uint8, depth (H, W) float32, face (H, W).

    Parameters
    ----------
    rays : (H, W, 3) float64
        Directions in ``base_link``; depth is in multiples of their length, metres for unit rays.
    pose : Pose2
        ``T_map_base``.
    """
    directions = rays @ pose.matrix()[:3, :3].T
    origin = np.array([pose.x_m, pose.y_m, CAMERA_M])
    low, high = np.array([-HALF_M, -HALF_M, 0.0]), np.array([HALF_M, HALF_M, CEILING_M])
    up = directions > 0
    with np.errstate(divide="ignore"):
        metres = np.where(up, high - origin, low - origin) / directions
    metres = np.where(directions == 0, np.inf, metres)
    axis = metres.argmin(axis=-1)
    depth = metres.min(axis=-1)
    faces = _FACES[axis, np.take_along_axis(up, axis[..., None], -1)[..., 0].astype(int)]
    tiles = np.floor((origin + directions * depth[..., None]) / _TILE_M + 1e-6).sum(axis=-1)
    shade = np.where(tiles % 2 == 0, 255, 200)[..., None]
    rgb = (_COLOURS[faces].astype(np.uint16) * shade // 255).astype(np.uint8)
    return rgb, depth.astype(np.float32), faces


def panorama(pose: Pose2, height: int, width: int, target: str = "") -> View:
    """Return the full turn seen from a pose; ``target`` names the wall to box."""
    rgb, depth, faces = trace(sphere.rays(height, width), pose)
    box = _box(faces == WALLS.index(target), wraps=True) if target else None
    return View("panorama", rgb, Projection.EQUIRECTANGULAR, depth, target_box=box)


def front(pose: Pose2, size: int, target: str = "") -> View:
    """Return what a square forward camera sees, its depth along the optical axis."""
    k = pinhole.intrinsics(size, size, FRONT_FOV_RAD)
    rays = pinhole.rays(k, size, size) @ T_BASE_OPTICAL[:3, :3].T
    rgb, depth, faces = trace(rays, pose)
    box = _box(faces == WALLS.index(target), wraps=False) if target else None
    return View("front", rgb, Projection.PERSPECTIVE, depth, k, target_box=box)


def _box(mask: npt.NDArray[np.bool_], wraps: bool) -> Box | None:
    """Return the box around a mask; one that crosses a panorama's edge ends beyond the width."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if columns.size == 0:
        return None
    width = mask.shape[1]
    x0, x1 = int(columns[0]), int(columns[-1]) + 1
    if wraps and x0 == 0 and x1 == width and columns.size < width:
        gap = int(np.flatnonzero(np.diff(columns) > 1)[0])
        x0, x1 = int(columns[gap + 1]), int(columns[gap]) + 1 + width
    return x0, int(rows[0]), x1, int(rows[-1]) + 1
