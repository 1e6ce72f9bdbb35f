"""A box room with textured walls and pillars, traced exactly: ground truth for warping tests."""

from __future__ import annotations

import math

import numpy as np

from wiw_core.cameras import panorama, pinhole
from wiw_core.geometry import T_BASE_OPTICAL, Pose2
from wiw_core.observation import Observation, Projection, View

CAMERA_M = 1.0
ROOM = np.array([[-3.0, -2.5, 0.0], [3.0, 2.5, 2.5]])
PILLARS = (
    np.array([[1.2, 0.5, 0.0], [1.6, 0.9, 2.5]]),
    np.array([[1.4, -1.4, 0.0], [2.0, -0.6, 0.8]]),
)
T_BASE_CAMERA = T_BASE_OPTICAL.copy()
T_BASE_CAMERA[2, 3] = CAMERA_M


def panorama_view(pose: Pose2, height: int = 72, width: int = 128, pillars=PILLARS) -> View:
    """Return what a panoramic RGB-D camera sees at a pose in the room."""
    rgb, depth = _trace(panorama.rays(height, width), pose, pillars)
    return View("panorama", rgb, Projection.EQUIRECTANGULAR, depth, T_base_camera=T_BASE_CAMERA)


def front_view(pose: Pose2, height: int = 80, width: int = 96, pillars=PILLARS) -> View:
    """Return what a forward pinhole RGB-D camera sees."""
    k = pinhole.intrinsics(height, width, math.radians(90))
    rays = pinhole.rays(k, height, width) @ T_BASE_OPTICAL[:3, :3].T
    rgb, depth = _trace(rays, pose, pillars)
    return View("front", rgb, Projection.PERSPECTIVE, depth, k, T_BASE_CAMERA)


def observe(pose: Pose2, *views: View, start: Pose2 | None = None, step: int = 0) -> Observation:
    """Return an observation; its odometry begins at ``start`` (default: at this pose)."""
    origin = pose if start is None else start
    return Observation("room", step, views, origin.inverse() * pose)


def _trace(rays: np.ndarray, pose: Pose2, pillars) -> tuple[np.ndarray, np.ndarray]:
    directions = rays @ pose.matrix()[:3, :3].T
    origin = np.array([pose.x_m, pose.y_m, CAMERA_M])
    _, best = _slab(directions, origin, ROOM)  # inside: where the ray leaves the room
    for box in pillars:
        enter, leave = _slab(directions, origin, box)
        best = np.where((enter > 0) & (enter < leave), np.minimum(best, enter), best)
    return _paint(origin + best[..., None] * directions), best.astype(np.float32)


def _slab(directions: np.ndarray, origin: np.ndarray, box: np.ndarray):
    with np.errstate(divide="ignore"):
        a, b = (box[0] - origin) / directions, (box[1] - origin) / directions
    return np.minimum(a, b).max(axis=-1), np.maximum(a, b).min(axis=-1)


def _paint(points: np.ndarray) -> np.ndarray:
    x, y, z = np.moveaxis(points, -1, 0)
    red = np.sin(2.1 * x + 1.3 * y) + 0.6 * np.sin(5.0 * z + 2.0 * y)
    green = np.sin(1.7 * y - 1.1 * z) + 0.6 * np.sin(4.3 * x - 1.0)
    blue = np.sin(2.9 * z + 0.7 * x) + 0.6 * np.sin(4.7 * y + 0.5)
    checks = 0.5 * np.sign(np.sin(6.0 * x) * np.sin(6.0 * y) * np.sin(6.0 * z + 0.3))
    colour = np.stack([red, green, blue], axis=-1) + checks[..., None]
    return np.clip(127.5 + 60.0 * colour, 0, 255).astype(np.uint8)
