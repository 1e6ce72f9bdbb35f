"""Resampling an image again and again by the same map: one sparse matrix, no OpenCV needed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from wiw_core.cameras.panorama import Map
from wiw_core.cameras.sampling import Image
from wiw_core.observation import Depth, Rgb

EDGE = 0.05
"""Relative change of depth between neighbours beyond which they are of two surfaces."""


class Resampler:
    """Reads an image of one size at fixed fractional pixels, bilinearly or at the nearest ones.

    Parameters
    ----------
    map_x, map_y : (H, W)
        Where each pixel of the result reads the image; beyond the edge, the edge is repeated.
    source_hw : (int, int)
        Height and width of the images that will be read.
    """

    def __init__(self, map_x: Map, map_y: Map, source_hw: tuple[int, int]) -> None:
        height, width = source_hw
        self.shape = (int(map_x.shape[0]), int(map_x.shape[1]))
        x = np.clip(map_x, 0.0, width - 1.0).astype(np.float64).ravel()
        y = np.clip(map_y, 0.0, height - 1.0).astype(np.float64).ravel()
        x0, y0 = (
            np.minimum(np.floor(v).astype(np.int64), n - 1) for v, n in ((x, width), (y, height))
        )
        x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
        a, b = x - x0, y - y0
        columns = np.stack([y0 * width + x0, y0 * width + x1, y1 * width + x0, y1 * width + x1], 1)
        weights = np.stack([(1 - b) * (1 - a), (1 - b) * a, b * (1 - a), b * a], 1)
        rows = np.arange(0, 4 * len(x) + 1, 4)
        self._matrix = sparse.csr_matrix(
            (weights.astype(np.float32).ravel(), columns.ravel(), rows),
            shape=(len(x), height * width),
        )
        self._nearest = np.rint(y).astype(np.int64) * width + np.rint(x).astype(np.int64)

    def colours(self, rgb: Rgb) -> Rgb:
        """Return the colours (H, W, 3), interpolated and rounded."""
        flat = rgb.reshape(-1, 3).astype(np.float32)
        return np.rint(self._matrix @ flat).astype(np.uint8).reshape(*self.shape, 3)

    def nearest(self, image: Image) -> Image:
        """Return the nearest pixels, right for labels; (H, W), same dtype."""
        return image.reshape(-1)[self._nearest].reshape(self.shape)

    def depth(self, depth: Depth) -> Depth:
        """Return depth along the axis of the camera that took it, (H, W) float32; 0 is unknown."""
        flat = depth.astype(np.float32).reshape(-1)
        inverse = np.divide(1.0, flat, out=np.zeros_like(flat), where=flat > 0.0)
        smooth = self._matrix @ inverse
        near = flat[self._nearest]
        smooth = np.divide(1.0, smooth, out=np.zeros_like(near), where=smooth > 0.0)
        return across_edges(smooth, near).reshape(self.shape)


def across_edges(
    smooth: npt.NDArray[np.float32], nearest: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return the interpolated depth on surfaces, the nearest pixel's across an edge.

    Interpolating inverse depth is exact on planes; across an edge it would invent a surface between
    the two.
    """
    return np.where(np.abs(smooth - nearest) < EDGE * nearest, smooth, nearest)
