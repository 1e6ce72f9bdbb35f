"""Which of several is the true one: ties share the credit, so no order helps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wiw_core.observation import Rgb
from wiw_learn.measure.images import squared_error


def credit(errors: Sequence[int], true: int = 0) -> float:
    """Return 1 if the true one has the least error, a share of 1 if it ties for it, else 0.

    It is the chance that a choice by least error with ties broken at random is right: whoever does
    not look at the actions gets 1 / M.
    """
    least = min(errors)
    return 1.0 / list(errors).count(least) if errors[true] == least else 0.0


def rank(errors: Sequence[int], true: int = 0) -> float:
    """Return the true one's place, 1 for the best to M; the mean place among those it ties with."""
    data = np.asarray(errors)
    below, equal = int((data < data[true]).sum()), int((data == data[true]).sum())
    return 1.0 + below + (equal - 1) / 2.0


def errors_to(frame: Rgb, candidates: Rgb) -> list[int]:
    """Return the exact squared error of a picture to each of (M, H, W, 3)."""
    return [squared_error(frame, candidate) for candidate in candidates]
