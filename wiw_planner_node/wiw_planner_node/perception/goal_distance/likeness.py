"""How alike the colours of each heading at a place and of a goal photo are: quick and not learned.

The measure of :mod:`wiw_planner_node.perception.place` on small pictures, a value per heading and
horizontal band. The network starts from it, so that it need not learn what is known.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.observation import Rgb
from wiw_planner_node.perception.goal_distance.views import GOAL_WIDTH, WIDTH, Mask

HEADINGS, BANDS = 16, 3
_ROWS = slice(6, 42)
"""45 degrees up and down."""
_BINS = np.array([8, 20, 20])
_LOW, _HIGH = np.array([0.0, -50.0, -50.0]), np.array([100.0, 50.0, 50.0])
_TOTAL = int(_BINS.prod())
_GROUP = WIDTH // HEADINGS

Floats = npt.NDArray[np.float32]


def place_colours(band: Rgb) -> Floats:
    """Return (16, 3, 3200) unit vectors: what each 90 degrees of the band (48, 128, 3) show."""
    sixteenths = _histogram(band, np.ones(band.shape[:2], bool))
    windows = np.zeros_like(sixteenths)
    for k in range(GOAL_WIDTH // _GROUP):
        windows += np.roll(sixteenths, -k, axis=0)
    return _unit(windows)


def goal_colours(part: Rgb, known: Mask) -> Floats:
    """Return (3, 3200) unit vectors of a goal's part (48, 32, 3)."""
    return _unit(_histogram(part, known).sum(axis=0))


def likeness(places: Floats, goal: Floats) -> Floats:
    """Return (.., 16, 3), 0 to 1, of :func:`place_colours` and :func:`goal_colours`."""
    return np.asarray((places[..., None, :] @ goal[..., None])[..., 0, 0], np.float32)


def _unit(counts: Floats) -> Floats:
    return np.asarray(np.sqrt(counts / (counts.sum(axis=-1, keepdims=True) + np.float32(1e-6))))


def _histogram(rgb: Rgb, known: Mask) -> Floats:
    """Return (groups, 3, 3200) counts of colours, each shared linearly between 8 bins."""
    rgb, weight = rgb[_ROWS], known[_ROWS].astype(np.float32)
    height, width = weight.shape
    lab = cv2.cvtColor(np.ascontiguousarray(rgb).astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    at = ((lab - _LOW) / (_HIGH - _LOW) * _BINS - 0.5).clip(0.0, _BINS - 1).astype(np.float32)
    floor = np.minimum(at.astype(np.int64), _BINS - 2)
    share = at - floor.astype(np.float32)
    group = np.arange(width) // _GROUP * BANDS
    start = (group[None] + (np.arange(height) * BANDS // height)[:, None]) * _TOTAL
    start = start + (floor[..., 0] * _BINS[1] + floor[..., 1]) * _BINS[2] + floor[..., 2]
    index, weights = [], []
    for corner in np.ndindex(2, 2, 2):
        index.append(start + (corner[0] * _BINS[1] + corner[1]) * _BINS[2] + corner[2])
        weights.append(weight * np.where(corner, share, 1.0 - share).prod(axis=-1))
    size = width // _GROUP * BANDS * _TOTAL
    counts = np.bincount(np.stack(index).ravel(), np.stack(weights).ravel(), size)
    return counts.reshape(-1, BANDS, _TOTAL).astype(np.float32)
