"""Whether a confidence means what it says: reliability diagram and expected calibration error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Floats = npt.NDArray[np.floating[Any]]

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Frames of like confidence: how many, what they claim on average, and what was right."""

    low: float
    high: float
    count: int
    confidence: float
    right: float


def reliability(pairs: Floats, bins: int = BINS) -> list[Bin]:
    """Return the filled bins of (N, 2) pairs of confidence and share of right pixels, 0 to 1."""
    index = np.minimum((pairs[:, 0] * bins).astype(np.intp), bins - 1)
    found = []
    for k in np.unique(index):
        mine = pairs[index == k]
        claimed, right = (float(value) for value in mine.mean(axis=0))
        found.append(Bin(k / bins, (k + 1) / bins, len(mine), claimed, right))
    return found


def expected_error(pairs: Floats, bins: int = BINS) -> float:
    """Return the expected calibration error: the gap of each bin, weighted by its frames."""
    if not len(pairs):
        return math.nan
    gaps = [part.count * abs(part.confidence - part.right) for part in reliability(pairs, bins)]
    return sum(gaps) / len(pairs)


def spearman(pairs: Floats) -> float:
    """Return the rank correlation of (N, 2) pairs; NaN if one side never varies."""
    if len(pairs) < 2:
        return math.nan
    a, b = rankdata(pairs[:, 0]), rankdata(pairs[:, 1])
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / size if size > 0.0 else math.nan
