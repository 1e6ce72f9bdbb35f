"""Imagined frames as a camera that looks ahead sees them, cut to what another picture shows too."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from wiw_core.cameras import panorama, pinhole
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Projection, Rgb, View

FOV_DEG = 90.0
"""Horizontal field of view that our world models give perspective frames by default."""


def check_fov(fov_deg: float) -> float:
    """Return the degrees in radians; raises ``BAD_PARAMETER`` unless above 0 and below 180."""
    if not 0.0 < fov_deg < 180.0:  # also refuses NaN
        raise WiwError(
            ErrorCode.BAD_PARAMETER, f"fov_deg is {fov_deg}; it is above 0 and below 180."
        )
    return math.radians(fov_deg)


def imagined_view(frame: Rgb, projection: Projection, fov_rad: float) -> View:
    """Return an imagined frame as a view: a panorama, or a level camera that looks ahead.

    Parameters
    ----------
    frame : (H, W, 3) uint8
    fov_rad : float
        Horizontal field of view of a perspective frame.
    """
    height, width = frame.shape[:2]
    if projection is Projection.EQUIRECTANGULAR:
        return View("imagined", frame, projection)
    return View("imagined", frame, intrinsics=pinhole.intrinsics(height, width, fov_rad))


@dataclass(frozen=True)
class Extent:
    """What a camera shows: tangents of the angles from its axis to its sides and to its top."""

    across: float
    upright: float

    @classmethod
    def of(cls, size: tuple[int, int], fov_rad: float) -> Extent:
        """Return that of a picture of (height, width) with this horizontal field of view."""
        across = math.tan(fov_rad / 2.0)
        return cls(across, across * size[0] / size[1])

    def common(self, other: Extent) -> Extent:
        """Return what both show."""
        return Extent(min(self.across, other.across), min(self.upright, other.upright))

    def size(self, side: int) -> tuple[int, int]:
        """Return height and width of a picture of square pixels whose longer side is ``side``."""
        longer = max(self.across, self.upright)
        rows, columns = (max(1, round(side * t / longer)) for t in (self.upright, self.across))
        return rows, columns


def cut(rgb: Rgb, own: Extent, wanted: Extent, size: tuple[int, int]) -> Rgb:
    """Return the middle of a perspective picture that shows ``wanted``, at (height, width).

    ``wanted`` is within ``own``.
    """
    height, width = rgb.shape[:2]
    rows = max(1, round(height * wanted.upright / own.upright))
    columns = max(1, round(width * wanted.across / own.across))
    top, left = (height - rows) // 2, (width - columns) // 2
    part = rgb[top : top + rows, left : left + columns]
    smaller = size[0] <= rows and size[1] <= columns
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, size[::-1], interpolation=how), np.uint8)


def ahead(rgb: Rgb, wanted: Extent, size: tuple[int, int]) -> Rgb:
    """Return what a level camera that looks ahead sees of a panorama, at (height, width)."""
    # Drawn twice as fine and then averaged: a panorama may have more pixels than are wanted.
    fine = (2 * size[0], 2 * size[1])
    hw = (int(rgb.shape[0]), int(rgb.shape[1]))
    maps = panorama.perspective_map(*fine, 2.0 * math.atan(wanted.across), 0.0, hw)
    drawn = cv2.remap(rgb, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(cv2.resize(drawn, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)
