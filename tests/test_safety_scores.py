"""7: a score that is not a number never wins, whatever stands beside it and wherever."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiw_core.decisions import Candidate
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import navigation_plan
from wiw_core.rollouts import Rollout
from wiw_planner_node.revisers.select import best, score_all

FRAME = np.zeros((1, 2, 4, 3), np.uint8)
WILD = (math.nan, math.inf, -math.inf)


def scored(scores: list[float]) -> list[Candidate]:
    """Score one imagined candidate each; the scorer says what it is told."""
    plan = navigation_plan(["forward"])
    told = [Candidate(plan, Rollout(k, FRAME, (1,))) for k in range(len(scores))]
    return list(score_all(told, lambda candidate, rollout: scores[rollout.plan_index]))


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=8, unique=True),
    st.lists(st.sampled_from(WILD), max_size=4),
    st.randoms(use_true_random=False),
)
def test_the_best_finite_score_wins_in_any_order(good, wild, random) -> None:
    scores = [*good, *wild]
    random.shuffle(scores)
    candidates = scored(scores)
    assert candidates[best(candidates)].score == max(good)
    assert all(
        math.isnan(c.score) and c.reason for c, s in zip(candidates, scores) if not math.isfinite(s)
    )


@given(st.lists(st.sampled_from(WILD), min_size=1, max_size=8))
def test_without_a_finite_score_nothing_is_chosen(wild) -> None:
    with pytest.raises(WiwError) as error:
        best(scored(wild))
    assert error.value.code is ErrorCode.NO_VALID_SCORE
