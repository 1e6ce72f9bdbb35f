"""Intervals by scene: cases of one scene resemble each other, so whole scenes are resampled."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.statistics import CONFIDENCE, Interval

RESAMPLES = 2000
Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, the cases it rests on, and the scenes they are from."""

    value: Interval
    n: int
    scenes: int


NOTHING = Estimate(Interval(math.nan, math.nan, math.nan), 0, 0)


def mean_by_scene(
    values: Sequence[float], scenes: Sequence[int], seed: int = 0, resamples: int = RESAMPLES
) -> Estimate:
    """Return the mean over cases with its percentile bootstrap interval over scenes (Efron 1979).

    A value that is not-a-number is a case in which nothing could be measured: it is left out, and
    ``n`` says how many were not. One scene says nothing of the others: its bounds are NaN.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` unless there is one scene per value.
    """
    data, groups = _grouped(values, scenes)
    kept = np.isfinite(data)
    data, groups = data[kept], groups[kept]
    if not data.size:
        return NOTHING
    names, index = np.unique(groups, return_inverse=True)
    sums = np.bincount(index, weights=data)
    counts = np.bincount(index)
    mean = float(data.mean())
    if names.size == 1:
        return Estimate(Interval(mean, math.nan, math.nan), data.size, 1)
    drawn = np.random.default_rng(seed).integers(0, names.size, (resamples, names.size))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return Estimate(Interval(mean, *_bounds(means)), data.size, int(names.size))


def statistic_by_scene(
    rows: Floats,
    scenes: Sequence[int],
    statistic: Callable[[Floats], float],
    seed: int = 0,
    resamples: int = RESAMPLES // 4,
) -> Estimate:
    """Return any statistic of (N, C) rows with its percentile bootstrap interval over scenes.

    Resamples in which the statistic is not defined are left out.
    """
    data, groups = _grouped(rows, scenes)
    if not len(data):
        return NOTHING
    by_scene = [data[groups == name] for name in np.unique(groups)]
    value = float(statistic(data))
    if len(by_scene) == 1:
        return Estimate(Interval(value, math.nan, math.nan), len(data), 1)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(by_scene), (resamples, len(by_scene)))
    found = np.array([statistic(np.concatenate([by_scene[k] for k in draw])) for draw in drawn])
    found = found[np.isfinite(found)]
    bounds = _bounds(found) if found.size else (math.nan, math.nan)
    return Estimate(Interval(value, *bounds), len(data), len(by_scene))


def _grouped(
    values: Sequence[float] | Floats, scenes: Sequence[int]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    data, groups = np.asarray(values, np.float64), np.asarray(scenes, np.int64)
    if len(data) != len(groups):
        raise WiwError(
            ErrorCode.BAD_PARAMETER, f"{len(data)} values and {len(groups)} scenes do not match."
        )
    return data, groups


def _bounds(values: Floats) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
