"""The gate of a base: nothing outside its limits passes, and a wrong odometry is noticed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_env_bridge.robot.gate import (
    Limits,
    check_base_step,
    check_displacement,
    check_speed_seen,
    check_twist,
)

LIMITS = Limits()
ANY = st.floats(allow_nan=True, allow_infinity=True, width=64)
FORWARD, LEFT = Pose2(0.2, 0.0, 0.0), Pose2(0.0, 0.0, math.radians(22.5))


def passes_gate(check, *arguments) -> bool:
    try:
        check(*arguments)
    except WiwError as error:
        assert error.code in (ErrorCode.ACTION_OUT_OF_LIMITS, ErrorCode.DISPLACEMENT_MISMATCH)
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(ANY, ANY)
def test_a_base_step_passes_exactly_when_it_is_finite_and_within_limits(dx_m, dyaw_rad):
    allowed = (
        math.isfinite(dx_m)
        and math.isfinite(dyaw_rad)
        and abs(dx_m) <= LIMITS.step_m
        and abs(dyaw_rad) <= LIMITS.step_rad
    )
    assert passes_gate(check_base_step, dx_m, dyaw_rad, LIMITS) == allowed


@settings(max_examples=300, deadline=None)
@given(ANY, ANY)
def test_a_velocity_passes_exactly_when_it_is_finite_and_within_limits(v, w):
    allowed = (
        math.isfinite(v)
        and math.isfinite(w)
        and abs(v) <= LIMITS.speed_m_s
        and abs(w) <= LIMITS.turn_rad_s
    )
    assert passes_gate(check_twist, v, w, LIMITS) == allowed


def test_a_base_that_turns_faster_than_its_limit_is_noticed_whoever_turns_it():
    check_speed_seen(1.2 * LIMITS.speed_m_s, -1.2 * LIMITS.turn_rad_s, LIMITS)
    for v, w in ((1.5 * LIMITS.speed_m_s, 0.0), (0.0, -1.5), (math.nan, 0.0), (0.0, math.inf)):
        assert not passes_gate(check_speed_seen, v, w, LIMITS)
    with pytest.raises(WiwError, match="max_rotational_vel"):
        check_speed_seen(0.0, 1.3, Limits(turn_rad_s=0.5))


def test_the_primitives_of_the_paper_pass_and_the_same_in_degrees_do_not():
    check_base_step(0.2, 0.0, LIMITS)
    check_base_step(0.0, math.radians(22.5), LIMITS)
    with pytest.raises(WiwError, match=r"22.500 rad; the limit is 0.45 rad.*degrees") as caught:
        check_base_step(0.0, 22.5, LIMITS)
    assert caught.value.code is ErrorCode.ACTION_OUT_OF_LIMITS


@pytest.mark.parametrize(
    ("commanded", "observed"),
    [
        (FORWARD, Pose2(0.21, 0.01, 0.02)),
        (FORWARD, Pose2(0.12, -0.05, -0.1)),
        (LEFT, Pose2(0.02, 0.01, math.radians(20.0))),
        (LEFT, Pose2(0.0, 0.0, math.radians(22.5) + math.tau)),
        (Pose2(), Pose2(0.01, 0.01, 0.01)),
    ],
)
def test_a_little_slip_is_no_mismatch(commanded, observed):
    check_displacement(commanded, observed, False, LIMITS)


@pytest.mark.parametrize(
    ("what", "commanded", "observed"),
    [
        ("it stood still", FORWARD, Pose2()),
        ("the sign is wrong", FORWARD, Pose2(-0.2, 0.0, 0.0)),
        ("the axes are swapped", FORWARD, Pose2(0.0, 0.2, 0.0)),
        ("centimetres for metres", FORWARD, Pose2(20.0, 0.0, 0.0)),
        ("degrees for radians", LEFT, Pose2(0.0, 0.0, math.remainder(22.5, math.tau))),
        ("it turned the other way", LEFT, Pose2(0.0, 0.0, -math.radians(22.5))),
        ("it drove when it should turn", LEFT, Pose2(0.2, 0.0, math.radians(22.5))),
        ("somebody carried it", Pose2(), Pose2(0.5, 0.0, 0.0)),
        ("it is nowhere", FORWARD, Pose2(math.nan, 0.0, 0.0)),
        ("it faces nowhere", LEFT, Pose2(0.0, 0.0, math.nan)),
        ("it is infinitely far", FORWARD, Pose2(math.inf, 0.0, 0.0)),
    ],
)
def test_a_robot_that_went_elsewhere_is_noticed(what, commanded, observed):
    with pytest.raises(WiwError, match="The base was sent") as caught:
        check_displacement(commanded, observed, False, LIMITS)
    assert caught.value.code is ErrorCode.DISPLACEMENT_MISMATCH, what


@pytest.mark.parametrize(
    ("commanded", "observed", "right"),
    [
        (FORWARD, Pose2(), True),
        (FORWARD, Pose2(0.07, 0.02, 0.05), True),
        (LEFT, Pose2(0.0, 0.0, 0.1), True),
        (FORWARD, Pose2(-0.2, 0.0, 0.0), False),
        (FORWARD, Pose2(0.5, 0.0, 0.0), False),
        (FORWARD, Pose2(0.1, 0.2, 0.0), False),
        (LEFT, Pose2(0.0, 0.0, -0.4), False),
        (LEFT, Pose2(0.0, 0.0, 1.0), False),
        (FORWARD, Pose2(0.0, 0.0, math.nan), False),
    ],
)
def test_a_stopped_robot_may_have_gone_less_far_but_not_elsewhere(commanded, observed, right):
    assert passes_gate(check_displacement, commanded, observed, True, LIMITS) == right


@settings(max_examples=200, deadline=None)
@given(ANY, ANY, ANY, st.booleans())
def test_no_observed_motion_far_from_the_commanded_one_passes(x, y, yaw, collided):
    observed = Pose2(x, y, yaw)
    if passes_gate(check_displacement, FORWARD, observed, collided, LIMITS):
        slip = LIMITS.slip_m + LIMITS.slip_share * 0.2
        assert -slip <= x <= 0.2 + slip and abs(y) <= slip
        assert abs(math.remainder(yaw, math.tau)) <= LIMITS.slip_rad
