"""What one calibrated RGB-D look at the table holds, as points in the arm's base frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.cameras import pinhole
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array
from wiw_core.observation import Projection, Rgb, View

TABLE_M = 0.75
"""Height of the table top."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that does not move.

    Attributes
    ----------
    intrinsics : (3, 3) float64
        For pictures of ``size``.
    T_base_camera : (4, 4) float64
        Pose of its optical frame; metres.
    size : (int, int)
        Height and width in pixels.
    """

    intrinsics: Array
    T_base_camera: Array
    size: tuple[int, int]

    def at(self, size: tuple[int, int]) -> Camera:
        """Return the camera for pictures of another size."""
        k = pinhole.resized(self.intrinsics, self.size, size)
        return Camera(k, self.T_base_camera, size)

    def pixels(self, points: npt.ArrayLike) -> tuple[Array, Array]:
        """Return columns and rows (N, 2), and depths (N,), of points (N, 3); NaN behind it."""
        turn, eye = self.T_base_camera[:3, :3], self.T_base_camera[:3, 3]
        local = (np.asarray(points, np.float64) - eye) @ turn
        uv, depth = pinhole.project(local, self.intrinsics)
        return np.asarray(uv, np.float64), np.asarray(depth, np.float64)

    def points(self, depth: npt.ArrayLike) -> Array:
        """Return (H, W, 3) points of a depth image; 2 m below the floor where it is unknown."""
        z = np.asarray(depth, np.float64)
        known = np.isfinite(z) & (z > 0.0)
        local = pinhole.unproject(np.where(known, z, 1.0), self.intrinsics)
        points = local @ self.T_base_camera[:3, :3].T + self.T_base_camera[:3, 3]
        points[~known] = (0.0, 0.0, -2.0)
        return np.asarray(points)


@dataclass(frozen=True)
class Look:
    """A picture with its points, at one size.

    Attributes
    ----------
    rgb : (H, W, 3) uint8
    points : (H, W, 3) float64
        In ``base_link``, metres.
    """

    rgb: Rgb
    points: Array
    camera: Camera

    @property
    def height_m(self) -> Array:
        """Height of every pixel's point above the table, (H, W)."""
        return np.asarray(self.points[..., 2] - TABLE_M)

    def at(self, size: tuple[int, int]) -> Look:
        """Return the look at a size no larger: colours are averaged, points are picked."""
        if size == self.camera.size:
            return self
        rgb = cv2.resize(self.rgb, size[::-1], interpolation=cv2.INTER_AREA)
        points = np.asarray(_picked(self.points, size), np.float64)
        return Look(np.asarray(rgb, np.uint8), points, self.camera.at(size))


def look_of(view: View, size: tuple[int, int]) -> Look:
    """Return a view as a look of ``size`` (height, width).

    Raises
    ------
    WiwError
        ``DEPTH_REQUIRED`` without depth; ``BAD_IMAGE`` unless it is a calibrated perspective view.
    """
    if view.projection is not Projection.PERSPECTIVE or view.intrinsics[0, 0] <= 0.0:
        raise WiwError(
            ErrorCode.BAD_IMAGE,
            f"View '{view.name}' is no calibrated perspective view of the table.",
            "The model 'arm' imagines what a still camera beside the arm sees.",
        )
    if view.depth is None:
        raise WiwError(
            ErrorCode.DEPTH_REQUIRED, f"View '{view.name}' has no depth, which 'arm' needs."
        )
    camera = Camera(view.intrinsics, view.T_base_camera, view.size).at(size)
    smaller = size[0] <= view.size[0] and size[1] <= view.size[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    rgb = cv2.resize(view.rgb, size[::-1], interpolation=how)
    return Look(np.asarray(rgb, np.uint8), camera.points(_picked(view.depth, size)), camera)


def _picked(image: npt.NDArray[np.generic], size: tuple[int, int]) -> npt.NDArray[np.generic]:
    """Return the values at the middles of the pixels of a picture of another size."""
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * (old / new)).astype(int), old - 1)
        for new, old in zip(size, image.shape[:2])
    )
    return np.asarray(image[rows[:, None], columns[None, :]])
