"""Four level-headed views cut from a panorama, with or without marks (arXiv 2510.18135, B.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from wiw_core.cameras import panorama, pinhole
from wiw_core.geometry import T_BASE_OPTICAL, Array
from wiw_core.observation import Rgb
from wiw_planner_node.vlm.signs import BLACK, WHITE, draw_sign

VIEWS = ("front", "left", "right", "back")
"""Names of the views, in the order in which they are stitched: two above, two below."""
YAW_RAD = {"front": 0.0, "left": math.pi / 2, "right": -math.pi / 2, "back": math.pi}
"""Where each view looks, counter-clockwise from ahead."""
FOV_RAD, PITCH_RAD = math.radians(105.0), math.radians(-10.0)
"""Horizontal field of view, and how far the cameras look up (appendix B.3)."""
REAL_HW, IMAGINED_HW = (480, 560), (384, 448)
"""Height and width of one real and of one imagined view (appendix B.3)."""
_BAR = 24
_MARGIN = 12.0


@dataclass(frozen=True)
class Mark:
    """A sign to draw: its text, its place (3,) in metres around the camera, its ground colour."""

    text: str
    place: Array
    colour: tuple[int, int, int]


def four_views(
    image: Rgb, size: tuple[int, int] = REAL_HW, marks: Sequence[Mark] = ()
) -> tuple[Rgb, dict[str, tuple[str, ...]]]:
    """Return the stitched picture of a panorama's four views, and which marks each one shows.

    Parameters
    ----------
    image : (H, W, 3) uint8
        A panorama; its centre column looks ahead.
    size : (int, int)
        Height and width of one view in pixels.

    Returns
    -------
    picture : (2 * (height + 24), 2 * width, 3) uint8
        Each view under a bar with its name.
    shown : dict
        Texts of the marks by view, in the order given.
    """
    shown: dict[str, tuple[str, ...]] = {}
    cells = []
    for name in VIEWS:
        view = _cut(image, name, size)
        seen = [(mark, pixel_in(name, size, mark.place)) for mark in marks]
        shown[name] = tuple(mark.text for mark, pixel in seen if pixel is not None)
        for mark, pixel in reversed(seen):  # the first ones lie on top
            if pixel is not None:
                draw_sign(view, mark.text, pixel, mark.colour)
        cells.append(np.vstack([_bar(name, size[1]), view]))
    picture = np.vstack([np.hstack(cells[:2]), np.hstack(cells[2:])])
    return np.asarray(picture, np.uint8), shown


def pixel_in(name: str, size: tuple[int, int], place: Array) -> tuple[int, int] | None:
    """Return the column and row at which a view shows a place (3,), or None if it does not."""
    local = place @ _rotation(name)
    pixel, depth = pinhole.project(local, pinhole.intrinsics(*size, FOV_RAD))
    x, y = (float(v) for v in pixel)
    inside = _MARGIN <= x < size[1] - _MARGIN and _MARGIN <= y < size[0] - _MARGIN
    return (round(x), round(y)) if float(depth) > 0.0 and inside else None


def _cut(image: Rgb, name: str, size: tuple[int, int]) -> Rgb:
    map_x, map_y = _map(name, size, image.shape[:2])
    cut = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(cut, np.uint8)


def _rotation(name: str) -> Array:
    """Return ``R_camera_optical`` (3, 3) of a view, from its optical frame to REP-103 axes."""
    yaw, up = YAW_RAD[name], PITCH_RAD
    c, s = math.cos(yaw), math.sin(yaw)
    turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    c, s = math.cos(up), math.sin(up)
    tilt = np.array([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])
    return np.asarray(turn @ tilt @ T_BASE_OPTICAL[:3, :3], np.float64)


@lru_cache(maxsize=16)
def _map(
    name: str, size: tuple[int, int], hw: tuple[int, int]
) -> tuple[panorama.Map, panorama.Map]:
    rays = pinhole.rays(pinhole.intrinsics(*size, FOV_RAD), *size)
    return panorama.sample_map(rays @ _rotation(name).T, hw)


def _bar(name: str, width: int) -> Rgb:
    bar = np.zeros((_BAR, width, 3), np.uint8)
    draw_sign(bar, name, (width / 2, _BAR / 2), BLACK, WHITE, 0.55)
    return bar
