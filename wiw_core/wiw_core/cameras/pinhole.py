"""The pinhole camera: intrinsics, rays, projection; optical frame (z forward, x right, y down)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array

Floats = npt.NDArray[np.floating[Any]]


def floating(values: npt.ArrayLike) -> Floats:
    """Return the values as float32 if that is what they are, else as float64."""
    array = np.asarray(values)
    return array if array.dtype == np.float32 else array.astype(np.float64, copy=False)


def intrinsics(height: int, width: int, fov_rad: float) -> Array:
    """Return the (3, 3) matrix of a camera with square pixels and this *horizontal* field of view.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` unless the size is positive and 0 < ``fov_rad`` < pi.
    """
    if height < 1 or width < 1:
        raise WiwError(ErrorCode.BAD_PARAMETER, f"An image of {height}x{width} pixels is empty.")
    if not 0.0 < fov_rad < math.pi:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"A pinhole camera cannot have a field of view of {math.degrees(fov_rad):g} degrees.",
            "Give more than 0 and less than 180.",
        )
    focal = 0.5 * width / math.tan(0.5 * fov_rad)
    return np.array(
        [[focal, 0.0, 0.5 * (width - 1)], [0.0, focal, 0.5 * (height - 1)], [0.0, 0.0, 1.0]]
    )


def resized(k: Array, old_hw: tuple[int, int], new_hw: tuple[int, int]) -> Array:
    """Return the matrix of the camera once its image is resized from ``old_hw`` to ``new_hw``."""
    sy, sx = new_hw[0] / old_hw[0], new_hw[1] / old_hw[1]
    out = k * np.array([[sx], [sy], [1.0]])
    out[0, 2], out[1, 2] = (k[0, 2] + 0.5) * sx - 0.5, (k[1, 2] + 0.5) * sy - 0.5
    return out


def horizontal_fov(k: Array, width: int) -> float:
    """Return the horizontal field of view in radians of a camera with matrix ``k``."""
    cx, focal = float(k[0, 2]), float(k[0, 0])
    return math.atan((cx + 0.5) / focal) + math.atan((width - 0.5 - cx) / focal)


def rays(k: Array, height: int, width: int) -> Array:
    """Return (H, W, 3) rays with z = 1; their length turns depth along the axis into range."""
    x = (np.arange(width) - k[0, 2]) / k[0, 0]
    y = (np.arange(height) - k[1, 2]) / k[1, 1]
    out = np.ones((height, width, 3))
    out[..., 0], out[..., 1] = x[None, :], y[:, None]
    return out


def project(points: npt.ArrayLike, k: Array) -> tuple[Floats, Floats]:
    """Return pixels (..., 2) and depths (...) in metres of (..., 3) points in the optical frame.

    Pixels of points that are not in front of the camera (depth <= 0) are NaN. Points in float32
    stay in float32.
    """
    xyz = floating(points)
    depth = xyz[..., 2]
    z = np.where(depth > 0.0, depth, np.nan)
    x = float(k[0, 0]) * xyz[..., 0] / z + float(k[0, 2])
    y = float(k[1, 1]) * xyz[..., 1] / z + float(k[1, 2])
    return np.stack([x, y], axis=-1), depth


def unproject(depth: npt.ArrayLike, k: Array) -> Array:
    """Return (H, W, 3) points in metres, optical frame, of (H, W) depth along the optical axis."""
    z = np.asarray(depth, dtype=np.float64)
    return rays(k, *z.shape) * z[..., None]
