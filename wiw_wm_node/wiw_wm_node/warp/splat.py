"""Forward splatting: the depth that a camera would see of a cloud of points."""

from __future__ import annotations

import cv2
import numpy as np

from wiw_wm_node.warp.fill import push_pull
from wiw_wm_node.warp.lens import Floats, Lens

NEAR_M = 0.05
"""Points closer than this to the camera are not drawn."""
SEE_THROUGH = 1.1
"""A pixel this many times deeper than what surrounds it is seen through a crack in a surface."""
_OPPOSITE = ((0, 1), (1, 0), (1, 1), (1, -1))


def splat(points: Floats, lens: Lens) -> Floats:
    """Return the (H, W) depth in metres of the nearest point in each pixel; inf without one.

    Parameters
    ----------
    points : (N, 3) float32
        In the ``base_link`` that carries the lens.
    """
    x, y, depth = lens.project(points)
    seen = (depth > NEAR_M) & lens.inside(x, y)
    row = np.clip(np.rint(y[seen]).astype(np.intp), 0, lens.height - 1)
    column = np.rint(x[seen]).astype(np.intp) % lens.width
    nearest = np.full(lens.height * lens.width, np.inf, dtype=np.float32)
    np.minimum.at(nearest, row * lens.width + column, depth[seen])
    return nearest.reshape(lens.height, lens.width)


def without_see_through(depth: Floats, wraps: bool) -> Floats:
    """Return the depth with inf where a far surface shows between the points of a near one.

    Near points spread out as the camera approaches them. A pixel is seen through if the pixels on
    two opposite sides of it, one or two away, are both much nearer.
    """
    height, width = depth.shape
    pad = 2
    edge = cv2.BORDER_WRAP if wraps else cv2.BORDER_REPLICATE
    padded = cv2.copyMakeBorder(depth, pad, pad, pad, pad, edge)
    around = np.asarray(padded, dtype=np.float32)

    def shifted(rows: int, columns: int) -> Floats:
        return around[pad + rows : pad + rows + height, pad + columns : pad + columns + width]

    cover = np.full_like(depth, np.inf)
    for step in (1, 2):
        for r, c in _OPPOSITE:
            pair = np.maximum(shifted(step * r, step * c), shifted(-step * r, -step * c))
            np.minimum(cover, pair, out=cover)
    return np.where(depth > SEE_THROUGH * cover, np.float32(np.inf), depth)


def dense(depth: Floats, wraps: bool) -> Floats:
    """Return the (H, W) depth with gaps interpolated in inverse depth: a guess, to be verified."""
    known = np.isfinite(depth)
    inverse = np.where(known, 1.0 / depth, 0.0).astype(np.float32)
    filled = push_pull(inverse[..., None], known.astype(np.float32), wraps)[..., 0]
    return (1.0 / np.maximum(filled, 1e-6)).astype(np.float32)
