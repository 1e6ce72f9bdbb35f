"""The equirectangular panorama, 360 x 180 degrees at any size; axes are those of ``base_link``.

The centre column looks along +x, columns to the right turn clockwise (to -y), row 0 looks up.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from wiw_core.cameras import pinhole
from wiw_core.cameras.pinhole import Floats
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import T_BASE_OPTICAL, Array
from wiw_core.plans import TURN_RAD

Map = npt.NDArray[np.float32]

TURNS_PER_CIRCLE = round(2.0 * math.pi / TURN_RAD)
"""16: the widths that can be rolled exactly are its multiples."""


def rays(height: int, width: int) -> Array:
    """Return (H, W, 3) unit rays of the pixel centres."""
    longitude = (np.arange(width) + 0.5) / width * 2.0 * math.pi - math.pi
    latitude = 0.5 * math.pi - (np.arange(height) + 0.5) / height * math.pi
    level = np.cos(latitude)[:, None]
    out = np.empty((height, width, 3))
    out[..., 0] = level * np.cos(longitude)[None, :]
    out[..., 1] = -level * np.sin(longitude)[None, :]
    out[..., 2] = np.sin(latitude)[:, None]
    return out


def project(points: npt.ArrayLike, height: int, width: int) -> tuple[Floats, Floats]:
    """Return pixels (..., 2) and ranges (...) in metres of (..., 3) points around the camera.

    x and y are in [-0.5, W - 0.5] and [-0.5, H - 0.5]; x wraps. The camera's place is NaN.
    Points of type float32 are computed in float32.
    """
    xyz = pinhole.floating(points)
    distance = np.sqrt(np.einsum("...i,...i->...", xyz, xyz))
    sine = xyz[..., 2] / np.where(distance > 0.0, distance, np.nan)
    longitude = np.arctan2(-xyz[..., 1], xyz[..., 0]) + 0.0 * sine
    latitude = np.arcsin(np.clip(sine, -1.0, 1.0))
    x = (longitude / (2.0 * math.pi) + 0.5) * width - 0.5
    y = (0.5 - latitude / math.pi) * height - 0.5
    return np.stack([x, y], axis=-1), distance


def unproject(distance: npt.ArrayLike) -> Array:
    """Return (H, W, 3) points in metres around the camera, of (H, W) depth along the rays."""
    d = np.asarray(distance, dtype=np.float64)
    return rays(*d.shape) * d[..., None]


def columns_of_yaw(yaw_rad: float, width: int) -> int:
    """Return by how many columns a turn of the camera moves the image; left turns move it right.

    Raises
    ------
    WiwError
        ``BAD_IMAGE`` if the width is no multiple of 16, ``BAD_PARAMETER`` if the yaw is no multiple
        of 22.5 degrees: the roll would not be exact.
    """
    if width < 1 or width % TURNS_PER_CIRCLE:
        raise WiwError(
            ErrorCode.BAD_IMAGE,
            f"A panorama {width} columns wide cannot be turned exactly.",
            f"Its width must be a multiple of {TURNS_PER_CIRCLE}.",
        )
    turns = yaw_rad / TURN_RAD
    if not math.isfinite(turns) or abs(turns - round(turns)) > 1e-6:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"A yaw of {math.degrees(yaw_rad):g} degrees is not a multiple of 22.5.",
        )
    return (round(turns) * (width // TURNS_PER_CIRCLE)) % width


def roll_yaw(image: npt.NDArray[np.generic], yaw_rad: float) -> npt.NDArray[np.generic]:
    """Return the (H, W, ...) panorama after the camera has turned left by ``yaw_rad``; exact.

    Raises as :func:`columns_of_yaw`.
    """
    return np.roll(image, columns_of_yaw(yaw_rad, image.shape[1]), axis=1)


def perspective_map(
    height: int, width: int, fov_rad: float, yaw_rad: float, pano_hw: tuple[int, int]
) -> tuple[Map, Map]:
    """Return where a level pinhole camera, turned left by ``yaw_rad``, reads a panorama.

    Parameters
    ----------
    height, width : int
        Size of the perspective image; ``fov_rad`` is its horizontal field of view.
    pano_hw : (int, int)
        Height and width of the panorama.

    Returns
    -------
    map_x, map_y : (height, width) float32
        x wraps round: sample with ``cv2.BORDER_WRAP`` or ``sampling.bilinear(..., wrap=True)``.
    """
    optical = pinhole.rays(pinhole.intrinsics(height, width, fov_rad), height, width)
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    r_pano_camera = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]) @ T_BASE_OPTICAL[:3, :3]
    return sample_map(optical @ r_pano_camera.T, pano_hw)


def sample_map(directions: Floats, pano_hw: tuple[int, int]) -> tuple[Map, Map]:
    """Return where rays (..., 3), of any length, read a panorama; the poles are clamped."""
    pixels, _ = project(directions, *pano_hw)
    y = np.clip(pixels[..., 1], 0.0, pano_hw[0] - 1.0)
    return pixels[..., 0].astype(np.float32), y.astype(np.float32)
