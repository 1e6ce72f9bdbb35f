"""Intervals and percentiles, with the odd cases defined.

Not-a-number is never dropped here: it is data that the caller must have dealt with, so it makes the
answer not-a-number. No data at all gives not-a-number too, except where said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wiw_core.errors import ErrorCode, WiwError

CONFIDENCE = 0.95
BLOCK = 2**20
"""Values drawn at a time: memory stays small for any number of pairs."""


@dataclass(frozen=True)
class Interval:
    """An estimate and the bounds of its confidence interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Percentiles:
    """The middle value, the value that 95 in 100 stay below, and the mean of all."""

    p50: float
    p95: float
    mean: float = math.nan


def wilson(successes: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Return a proportion with its Wilson score interval (Wilson 1927); n = 0 gives [0, 1].

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` unless 0 <= ``successes`` <= ``n``.
    """
    from scipy.stats import binomtest

    if not 0 <= successes <= n:
        raise WiwError(
            ErrorCode.BAD_PARAMETER, f"{successes} successes in {n} trials make no proportion."
        )
    if n == 0:
        return Interval(math.nan, 0.0, 1.0)
    bounds = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return Interval(successes / n, float(bounds.low), float(bounds.high))


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the mean with its Student t interval.

    One value says nothing of its spread, so its bounds are NaN; equal values give an interval of no
    width.
    """
    from scipy.stats import t

    data = np.asarray(values, dtype=np.float64)
    if data.size == 0:
        return Interval(math.nan, math.nan, math.nan)
    mean = float(data.mean())
    if data.size == 1 or not math.isfinite(mean):
        return Interval(mean, math.nan, math.nan)
    half = float(t.ppf(0.5 + confidence / 2, data.size - 1) * data.std(ddof=1) / data.size**0.5)
    return Interval(mean, mean - half, mean + half)


def share_interval(
    values: Sequence[float], confidence: float = CONFIDENCE, most: float = 1.0
) -> Interval:
    """Return :func:`mean_interval` of shares, its bounds kept within 0 to ``most``."""
    found = mean_interval(values, confidence)
    if math.isnan(found.low):
        return found
    return Interval(found.estimate, max(0.0, found.low), min(most, found.high))


def paired_bootstrap(
    a: Sequence[float],
    b: Sequence[float],
    seed: int = 0,
    n_resamples: int = 10_000,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Return mean(a - b) over pairs, with its percentile bootstrap interval (Efron 1979).

    Pairs are resampled, never the two sides apart. One pair, or equal differences, give an interval
    of no width: read it with n beside it.

    Parameters
    ----------
    a, b : sequence of float
        The same episodes in the same order.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if the lengths differ, or there are no resamples.
    """
    if len(a) != len(b):
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"{len(a)} and {len(b)} values make no pairs.",
            "Compare the same episodes.",
        )
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    if n_resamples < 1:
        raise WiwError(ErrorCode.BAD_PARAMETER, f"{n_resamples} resamples give no interval.")
    if difference.size == 0 or not np.isfinite(difference).all():
        return Interval(math.nan, math.nan, math.nan)
    rng = np.random.default_rng(seed)
    size, means = difference.size, np.empty(n_resamples)
    block = max(1, BLOCK // size)
    for start in range(0, n_resamples, block):
        part = means[start : start + block]
        part[:] = difference[rng.integers(0, size, (part.size, size))].mean(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(difference.mean()), float(low), float(high))


def mcnemar(b: int, c: int) -> float:
    """Return the two-sided p of McNemar's exact test (1947); 1 where no pair differs.

    Parameters
    ----------
    b, c : int
        Pairs that only the first side solved, and that only the second did.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for a negative count.
    """
    from scipy.stats import binomtest

    if b < 0 or c < 0:
        raise WiwError(ErrorCode.BAD_PARAMETER, f"{b} and {c} are no counts of pairs.")
    return float(binomtest(b, b + c, 0.5).pvalue) if b + c else 1.0


def sign_flip(differences: Sequence[float], seed: int = 0, n_resamples: int = 10_000) -> float:
    """Return the two-sided p that paired differences have mean zero (Fisher 1935, randomised).

    The signs of the differences are flipped at random; one is added to both counts, so that p is
    never 0 (Phipson and Smyth 2010). No pairs give NaN, and so does not-a-number in any.
    """
    data = np.asarray(differences, dtype=np.float64)
    if data.size == 0 or not np.isfinite(data).all():
        return math.nan
    rng = np.random.default_rng(seed)
    seen = abs(float(data.sum())) * (1 - 1e-12)  # sums that differ by rounding alone are equal
    extreme, block = 0, max(1, BLOCK // data.size)
    for start in range(0, n_resamples, block):
        flips = rng.integers(0, 2, (min(block, n_resamples - start), data.size))
        extreme += int((np.abs((2 * flips - 1) @ data) >= seen).sum())
    return (extreme + 1) / (n_resamples + 1)


def holm(ps: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p values (1979), in the order given.

    Any of them below 0.05 can be called real, with a chance of 0.05 that any such call is wrong.
    NaN stays NaN and counts among the comparisons.
    """
    order = sorted((i for i, p in enumerate(ps) if not math.isnan(p)), key=lambda i: ps[i])
    adjusted, highest = [math.nan] * len(ps), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, ps[i] * (len(ps) - rank)))
        adjusted[i] = highest
    return adjusted


def percentiles(values: Sequence[float]) -> Percentiles:
    """Return median and 95th percentile, linearly interpolated between values, and the mean."""
    data = np.asarray(values, dtype=np.float64)
    if data.size == 0 or not np.isfinite(data).all():
        return Percentiles(math.nan, math.nan)
    p50, p95 = np.percentile(data, [50, 95])
    return Percentiles(float(p50), float(p95), float(data.mean()))
