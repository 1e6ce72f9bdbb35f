"""Distances between two paths of points (T, D): how far apart, whatever the pace, and at worst."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Path = npt.NDArray[np.floating[Any]]


def rms(a: Path, b: Path) -> float:
    """Return the root of the mean squared distance of points at the same time."""
    return float(np.sqrt(np.square(a - b).sum(axis=1).mean()))


def dtw(a: Path, b: Path) -> float:
    """Return the dynamic-time-warping distance per point of ``a`` (Sakoe and Chiba 1978).

    The least sum of distances over alignments that go forward in both, divided by len(a): the pace
    does not count.
    """
    gaps = _gaps(a, b)
    total = np.full((len(a) + 1, len(b) + 1), np.inf)
    total[0, 0] = 0.0
    for i in range(len(a)):
        for j in range(len(b)):
            before = min(total[i, j], total[i, j + 1], total[i + 1, j])
            total[i + 1, j + 1] = gaps[i, j] + before
    return float(total[-1, -1]) / len(a)


def frechet(a: Path, b: Path) -> float:
    """Return the discrete Fréchet distance (Eiter and Mannila 1994): the shortest leash."""
    gaps = _gaps(a, b)
    leash = np.full((len(a) + 1, len(b) + 1), np.inf)
    leash[0, 0] = 0.0
    for i in range(len(a)):
        for j in range(len(b)):
            before = min(leash[i, j], leash[i, j + 1], leash[i + 1, j])
            leash[i + 1, j + 1] = max(gaps[i, j], before)
    return float(leash[-1, -1])


def _gaps(a: Path, b: Path) -> Path:
    return np.asarray(np.linalg.norm(a[:, None] - b[None], axis=-1))
