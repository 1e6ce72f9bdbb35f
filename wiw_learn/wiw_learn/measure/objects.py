"""Where things are in a picture: coloured objects by their mask, the tool by its picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_core.geometry import Array
from wiw_core.observation import Rgb
from wiw_learn.measure.images import Floats

WINDOW = 0.12
"""Half side of the window in which an object is looked for, as a share of the picture's height."""
NEAR, SURROUNDING, APART = 0.04, 0.09, 50
"""Radii of a thing and of what surrounds it, as shares of the height; levels that part them."""
PATCH, SEARCH = 0.08, 0.15
"""Half sides of the tool's picture, and of the places where it is looked for."""
TOLERANCE = 40
"""Levels by which a pixel's colours may each differ from the object's."""
_LEAST_PIXELS, _MOST_SHARE, _LOST_SHARE = 6, 0.6, 0.3
_FLAT = 6.0

Point = npt.NDArray[np.float64]
"""x, y in pixels."""


def pixel_of(point: Array, intrinsics: Array, T_base_camera: Array) -> tuple[Point, float]:
    """Return where a (3,) point in ``base_link`` is seen, and its depth in metres."""
    local = T_base_camera[:3, :3].T @ (np.asarray(point, np.float64) - T_base_camera[:3, 3])
    pixel = intrinsics @ local
    return np.asarray(pixel[:2] / pixel[2]), float(local[2])


def colour_at(image: Rgb, place: Point) -> npt.NDArray[np.int16] | None:
    """Return the colour by which a thing stands out from what surrounds it, None if it does not.

    The median of those pixels close to its centroid that are unlike the median a little farther
    off: a ring is known by its own colour, not by what shows through it.
    """
    rows, columns = np.indices(image.shape[:2])
    distance = np.hypot(columns - place[0], rows - place[1]) / len(image)
    around = image[(distance > NEAR) & (distance <= SURROUNDING)]
    near = image[distance <= NEAR].astype(np.int16)
    if not len(around) or not len(near):
        return None
    unlike = np.abs(near - np.median(around, axis=0)).max(axis=1) > APART
    if unlike.sum() < _LEAST_PIXELS:
        return None
    return np.asarray(np.median(near[unlike], axis=0), np.int16)


def centroid(image: Rgb, colour: npt.NDArray[np.int16], around: Point) -> tuple[Point, int]:
    """Return the centroid and the number of pixels of a colour in the window around a place."""
    window, corner = _window(image, around, WINDOW)
    off = np.abs(window.astype(np.int16) - colour).max(axis=-1)
    rows, columns = np.nonzero(off <= TOLERANCE)
    if not rows.size:
        return np.full(2, np.nan), 0
    return corner + np.array([columns.mean(), rows.mean()]), int(rows.size)


def object_error(
    imagined: Rgb, real: Rgb, colour: npt.NDArray[np.int16], around: Point
) -> tuple[float, Point, Point]:
    """Return how far off an object is, as a share of the height, and both places in pixels.

    The window's half side if it is not there in the imagined picture (less than 0.3 of its real
    pixels); NaN if the real picture does not show it apart from what surrounds it.
    """
    there, size = centroid(real, colour, around)
    window, _ = _window(real, around, WINDOW)
    nowhere = np.full(2, np.nan)
    if size < _LEAST_PIXELS or size > _MOST_SHARE * window[..., 0].size:
        return float("nan"), nowhere, there
    found, seen = centroid(imagined, colour, around)
    if seen < max(_LEAST_PIXELS, _LOST_SHARE * size):
        return WINDOW, nowhere, there
    return min(WINDOW, float(np.hypot(*(found - there))) / len(real)), found, there


def tool_error(imagined: Rgb, real: Rgb, tool: Point) -> float:
    """Return how far off the tool's picture is, as a share of the height; NaN if it has no detail.

    The real picture around the tool is looked for in the imagined one, by least squared difference.
    """
    half, reach = (max(2, round(share * len(real))) for share in (PATCH, SEARCH))
    x, y = (int(v) for v in np.rint(tool))
    if not (half <= x < real.shape[1] - half and half <= y < real.shape[0] - half):
        return float("nan")
    patch = real[y - half : y + half + 1, x - half : x + half + 1].astype(np.float64)
    if patch.std(axis=(0, 1)).mean() < _FLAT:
        return float("nan")
    top, left = max(half, y - reach), max(half, x - reach)
    bottom, right = (min(n - half - 1, v + reach) for n, v in zip(real.shape[:2], (y, x)))
    area = imagined[top - half : bottom + half + 1, left - half : right + half + 1]
    errors = _differences(area.astype(np.float64), patch)
    row, column = np.unravel_index(int(errors.argmin()), errors.shape)
    off = np.hypot(top + int(row) - y, left + int(column) - x)
    return float(off) / len(real)


def _differences(area: Floats, patch: Floats) -> npt.NDArray[np.float64]:
    """Return the squared difference of a patch to every place of an area where it fits."""
    windows: npt.NDArray[Any] = np.lib.stride_tricks.sliding_window_view(area, patch.shape)
    energy = np.square(windows).sum(axis=(-3, -2, -1))
    product = np.einsum("abzijc,ijc->abz", windows, patch, optimize=True)[..., 0]
    return np.asarray(energy[..., 0] - 2.0 * product + np.square(patch).sum())


def _window(image: Rgb, around: Point, share: float) -> tuple[Rgb, Point]:
    half = share * len(image)
    low = np.maximum(np.rint(around - half), 0).astype(int)
    high = np.maximum(np.rint(around + half), 0).astype(int) + 1
    return image[low[1] : high[1], low[0] : high[0]], low.astype(np.float64)
