"""Correlations over checkpoints: known values, honest intervals, odd cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wiw.findings.correlation import advantage, correlate
from wiw_core.errors import WiwError


def solved(counts, n=40):
    """Return (K, n) successes: the first so many episodes of each checkpoint."""
    return np.array([[float(k < count) for k in range(n)] for count in counts])


def test_coefficients_are_the_textbook_ones():
    found = correlate([1.0, 2.0, 3.0, 10.0], solved([4, 8, 16, 20]))
    # By hand: x - 4 = -3 -2 -1 6, y - 12 = -8 -4 4 8 of 40; 76 / sqrt(50 * 160).
    assert found.pearson.estimate == pytest.approx(76 / math.sqrt(50 * 160))
    assert found.spearman.estimate == pytest.approx(1.0) and found.n == 4


def test_a_real_relation_is_seen_and_none_is_not():
    rng = np.random.default_rng(3)
    control = np.linspace(0.1, 0.9, 10)
    success = (rng.random((10, 60)) < control[:, None]).astype(float)
    assert correlate(control, success).spearman.low > 0.5
    unrelated = rng.permutation(control)
    found = correlate(unrelated, success).spearman
    assert found.low < 0 < found.high
    assert advantage(control, unrelated, success).low > 0


def test_the_luck_of_few_episodes_widens_the_interval():
    control = np.linspace(0.1, 0.9, 10)
    rng = np.random.default_rng(0)
    few, many = ((rng.random((10, n)) < control[:, None]).astype(float) for n in (6, 200))
    narrow, wide = correlate(control, many).pearson, correlate(control, few).pearson
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_a_measure_that_does_not_vary_has_no_coefficient():
    found = correlate([0.3] * 5, solved([1, 2, 3, 4, 5]))
    assert math.isnan(found.pearson.estimate) and math.isnan(found.spearman.low)
    flat = correlate([1.0, 2.0, 3.0, 4.0], solved([7, 7, 7, 7]))
    assert math.isnan(flat.spearman.estimate) and flat.undefined == 1.0


def test_three_checkpoints_are_too_few_for_any():
    assert math.isnan(correlate([1.0, 2.0, 3.0], solved([1, 2, 3])).pearson.estimate)
    assert math.isnan(advantage([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], solved([1, 2, 3])).estimate)


def test_the_same_seed_gives_the_same_interval():
    x, y = [0.1, 0.5, 0.2, 0.9, 0.4], solved([3, 20, 11, 30, 9])
    assert correlate(x, y, seed=1) == correlate(x, y, seed=1) != correlate(x, y, seed=2)


@pytest.mark.parametrize(
    ("x", "y"),
    [([1.0, 2.0], solved([1, 2, 3])), ([1.0, math.nan], solved([1, 2])), ([1.0], [[]])],
)
def test_what_does_not_belong_together_or_is_no_number_is_refused(x, y):
    with pytest.raises(WiwError):
        correlate(x, y)
