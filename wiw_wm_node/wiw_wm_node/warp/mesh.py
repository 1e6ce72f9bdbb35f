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
class Mesh:
    """A surface of quads.

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
    def of(points: Floats, depth: Floats, kept: Mask, wraps: bool) -> Mesh:
        """Join the kept pixels of an image to their neighbours on the same surface.

        Parameters
        ----------
        points : (H, W, 3) float32
        depth : (H, W) float32
            0 where unknown.
        kept : (H, W) bool
            Pixels wanted; other known ones serve as corners only.
        wraps : bool
            The left and right edges meet.
        """
        nearest = np.minimum.reduce(_corners(depth, wraps))
        farthest = np.maximum.reduce(_corners(depth, wraps))
        joined = (nearest > 0.0) & (farthest < CONTINUOUS * nearest)
        joined &= np.logical_or.reduce(_corners(kept, wraps))
        pixels = np.arange(depth.size).reshape(depth.shape)
        quads = np.stack([corner[joined] for corner in _corners(pixels, wraps)])
        used = kept.ravel() & (depth.ravel() > 0.0)
        used[quads.ravel()] = True
        index = np.cumsum(used) - 1
        return Mesh(points.reshape(-1, 3)[used], index[quads])

    @staticmethod
    def union(meshes: Sequence[Mesh]) -> Mesh:
        """Return all meshes as one."""
        starts = np.cumsum([0, *(len(m.points) for m in meshes[:-1])])
        quads = [m.quads + start for m, start in zip(meshes, starts, strict=True)]
        return Mesh(np.concatenate([m.points for m in meshes]), np.concatenate(quads, axis=1))


def _corners(image: Image, wraps: bool) -> tuple[Image, Image, Image, Image]:
    """Return what every quad of an (H, W) image has at its corners, four arrays of one shape."""
    right = np.roll(image, -1, axis=1)
    if not wraps:
        image, right = image[:, :-1], right[:, :-1]
    return image[:-1], right[:-1], image[1:], right[1:]
