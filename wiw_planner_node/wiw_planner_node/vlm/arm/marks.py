"""What is drawn on the table's picture for a VLM: a numbered dot per object, and the axes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from wiw_core.geometry import Array
from wiw_core.observation import Rgb, View
from wiw_planner_node.perception.tabletop.camera import TableCamera
from wiw_planner_node.proposers.skeletons import TABLE_M
from wiw_planner_node.vlm.signs import BLACK, WHITE, draw_sign

_CORNER = (0.12, 0.86)
"""Where the axes start, as shares of the picture's width and height."""
_AXIS_M = 0.1
_AXES = (("x", (220, 30, 30)), ("y", (30, 150, 30)), ("z", (30, 60, 230)))


def marked(view: View, places: Sequence[Array]) -> Rgb:
    """Return the view's picture with a numbered dot on each place, and the axes in a corner.

    Parameters
    ----------
    view : View
        A calibrated perspective view.
    places : sequence of (3,) float64
        Middles of objects in metres in the table's frame; numbered from 1. One that the camera does
        not have in front of it is left out of the picture.

    Raises
    ------
    WiwError
        ``BAD_IMAGE`` if the view is no calibrated pinhole.
    """
    camera = TableCamera.of(view)
    picture = np.ascontiguousarray(view.rgb).copy()
    _draw_axes(picture, camera)
    for number, place in enumerate(places, start=1):
        pixel = camera.pixels(place)
        if np.isfinite(pixel).all():
            _draw_dot(picture, pixel, str(number))
    return picture


def _scale(picture: Rgb) -> float:
    """Return how large signs are: 1 in the paper's picture of 500 pixels."""
    return max(0.5, float(picture.shape[0]) / 500.0)


def _draw_dot(picture: Rgb, pixel: Array, label: str) -> None:
    scale = _scale(picture)
    at = _whole(pixel)
    cv2.circle(picture, at, round(5 * scale), WHITE, -1, cv2.LINE_AA)
    cv2.circle(picture, at, round(5 * scale), BLACK, 1, cv2.LINE_AA)
    beside = (at[0] + 16 * scale, at[1] - 14 * scale)
    draw_sign(picture, label, beside, WHITE, size=0.6 * scale)


def _draw_axes(picture: Rgb, camera: TableCamera) -> None:
    height, width = picture.shape[:2]
    start = np.array([_CORNER[0] * (width - 1), _CORNER[1] * (height - 1)])
    origin = np.append(camera.on_plane(start, TABLE_M), TABLE_M)
    ends = camera.pixels(origin + _AXIS_M * np.eye(3))
    scale = _scale(picture)
    thick = max(1, round(2 * scale))
    for end, (name, colour) in zip(ends, _AXES):
        if np.isfinite(end).all():
            cv2.arrowedLine(picture, _whole(start), _whole(end), colour, thick, cv2.LINE_AA)
            beyond = end + (end - start) / np.linalg.norm(end - start) * 10 * scale
            draw_sign(picture, name, (beyond[0], beyond[1]), WHITE, colour, 0.5 * scale)


def _whole(pixel: Array) -> tuple[int, int]:
    x, y = np.clip(np.rint(pixel), -1e4, 1e4)
    return int(x), int(y)
