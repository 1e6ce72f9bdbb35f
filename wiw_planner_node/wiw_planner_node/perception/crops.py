"""Looking straight at a thing: square crops around a direction, from any view."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from wiw_core.cameras import panorama, pinhole
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import T_BASE_OPTICAL, Array, Pose2
from wiw_core.observation import Box, Depth, Projection, Rgb, View

SIDE = 32
"""Height and width of a crop in pixels."""
_FINEST = 8
WIDEST_RAD = math.radians(120.0)


@dataclass(frozen=True)
class Gaze:
    """Where a camera looks: a direction and how much around it.

    Attributes
    ----------
    direction : (3,) float64
        Unit vector in axes parallel to ``base_link``.
    fov_rad : float
        Width and height of the crop as an angle.
    """

    direction: Array
    fov_rad: float

    def rotation(self) -> Array:
        """Return ``R_base_optical`` (3, 3) of a camera that looks this way and is level."""
        yaw_rad = math.atan2(float(self.direction[1]), float(self.direction[0]))
        right = np.array([math.sin(yaw_rad), -math.cos(yaw_rad), 0.0])
        return np.stack([right, np.cross(self.direction, right), self.direction], axis=1)


def gaze_at_box(view: View, box: Box) -> Gaze:
    """Return the gaze at the middle of a box that just takes in all of it.

    ``x1`` of a box in a panorama may exceed the width: the box then wraps round.

    Raises
    ------
    WiwError
        ``BAD_IMAGE`` if the box is empty or outside the view.
    """
    height, width = view.size
    x0, y0, x1, y1 = box
    wraps = view.projection is Projection.EQUIRECTANGULAR
    if not (0 <= x0 < width and x0 < x1 <= (x0 + width if wraps else width)) or not (
        0 <= y0 < y1 <= height
    ):
        raise WiwError(
            ErrorCode.BAD_IMAGE,
            f"The target box {box} is not inside the {height}x{width} view '{view.name}'.",
        )
    x, y = (x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2
    across = _angle(_ray(view, x0 - 0.5, y), _ray(view, x1 - 0.5, y))
    upright = _angle(_ray(view, x, y0 - 0.5), _ray(view, x, y1 - 0.5))
    return Gaze(_ray(view, x, y), min(max(across, upright), WIDEST_RAD))


def gaze_after(point: Array, size_m: float, motion: Pose2) -> Gaze:
    """Return the gaze at a point once the robot has moved.

    Parameters
    ----------
    point : (3,) float64
        From the camera, in axes parallel to ``base_link`` now; metres.
    size_m : float
        Extent of what the crop takes in.
    motion : Pose2
        ``T_now_then`` of the base; the camera sits above its origin.
    """
    then = motion.inverse() * Pose2(float(point[0]), float(point[1]))
    direction = np.array([then.x_m, then.y_m, point[2]])
    distance_m = max(float(np.linalg.norm(direction)), 0.05)
    return Gaze(direction / distance_m, min(2.0 * math.atan2(size_m / 2.0, distance_m), WIDEST_RAD))


def look(view: View, gaze: Gaze, side: int = SIDE) -> Rgb:
    """Return the (side, side, 3) crop; what lies outside a pinhole view repeats its edge."""
    finer = min(_FINEST, max(1, math.ceil(pixels_across(view, gaze) / side)))
    fine = side * finer
    rays = pinhole.rays(pinhole.intrinsics(fine, fine, gaze.fov_rad), fine, fine)
    map_x, map_y = _sample_map(view, rays @ gaze.rotation().T)
    crop = cv2.remap(view.rgb, map_x, map_y, cv2.INTER_LINEAR, borderMode=_border(view))
    return np.asarray(cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def gaze_within(gaze: Gaze, side: int, box: Box) -> Gaze:
    """Return the gaze at a box in the crop that ``look(view, gaze, side)`` gives."""
    k = pinhole.intrinsics(side, side, gaze.fov_rad)
    crop = View("crop", np.zeros((side, side, 3), np.uint8), intrinsics=k, T_base_camera=np.eye(4))
    inner = gaze_at_box(crop, box)
    return Gaze(gaze.rotation() @ inner.direction, inner.fov_rad)


def holds(view: View, gaze: Gaze) -> bool:
    """Tell whether a view shows all that the crop takes in."""
    if view.projection is Projection.EQUIRECTANGULAR:
        return True
    half = math.tan(gaze.fov_rad / 2.0)
    corners = np.array([[x, y, 1.0] for x in (-half, half) for y in (-half, half)])
    rays = corners @ gaze.rotation().T @ view.T_base_camera[:3, :3]
    pixels = pinhole.project(rays, view.intrinsics)[0]
    height, width = view.size
    # A ray that points away from the picture has no pixel: NaN, which is not inside.
    return bool(((pixels >= -0.5) & (pixels <= (width - 0.5, height - 0.5))).all())


def pixels_across(view: View, gaze: Gaze) -> float:
    """Return how many of the view's own pixels the crop spans."""
    if view.projection is Projection.EQUIRECTANGULAR:
        return gaze.fov_rad * view.size[1] / (2.0 * math.pi)
    return 2.0 * math.tan(gaze.fov_rad / 2.0) * float(view.intrinsics[0, 0])


def ranges(view: View, gaze: Gaze, side: int) -> Depth:
    """Return metres from the camera for each pixel (side, side) of a crop; NaN where unknown."""
    if view.depth is None:
        return np.full((side, side), np.nan, np.float32)
    k = pinhole.intrinsics(side, side, gaze.fov_rad)
    rays = pinhole.rays(k, side, side) @ gaze.rotation().T
    map_x, map_y = _sample_map(view, rays)
    metres = cv2.remap(view.depth, map_x, map_y, cv2.INTER_NEAREST, borderMode=_border(view))
    if view.projection is Projection.PERSPECTIVE:
        metres = metres * np.linalg.norm(rays, axis=-1) / (rays @ view.T_base_camera[:3, 2])
    known = np.isfinite(metres) & (metres > 0.0)
    return np.asarray(np.where(known, metres, np.nan), np.float32)


def _sample_map(view: View, rays: Array) -> tuple[panorama.Map, panorama.Map]:
    """Return where in a view to read rays (H, W, 3), in axes parallel to ``base_link``."""
    rays = rays @ view.T_base_camera[:3, :3]
    if view.projection is Projection.EQUIRECTANGULAR:
        return panorama.sample_map(rays @ T_BASE_OPTICAL[:3, :3].T, view.size)
    pixels = np.nan_to_num(pinhole.project(rays, view.intrinsics)[0], nan=-1.0)
    return pixels[..., 0].astype(np.float32), pixels[..., 1].astype(np.float32)


def _border(view: View) -> int:
    wraps = view.projection is Projection.EQUIRECTANGULAR
    return cv2.BORDER_WRAP if wraps else cv2.BORDER_REPLICATE


def _ray(view: View, x: float, y: float) -> Array:
    """Return the unit ray of a pixel in axes parallel to ``base_link``."""
    height, width = view.size
    if view.projection is Projection.EQUIRECTANGULAR:
        longitude = (x + 0.5) / width * 2.0 * math.pi - math.pi
        latitude = 0.5 * math.pi - (y + 0.5) / height * math.pi
        level = math.cos(latitude)
        ahead = (level * math.cos(longitude), -level * math.sin(longitude), math.sin(latitude))
        optical = np.array(ahead) @ T_BASE_OPTICAL[:3, :3]
    else:
        k = view.intrinsics
        optical = np.array([(x - k[0, 2]) / k[0, 0], (y - k[1, 2]) / k[1, 1], 1.0])
    ray = view.T_base_camera[:3, :3] @ optical
    return np.asarray(ray / np.linalg.norm(ray))


def _angle(a: Array, b: Array) -> float:
    return math.acos(float(np.clip(a @ b, -1.0, 1.0)))
