"""Points joined into a surface, so that what comes near does not fall apart into dots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_wm_node.warp.lens import Floats, Mask

Indices = npt.NDArray[np.intp]
Image = npt.NDArray[Any]

CONTINUOUS = 1.1
"""Neighbouring pixels lie on one surface if neither is more than this many times deeper."""


@dataclass(frozen=True)
class Patch:
    """Parts of a surface: points and the quads between them.

    Attributes
    ----------
    points : (N, 3) float32
        Metres.
    quads : (4, M) int
        Indices of the corners: top left, top right, bottom left, bottom right.
    """

    points: Floats
    quads: Indices

    @staticmethod
    def of(points: Floats, depth: Floats, kept: Mask, wraps: bool) -> Patch:
        """Join the kept pixels of an image to their neighbours on the same surface.

        Parameters
        ----------
        points : (H, W, 3) float32
        depth : (H, W) float32
            0 where unknown.
        kept : (H, W) bool
            Pixels wanted, few of all; other known ones serve as corners only.
        wraps : bool
            The left and right edges meet.
        """
        near = np.flatnonzero(np.logical_or.reduce(corners(kept, wraps)))
        width = depth.shape[1]
        row, column = np.divmod(near, width if wraps else width - 1)
        right = (column + 1) % width
        quads = np.stack([row * width + column, row * width + right])
        quads = np.concatenate([quads, quads + width])
        at = depth.reshape(-1)[quads]
        quads = quads[:, on_one_surface(at.min(axis=0), at.max(axis=0))]
        used = kept.ravel() & (depth.ravel() > 0.0)
        used[quads.ravel()] = True
        index = np.cumsum(used) - 1
        return Patch(points.reshape(-1, 3)[used], index[quads])


@dataclass(frozen=True)
class Mesh:
    """The surface that a picture shows, and patches of other surfaces.

    Attributes
    ----------
    points : (N, 3) float32
        Metres; first those of the picture's pixels, row by row, NaN where unknown.
    joined : (H - 1, W or W - 1) bool
        Which quads of neighbouring pixels are parts of the surface; W if its edges meet.
    quads : (4, M) int
        The quads of the patches, as in :class:`Patch`.
    """

    points: Floats
    joined: Mask
    quads: Indices

    @staticmethod
    def of(points: Floats, depth: Floats, wraps: bool, patches: Sequence[Patch] = ()) -> Mesh:
        """Join neighbouring pixels of an (H, W) image, and add patches."""
        around = corners(depth, wraps)
        joined = on_one_surface(np.minimum.reduce(around), np.maximum.reduce(around))
        known = np.where(depth[..., None] > 0.0, points, np.float32(np.nan)).reshape(-1, 3)
        starts = np.cumsum([len(known), *(len(p.points) for p in patches)])
        quads = [p.quads + start for p, start in zip(patches, starts, strict=False)]
        return Mesh(
            np.concatenate([known, *(p.points for p in patches)]),
            joined,
            np.concatenate([np.empty((4, 0), dtype=np.intp), *quads], axis=1),
        )


def on_one_surface(nearest: Floats, farthest: Floats) -> Mask:
    """Return where a quad with these least and greatest depths is a part of one surface."""
    return np.asarray((nearest > 0.0) & (farthest < CONTINUOUS * nearest))


def corners(image: Image, wraps: bool) -> tuple[Image, Image, Image, Image]:
    """Return what every quad of an (H, W) image has at its corners, four arrays of one shape."""
    right = np.roll(image, -1, axis=1)
    if not wraps:
        image, right = image[:, :-1], right[:, :-1]
    return image[:-1], right[:-1], image[1:], right[1:]
