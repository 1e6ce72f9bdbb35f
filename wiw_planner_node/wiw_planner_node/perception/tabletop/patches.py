"""Patches of colour in a picture of a table, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from wiw_core.geometry import Array
from wiw_planner_node.perception.tabletop.camera import TableCamera
from wiw_planner_node.perception.tabletop.colours import (
    Colour,
    Floats,
    Mask,
    coloured,
    hue_gap_deg,
)

TABLE_M = 0.75
"""Height of the table top."""
_LOW, _HIGH = (-0.15, -0.5), (0.7, 0.5)
"""The part of the table where things may stand: x and y in metres."""
_LEAST_SHARE = 1.5e-4
"""Share of the picture below which a patch is noise."""
_SATURATED = 0.42
_WOOD_DEG, _WOOD_SATURATION = (8.0, 50.0), 0.62
"""Hues of wood, and the saturation below which such a hue is wood."""
_VALUE = 0.08


def on_table(camera: TableCamera) -> Mask:
    """Return which pixels (H, W) look at the part of the table where things stand."""
    rows, columns = np.indices(camera.size)
    place = camera.on_plane(np.stack([columns, rows], -1), TABLE_M)
    return np.asarray(((place >= _LOW) & (place <= _HIGH)).all(-1))


def middle_of(mask: Mask, camera: TableCamera, z_m: float) -> Array | None:
    """Return where the middle of a mask is, (x, y) in metres if it is ``z_m`` high; None if small.

    The median column and row: a few pixels elsewhere do not move it.
    """
    rows, columns = np.nonzero(mask)
    if len(rows) < max(4.0, _LEAST_SHARE * mask.size):
        return None
    return camera.on_plane(np.array([np.median(columns), np.median(rows)]), z_m)


def place_of(image: Floats, colour: Colour, camera: TableCamera, z_m: float) -> Array | None:
    """Return where an HSV image shows a colour on the table, (x, y) in metres at height ``z_m``."""
    return middle_of(coloured(image, colour) & on_table(camera), camera, z_m)


def hues(image: Floats, camera: TableCamera, but: Sequence[Colour] = ()) -> list[Colour]:
    """Return the colours of the things on the table, the largest patch first, ``but`` left out."""
    hue, saturation, value = image[..., 0], image[..., 1], image[..., 2]
    wood = (hue > _WOOD_DEG[0]) & (hue < _WOOD_DEG[1]) & (saturation < _WOOD_SATURATION)
    free = (saturation >= _SATURATED) & (value >= _VALUE) & ~wood & on_table(camera)
    for colour in but:
        free &= ~coloured(image, colour)
    found: list[Colour] = []
    while True:
        counts = np.histogram(hue[free], bins=72, range=(0.0, 360.0))[0].astype(np.float64)
        near = counts + np.roll(counts, 1) + np.roll(counts, -1)
        best = int(np.argmax(near))
        if near[best] < max(4.0, 2.0 * _LEAST_SHARE * free.size):
            return found
        middle = (best + 0.5) * 5.0
        patch = free & (hue_gap_deg(hue, middle) <= 10.0)
        colour = Colour(middle, float(np.median(saturation[patch])))
        found.append(colour)
        free &= hue_gap_deg(hue, middle) > 30.0


def level_polygon(camera: TableCamera, corners: Array, z_m: float) -> Mask:
    """Return the pixels of a polygon (N, 2) in metres that lies level at ``z_m``."""
    points = np.column_stack([corners, np.full(len(corners), z_m)])
    mask = np.zeros(camera.size, np.uint8)
    cv2.fillPoly(mask, [np.round(camera.pixels(points)).astype(np.int32)], 1)
    return np.asarray(mask > 0)


def disc(middle: Array, radius_m: float) -> Array:
    """Return the corners (24, 2) of a disc in metres."""
    turn = np.arange(24) * (2.0 * np.pi / 24)
    return np.asarray(middle + radius_m * np.column_stack([np.cos(turn), np.sin(turn)]))


def square(middle: Array, half_m: float) -> Array:
    """Return the corners (4, 2) of a square in metres, its sides along x and y."""
    return np.asarray(middle + half_m * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]))
