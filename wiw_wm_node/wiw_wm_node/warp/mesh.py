"""Points joined into a surface, so that what comes near does not fall apart into dots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from wiw_wm_node.warp.lens import Floats, Mask

Indices = npt.NDArray[np.intp]

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
        quads = _grid(depth.shape[0], depth.shape[1], wraps)
        quads = quads[:, kept.ravel()[quads].any(axis=0)]
        corners = depth.ravel()[quads]
        nearest = corners.min(axis=0)
        joined = (nearest > 0.0) & (corners.max(axis=0) < CONTINUOUS * nearest)
        quads = quads[:, joined]
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


@lru_cache(maxsize=4)
def _grid(height: int, width: int, wraps: bool) -> Indices:
    """Return the corners of every quad of an image, (4, M)."""
    here = np.arange(height * width).reshape(height, width)
    right = np.roll(here, -1, axis=1)
    if not wraps:
        here, right = here[:, :-1], right[:, :-1]
    return np.stack([a.ravel() for a in (here[:-1], right[:-1], here[1:], right[1:])])
