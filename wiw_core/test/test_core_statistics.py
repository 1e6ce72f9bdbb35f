"""Intervals and metrics against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiw_core.decisions import Decision, DecisionKind, EpisodeResult, EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.metrics import spl_actions, spl_metres, summarise, summarise_records
from wiw_core.record_format import EpisodeRecord
from wiw_core.statistics import (
    holm,
    mcnemar,
    mean_interval,
    paired_bootstrap,
    percentiles,
    share_interval,
    sign_flip,
    wilson,
)


def result(success=True, status=None, code=ErrorCode.OK, **fields):
    status = status or (EpisodeStatus.SUCCESS if success else EpisodeStatus.FAILURE)
    return EpisodeResult("ignav", "e", 0, status, success, code, **fields)


def test_wilson_matches_the_formula_by_hand():
    z, p, n = 1.959963984540054, 0.7, 10
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    found = wilson(7, 10)
    assert found.estimate == 0.7
    assert found.low == pytest.approx(centre - half) == pytest.approx(0.396778, abs=1e-6)
    assert found.high == pytest.approx(centre + half) == pytest.approx(0.892209, abs=1e-6)


def test_wilson_at_the_edges():
    nothing = wilson(0, 0)
    assert math.isnan(nothing.estimate) and (nothing.low, nothing.high) == (0.0, 1.0)
    one = wilson(1, 1)
    assert one.estimate == 1.0 and one.low == pytest.approx(0.206549, abs=1e-6)
    assert one.high == pytest.approx(1.0)
    for successes, n in ((3, 2), (-1, 2)):
        with pytest.raises(WiwError) as caught:
            wilson(successes, n)
        assert caught.value.code is ErrorCode.BAD_PARAMETER


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_proportion_lies_inside_its_own_interval(pair):
    found = wilson(*pair)
    assert -1e-12 <= found.low <= found.estimate + 1e-12
    assert found.estimate - 1e-12 <= found.high <= 1 + 1e-12


def test_mean_interval_matches_students_t_by_hand():
    found = mean_interval([1.0, 2.0, 3.0])  # s = 1, t(0.975, 2) = 4.302653, half 4.302653 / sqrt 3
    assert found.estimate == 2.0
    assert found.high - 2.0 == pytest.approx(2.484138, abs=1e-6) == 2.0 - found.low


def test_the_interval_of_shares_stays_between_0_and_1():
    assert mean_interval([1.0, 1.0, 0.9]).high > 1.0
    assert share_interval([1.0, 1.0, 0.9]).high == 1.0
    assert share_interval([0.0, 0.0, 0.1]).low == 0.0
    assert math.isnan(share_interval([0.5]).low)


def test_mean_interval_of_none_one_and_equal_values():
    assert math.isnan(mean_interval([]).estimate)
    one = mean_interval([4.0])
    assert one.estimate == 4.0 and math.isnan(one.low) and math.isnan(one.high)
    equal = mean_interval([2.0] * 5)
    assert (equal.estimate, equal.low, equal.high) == (2.0, 2.0, 2.0)
    assert math.isnan(mean_interval([1.0, math.nan]).estimate)


def test_paired_bootstrap_finds_a_constant_difference_without_width():
    found = paired_bootstrap([1, 0, 1], [0, -1, 0])
    assert (found.estimate, found.low, found.high) == (1.0, 1.0, 1.0)
    one = paired_bootstrap([1.0], [0.0])
    assert (one.estimate, one.low, one.high) == (1.0, 1.0, 1.0)


def test_paired_bootstrap_of_two_pairs_knows_its_three_outcomes():
    # Differences 0 and 1 resample to means 0, 1/2, 1 with chances 1/4, 1/2, 1/4.
    found = paired_bootstrap([0, 1], [0, 0], seed=1)
    assert (found.estimate, found.low, found.high) == (0.5, 0.0, 1.0)


def test_paired_bootstrap_uses_the_pairs():
    a = [float(i) for i in range(40)]
    b = [v - 0.5 - 0.01 * (i % 3) for i, v in enumerate(a)]
    found = paired_bootstrap(a, b, seed=0)  # spread between episodes is 100 times the difference
    assert 0.5 < found.low < found.estimate < found.high < 0.53


def test_paired_bootstrap_is_seeded_and_refuses_odd_input():
    a, b = [1, 0, 1, 1, 0], [0, 0, 1, 0, 1]
    assert paired_bootstrap(a, b, 3, 500) == paired_bootstrap(a, b, 3, 500)
    assert math.isnan(paired_bootstrap([], []).estimate)
    assert math.isnan(paired_bootstrap([1.0, math.nan], [0.0, 0.0]).low)
    for call in (lambda: paired_bootstrap([1], [1, 2]), lambda: paired_bootstrap([1], [1], 0, 0)):
        with pytest.raises(WiwError):
            call()


def test_percentiles_interpolate_between_values():
    found = percentiles([float(v) for v in range(101)])
    assert (found.p50, found.p95) == (50.0, 95.0)
    assert percentiles([3.0]).p95 == 3.0
    assert math.isnan(percentiles([]).p50)
    assert math.isnan(percentiles([1.0, math.inf]).p50)


def test_spl_by_hand():
    walked = result(actions=10, path_m=4.0, shortest_actions=5, shortest_m=3.0)
    assert spl_actions(walked) == 0.5 and spl_metres(walked) == 0.75


@pytest.mark.parametrize(
    ("success", "shortest_m", "path_m", "wanted"),
    [
        (True, 0.0, 0.0, 1.0),  # there already
        (True, 0.0, 2.0, 0.0),
        (True, 3.0, 2.6, 1.0),  # the radius saves the last steps
        (False, 3.0, 1.0, 0.0),
        (False, math.inf, 1.0, 0.0),  # no way there
        (False, 0.0, 0.0, 0.0),
    ],
)
def test_spl_is_defined_at_the_edges(success, shortest_m, path_m, wanted):
    assert spl_metres(result(success, shortest_m=shortest_m, path_m=path_m)) == wanted


def test_spl_of_a_task_without_a_goal_place_is_not_a_number():
    named = result(actions=3)
    assert math.isnan(spl_actions(named)) and math.isnan(spl_metres(named))


def decision(seconds, frames=4, degraded=False):
    return Decision(DecisionKind.ACT, seconds=seconds, frames_imagined=frames, degraded=degraded)


def test_a_summary_counts_faults_and_gives_both_denominators():
    place = {"shortest_m": 1.0, "shortest_actions": 5}
    results = [
        result(True, actions=10, path_m=2.0, decisions=4, **place),
        result(False, actions=30, path_m=5.0, decisions=10, **place),
        result(False, EpisodeStatus.ABORTED_FAULT, ErrorCode.WM_DIED, actions=99, **place),
        result(False, EpisodeStatus.ABORTED_FAULT, ErrorCode.WM_DIED, **place),
        result(False, EpisodeStatus.ABORTED_USER, ErrorCode.ABORTED_BY_USER, **place),
    ]
    taken = [
        decision({"propose": 0.1, "imagine": 0.3, "act": 9.0}),
        decision({"propose": 0.1, "act": 5.0}, frames=0, degraded=True),
    ]
    found = summarise(results, taken)
    assert found.n == 5
    assert found.faults == {"2001 WM_DIED": 2, "4003 ABORTED_BY_USER": 1}
    assert found.success == wilson(1, 2) and found.success_all == wilson(1, 5)
    assert found.actions.estimate == 20.0 and found.decisions.estimate == 7.0
    assert found.spl_actions.estimate == 0.25 and found.spl_metres.estimate == 0.25
    assert found.seconds.p50 == pytest.approx(0.25)  # thinking only: 0.4 and 0.1
    assert found.seconds_by_stage["act"].p50 == 7.0
    assert found.seconds_by_stage["imagine"].p95 == 0.3
    assert (found.frames.p50, found.degraded) == (2.0, 1)


def test_a_summary_of_nothing_is_defined():
    found = summarise([], [])
    assert found.n == 0 and math.isnan(found.success.estimate) and found.faults == {}


def test_a_record_without_a_result_is_not_summarised_away():
    with pytest.raises(ValueError, match="without a result"):
        summarise_records([EpisodeRecord(None, {}, (), None)])


def test_mcnemar_by_hand():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(3, 3) == 1.0
    assert mcnemar(0, 5) == pytest.approx(2 / 2**5)
    assert mcnemar(5, 0) == mcnemar(0, 5)
    assert mcnemar(1, 7) == pytest.approx(2 * (1 + 8) / 2**8)
    with pytest.raises(WiwError):
        mcnemar(-1, 3)


def test_sign_flip_of_few_pairs_is_near_the_exact_count():
    assert sign_flip([1.0, 1.0, 1.0]) == pytest.approx(2 / 2**3, abs=0.02)
    assert sign_flip([1.0, -1.0]) == 1.0
    assert sign_flip([0.0, 0.0]) == 1.0
    assert sign_flip([0.1] * 20) < 0.001  # sums that differ by rounding alone are equal
    assert sign_flip([1.0, 2.0, 3.0]) == sign_flip([-1.0, -2.0, -3.0])
    assert math.isnan(sign_flip([])) and math.isnan(sign_flip([1.0, math.nan]))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []
    assert holm([0.02]) == [0.02]
    first, unknown = holm([0.02, math.nan])  # what cannot be said was asked all the same
    assert first == pytest.approx(0.04) and math.isnan(unknown)


def test_the_bootstrap_is_the_same_in_one_block_and_in_many(monkeypatch):
    a, b = [0.0, 1.0, 1.0, 0.5, 0.25], [1.0, 0.0, 0.5, 0.5, 0.0]
    whole = paired_bootstrap(a, b)
    monkeypatch.setattr("wiw_core.statistics.BLOCK", 7)
    assert paired_bootstrap(a, b) == whole


def test_a_summary_of_answers_has_score_and_score_weighted_by_path():
    def answered(number: int, score: float, path_m: float) -> EpisodeResult:
        status = EpisodeStatus.SUCCESS
        return EpisodeResult(
            "aeqa", f"e{number}", 0, status, True, score=score, shortest_m=2.0, path_m=path_m
        )

    summary = summarise([answered(0, 100.0, 4.0), answered(1, 50.0, 2.0)], [])
    assert summary.score.estimate == 75.0
    assert summary.score_spl.estimate == 50.0  # 100 * 2/4 and 50 * 2/2


def test_a_summary_of_an_arm_counts_actions_that_failed_and_has_no_path():
    def moved(number: int, failures: int, collisions: int) -> EpisodeResult:
        status = EpisodeStatus.FAILURE
        return EpisodeResult(
            "push_buttons",
            f"e{number}",
            0,
            status,
            False,
            failures=failures,
            collisions=collisions,
        )

    summary = summarise([moved(0, 3, 0), moved(1, 0, 1)], [])
    assert summary.failures.estimate == 1.5 and summary.collisions.estimate == 0.5
    assert math.isnan(summary.spl_metres.estimate) and math.isnan(summary.score.estimate)


def test_a_summary_of_nothing_but_faults_has_no_rate_but_counts_them_as_failures():
    def died(number: int) -> EpisodeResult:
        status = EpisodeStatus.ABORTED_FAULT
        return EpisodeResult("ignav", f"e{number}", 0, status, False, ErrorCode.WM_DIED)

    summary = summarise([died(0), died(1)], [])
    assert summary.n == 2 and summary.faults == {"2001 WM_DIED": 2}
    assert math.isnan(summary.success.estimate) and summary.success_all.estimate == 0.0
    assert math.isnan(summary.actions.estimate)
