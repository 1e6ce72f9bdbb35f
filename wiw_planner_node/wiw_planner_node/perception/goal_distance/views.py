"""What the network is shown: a small band of the panorama, and the goal photo as part of one.

Both are equirectangular at the same scale, so that the same thing at the same distance looks the
same in both, and one encoder serves both.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.cameras import panorama
from wiw_core.observation import Rgb, View
from wiw_core.plans import TURN_RAD
from wiw_planner_node.perception.place import photo_fov

WIDTH = 128
"""Columns of the circle."""
FULL_HEIGHT = 72
"""Rows from pole to pole: pixels are as those of a 288 x 512 panorama, four times as coarse."""
HEIGHT = 48
"""Rows that are used, 60 degrees up and down."""
GOAL_WIDTH = 32
"""Columns of the goal's part: 90 degrees."""
GOAL_FOV_RAD = math.pi / 2
_TOP = (FULL_HEIGHT - HEIGHT) // 2
_PHOTO_SIDE = 64

Mask = npt.NDArray[np.bool_]


def band(rgb: Rgb) -> Rgb:
    """Return the (48, 128, 3) uint8 band of a panorama (H, W, 3)."""
    small = cv2.resize(rgb, (WIDTH, FULL_HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(small[_TOP : _TOP + HEIGHT], np.uint8)


def canonical(rgb: Rgb) -> Rgb:
    """Return the panorama turned to a heading that its content alone decides.

    Panoramas at one place that differ by turns of 22.5 degrees become the same picture, to the last
    bit: turning on the spot cannot change a score.

    Raises
    ------
    WiwError
        ``BAD_IMAGE`` if the width is no multiple of 16.
    """
    step = panorama.columns_of_yaw(TURN_RAD, rgb.shape[1])
    turns = panorama.TURNS_PER_CIRCLE
    # Sums of whole numbers are exact, whatever the heading.
    columns = rgb.reshape(len(rgb), -1).sum(axis=0, dtype=np.int32)
    sums = columns.reshape(turns, -1).sum(axis=1, dtype=np.int64).tolist()
    first = max(range(turns), key=lambda k: sums[k:] + sums[:k])
    return np.asarray(np.roll(rgb, -first * step, axis=1))


def goal_part(goal: View) -> tuple[Rgb, Mask]:
    """Return a goal photo as 90 degrees of a panorama around its middle, and where it is known.

    Parameters
    ----------
    goal : View
        Perspective and square. Without intrinsics its field of view is taken to be 90 degrees.

    Returns
    -------
    rgb : (48, 32, 3) uint8
        0 where unknown.
    known : (48, 32) bool

    Raises
    ------
    WiwError
        ``BAD_IMAGE`` if it is a panorama, or not as wide as it is high.
    """
    return photo_part(goal.rgb, photo_fov(goal))


def photo_part(rgb: Rgb, fov_rad: float) -> tuple[Rgb, Mask]:
    """Return the part of a panorama that a level square photo shows; see :func:`goal_part`."""
    small = cv2.resize(rgb, (_PHOTO_SIDE, _PHOTO_SIDE), interpolation=cv2.INTER_AREA)
    map_x, map_y = _photo_map(fov_rad)
    part = cv2.remap(small, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    known = known_part(fov_rad)
    return np.asarray(part * known[..., None], np.uint8), known


@lru_cache(maxsize=64)
def known_part(fov_rad: float) -> Mask:
    """Return (48, 32), where the part of a panorama is shown by a photo of this field of view."""
    map_x, map_y = _photo_map(fov_rad)
    inside = (np.abs(map_x - (_PHOTO_SIDE - 1) / 2) <= _PHOTO_SIDE / 2) & (
        np.abs(map_y - (_PHOTO_SIDE - 1) / 2) <= _PHOTO_SIDE / 2
    )
    inside.flags.writeable = False
    return np.asarray(inside)


@lru_cache(maxsize=64)
def _photo_map(fov_rad: float) -> tuple[panorama.Map, panorama.Map]:
    """Return where each pixel of the part reads the small photo."""
    rays = panorama.rays(FULL_HEIGHT, WIDTH)[_TOP : _TOP + HEIGHT]
    start = (WIDTH - GOAL_WIDTH) // 2
    x, y, z = np.moveaxis(rays[:, start : start + GOAL_WIDTH], -1, 0)
    focal = _PHOTO_SIDE / 2 / math.tan(fov_rad / 2)
    middle = (_PHOTO_SIDE - 1) / 2
    map_x, map_y = middle - focal * y / x, middle - focal * z / x
    return map_x.astype(np.float32), map_y.astype(np.float32)
