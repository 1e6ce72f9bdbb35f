"""Filling holes smoothly: from ever coarser averages, mostly of what is far."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from wiw_wm_node.warp.lens import Floats, Mask
from wiw_wm_node.warp.warped import Frame, Warped

Fill = Callable[[Warped], Frame]
"""Makes a frame of a warped picture; real pixels stay as they are."""

_REACH = 0.06  # share of the width within which a farther surface goes on behind a nearer one


def push_pull(values: Floats, weight: Floats, wraps: bool) -> Floats:
    """Return the values with gaps filled from ever coarser averages (Gortler et al., 1996).

    Parameters
    ----------
    values : (H, W, C) float32
    weight : (H, W) float32
        0 where unknown, 1 where certain (returned as it is), between where neighbours weigh in too.
    wraps : bool
        The left and right edges meet, as in a panorama.
    """
    filled = _fill(values * weight[..., None], weight, weight, wraps)
    return np.where(weight[..., None] >= 1.0, values, filled)


def _fill(summed: Floats, weight: Floats, share: Floats, wraps: bool) -> Floats:
    """Fill one level: ``summed`` is value times weight, ``share`` the part that is known here."""
    height, width = weight.shape
    average = np.asarray(summed / np.maximum(weight, 1e-12)[..., None], dtype=np.float32)
    if max(height, width) == 1 or share.min() >= 1.0:
        return average
    size = ((width + 1) // 2, (height + 1) // 2)

    def halved(image: Floats) -> Floats:
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.float32).reshape(size[1], size[0], *image.shape[2:])

    coarse = _fill(halved(summed), halved(weight), np.minimum(1.0, 2.0 * halved(share)), wraps)
    far = _enlarged(coarse, height, width, wraps)
    return np.asarray(far + share[..., None] * (average - far), dtype=np.float32)


def _enlarged(image: Floats, height: int, width: int, wraps: bool) -> Floats:
    edge = cv2.BORDER_WRAP if wraps else cv2.BORDER_REPLICATE
    padded = cv2.copyMakeBorder(image, 0, 0, 1, 1, edge)
    extra = round(width / image.shape[1])
    large = cv2.resize(padded, (width + 2 * extra, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[:, extra : extra + width], dtype=np.float32).reshape(
        height, width, *image.shape[2:]
    )


def filled_smoothly(colours: Floats, seen: Mask, depth: Floats, wraps: bool) -> Floats:
    """Fill (H, W, 3) float32 colours, mostly from what is far: holes open behind near things."""
    known = np.where(seen, depth, np.float32(0.0))
    reach = 2 * max(1, round(_REACH * depth.shape[1] / 2)) + 1
    farthest = cv2.dilate(known, np.ones((reach, reach), dtype=np.uint8))
    weight = np.square(np.square(known / np.maximum(farthest, 1e-6)))
    return push_pull(colours, weight.astype(np.float32), wraps)


def push_pull_fill(warped: Warped) -> Frame:
    """Fill smoothly; the confidence is the share of the view that was really seen."""
    seen = warped.seen
    filled = filled_smoothly(warped.rgb.astype(np.float32), seen, warped.depth, warped.lens.wraps)
    rgb = np.where(seen[..., None], warped.rgb, np.clip(np.rint(filled), 0, 255).astype(np.uint8))
    return Frame(rgb, warped.lens.mean(seen.astype(np.float32)))
