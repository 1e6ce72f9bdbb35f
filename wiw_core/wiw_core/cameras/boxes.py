"""From the mask of a target to the box that a task may show."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wiw_core.observation import Box

ENLARGE = 1.15
"""Factor on the box's width and height (arXiv 2510.18135, released active-recognition solver)."""


def target_box(mask: npt.NDArray[np.bool_], *, wraps: bool) -> Box | None:
    """Return the enlarged box of the mask's largest connected part; None if the mask is empty.

    Parameters
    ----------
    mask : (H, W) bool
    wraps : bool
        The image is a panorama: parts join across its left and right edge, and the box's right end
        may then exceed the width.
    """
    height, width = mask.shape
    columns = mask.any(axis=0)
    if not columns.any():
        return None
    # Cut a panorama at a column without target, so that no part is split by the edge.
    cut = int(np.argmin(columns)) if wraps else 0
    labels, _ = ndimage.label(np.roll(mask, -cut, axis=1), structure=np.ones((3, 3), np.int8))
    largest = 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    rows, across = ndimage.find_objects(labels, max_label=largest)[largest - 1]
    x, y, w, h = across.start, rows.start, across.stop - across.start, rows.stop - rows.start
    grow_x, grow_y = w * (ENLARGE - 1) / 2, h * (ENLARGE - 1) / 2
    x0, x1 = math.floor(x - grow_x), math.ceil(x + w + grow_x)
    y0, y1 = max(0, math.floor(y - grow_y)), min(height, math.ceil(y + h + grow_y))
    if not wraps:
        return max(0, x0), y0, min(width, x1), y1
    span, left = min(width, x1 - x0), (x0 + cut) % width
    return left, y0, left + span, y1
