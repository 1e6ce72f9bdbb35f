"""What the inpainter is shown: a warped frame at a small size, filled smoothly to begin with."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from wiw_wm_node.warp.fill import filled_smoothly
from wiw_wm_node.warp.lens import Floats, Mask
from wiw_wm_node.warp.warped import Warped

ROWS = 96
"""Height at which it works; the width follows. Larger frames are shrunk, smaller ones are not."""
NEAREST_M = 0.25
_MULTIPLE = 16


def working_size(height: int, width: int) -> tuple[int, int]:
    """Return the size, multiples of 16, at which a frame of this size is filled."""
    rows = min(ROWS, max(_MULTIPLE, height // _MULTIPLE * _MULTIPLE))
    columns = round(width * rows / height / _MULTIPLE) * _MULTIPLE
    return rows, max(_MULTIPLE, columns)


def features(warped: Warped) -> tuple[npt.NDArray[np.float32], Mask]:
    """Return the (6, h, w) input of the network and the (h, w) mask of what is known there.

    Channels: colours filled smoothly (red, green, blue, -0.5 to 0.5), known or not (0 or 1),
    nearness (0.25 m over the depth, at most 1), sine of the ray's elevation.
    """
    rows, columns = working_size(*warped.seen.shape)
    share = _shrunk(warped.seen.astype(np.float32), rows, columns)
    known = share > 0.5
    colours = _shrunk(warped.rgb.astype(np.float32), rows, columns)
    colours /= np.maximum(share, 1e-6)[..., None]  # unseen pixels are 0, so this averages the seen
    nearness = _shrunk(np.minimum(NEAREST_M / warped.depth, 1.0), rows, columns)
    filled = filled_smoothly(colours, known, NEAREST_M / nearness, warped.lens.wraps)
    out = np.empty((6, rows, columns), dtype=np.float32)
    colours = np.where(known[..., None], colours, filled)
    out[:3] = colours.transpose(2, 0, 1) / 255.0 - 0.5
    out[3] = known
    out[4] = nearness
    out[5] = _shrunk(warped.lens.elevation, rows, columns)
    return out, known


def _shrunk(image: Floats, rows: int, columns: int) -> Floats:
    if image.shape[:2] == (rows, columns):
        return image.copy()
    return np.asarray(cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
