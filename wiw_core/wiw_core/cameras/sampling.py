"""Reading an image at fractional pixels in numpy, for small jobs; ``cv2.remap`` is faster."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_core.cameras.panorama import Map

Image = npt.NDArray[Any]


def nearest(image: Image, map_x: Map, map_y: Map, *, wrap: bool = False) -> Image:
    """Return the nearest pixels of an (H, W, ...) image, same dtype; right for depth and labels.

    ``wrap`` joins the left and right edges, as a panorama needs; otherwise edges are repeated.
    """
    height, width = image.shape[:2]
    y = np.clip(np.rint(map_y).astype(np.intp), 0, height - 1)
    return image[y, _columns(np.rint(map_x).astype(np.intp), width, wrap)]


def bilinear(image: Image, map_x: Map, map_y: Map, *, wrap: bool = False) -> Image:
    """Return an (H, W, ...) image interpolated between pixels, same dtype (integers are rounded).

    ``wrap`` joins the left and right edges, as a panorama needs; otherwise edges are repeated.
    """
    height, width = image.shape[:2]
    y = np.clip(np.asarray(map_y, dtype=np.float64), 0.0, height - 1.0)
    x = np.asarray(map_x, dtype=np.float64)
    x = x % width if wrap else np.clip(x, 0.0, width - 1.0)
    x0, y0 = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    x1, y1 = _columns(x0 + 1, width, wrap), np.minimum(y0 + 1, height - 1)
    x0 = _columns(x0, width, wrap)
    trailing = (1,) * (image.ndim - 2)
    a = (x - np.floor(x)).reshape(*x.shape, *trailing)
    b = (y - y0).reshape(*y.shape, *trailing)
    out = (1 - b) * ((1 - a) * image[y0, x0] + a * image[y0, x1]) + b * (
        (1 - a) * image[y1, x0] + a * image[y1, x1]
    )
    if np.issubdtype(image.dtype, np.integer):
        out = np.rint(out)
    return out.astype(image.dtype)


def _columns(x: npt.NDArray[np.intp], width: int, wrap: bool) -> npt.NDArray[np.intp]:
    return x % width if wrap else np.clip(x, 0, width - 1)
