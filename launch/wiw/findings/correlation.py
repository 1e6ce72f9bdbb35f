"""How far success follows a measure of the model, over checkpoints: coefficients and intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.statistics import CONFIDENCE, Interval

Array = npt.NDArray[np.float64]

LEAST = 4
"""Fewer checkpoints have no coefficient worth an interval."""
RESAMPLES = 2000


@dataclass(frozen=True)
class Correlation:
    """Both coefficients of success with one measure.

    Attributes
    ----------
    pearson, spearman : Interval
        NaN where one side does not vary, or there are fewer than :data:`LEAST` checkpoints.
    n : int
        Checkpoints.
    undefined : float
        Share of the resamples that had no coefficient, because one side did not vary in them; they
        are left out of the intervals.
    """

    pearson: Interval
    spearman: Interval
    n: int
    undefined: float


def correlate(
    measure: npt.ArrayLike, success: npt.ArrayLike, seed: int = 0, resamples: int = RESAMPLES
) -> Correlation:
    """Return the correlation of a measure with mean success, with percentile bootstrap intervals.

    Checkpoints *and* episodes are drawn with replacement: both the choice of checkpoints and the
    luck of their episodes are in the interval. All checkpoints have the same episodes.

    Parameters
    ----------
    measure : array_like
        (K,) one value per checkpoint.
    success : array_like
        (K, N) of each checkpoint and episode, 0 to 1.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for other shapes, or for not-a-number.
    """
    x, y = _checked(measure, success)
    means = y.mean(axis=1)
    if len(x) < LEAST:
        nothing = Interval(math.nan, math.nan, math.nan)
        return Correlation(nothing, nothing, len(x), 1.0)
    drawn = [_drawn(x, y, rng) for rng in _generators(seed, resamples)]
    pearsons = np.array([_pearson(a, b) for a, b in drawn])
    spearmans = np.array([_pearson(_ranks(a), _ranks(b)) for a, b in drawn])
    return Correlation(
        _interval(_pearson(x, means), pearsons),
        _interval(_pearson(_ranks(x), _ranks(means)), spearmans),
        len(x),
        float(np.isnan(pearsons).mean()),
    )


def advantage(
    measure: npt.ArrayLike,
    other: npt.ArrayLike,
    success: npt.ArrayLike,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return how much better success follows ``measure`` than ``other``: Spearman's, subtracted.

    Both are resampled together, as in :func:`correlate`; the same is raised.
    """
    x, y = _checked(measure, success)
    z, _ = _checked(other, success)
    means = y.mean(axis=1)
    if len(x) < LEAST:
        return Interval(math.nan, math.nan, math.nan)
    both = np.stack([x, z], axis=1)
    found = []
    for rng in _generators(seed, resamples):
        pair, b = _drawn(both, y, rng)
        ranks = _ranks(b)
        found.append(_pearson(_ranks(pair[:, 0]), ranks) - _pearson(_ranks(pair[:, 1]), ranks))
    ranks = _ranks(means)
    return _interval(_pearson(_ranks(x), ranks) - _pearson(_ranks(z), ranks), np.array(found))


def _generators(seed: int, resamples: int) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, k]) for k in range(resamples)]


def _drawn(x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw checkpoints, then episodes (the same ones for all of them)."""
    who = rng.integers(0, len(x), len(x))
    which = rng.integers(0, y.shape[1], y.shape[1])
    return x[who], y[who][:, which].mean(axis=1)


def _checked(measure: npt.ArrayLike, success: npt.ArrayLike) -> tuple[Array, Array]:
    x, y = np.asarray(measure, dtype=np.float64), np.asarray(success, dtype=np.float64)
    if x.ndim != 1 or y.ndim != 2 or len(x) != len(y) or y.shape[1] == 0:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"Measures of shape {x.shape} and successes of shape {y.shape} do not belong together.",
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise WiwError(ErrorCode.BAD_PARAMETER, "Not-a-number cannot be correlated.")
    return x, y


def _pearson(x: Array, y: Array) -> float:
    a, b = x - x.mean(), y - y.mean()
    norm = math.sqrt(float(a @ a) * float(b @ b))
    # Rounding leaves a trace of spread in equal values.
    flat = min(np.ptp(x), np.ptp(y)) <= 1e-12 * max(1.0, float(np.abs(x).max()))
    return math.nan if flat or norm == 0.0 else float(a @ b) / norm


def _ranks(x: Array) -> Array:
    from scipy.stats import rankdata

    ranks: Any = rankdata(x)
    return np.asarray(ranks, dtype=np.float64)


def _interval(estimate: float, drawn: Array) -> Interval:
    defined = drawn[np.isfinite(drawn)]
    if math.isnan(estimate) or len(defined) == 0:
        return Interval(estimate, math.nan, math.nan)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(estimate, float(low), float(high))
