"""What a command rests on is new, finite and alive; and limits are never switched off."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.robot.gate import (
    Failures,
    FrozenCameras,
    Input,
    Limits,
    check_fresh,
    check_reading,
)
from wiw_env_bridge.robot.schema import read

LIMITS = Limits()
NUMBERS = [f.name for f in fields(Limits) if isinstance(f.default, float)]


def picture(level: int) -> np.ndarray:
    return np.full((8, 8, 3), level, np.uint8)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_limit_of_zero_or_nan_is_refused_and_never_means_off(name, value):
    with pytest.raises(WiwError, match=f"limits.{name}") as caught:
        Limits(**{name: value})
    assert caught.value.code is ErrorCode.BAD_PARAMETER
    section, problems = read(Limits, {name: value}, "limits")
    assert section is None and name in problems[0]


def test_all_bad_limits_are_told_at_once_and_an_empty_workspace_too():
    with pytest.raises(WiwError) as caught:
        Limits(step_m=0.0, failures=0, workspace_low_m=(math.nan, 0.0, 0.0))
    assert all(w in str(caught.value) for w in ("step_m", "failures", "workspace_low_m"))
    _, problems = read(Limits, {"workspace_low_m": [0.9, 0.0, 0.0]}, "limits")
    assert "empty" in problems[0]


def test_every_stale_input_is_named_with_its_age_and_limit():
    inputs = (
        Input("odom", 0.1, 0.2),
        Input("joint_states", 0.31, 0.2),
        Input("front/image_raw", math.inf, 0.5),
        Input("tf", -3.0, 0.2),
        Input("camera_info", math.nan, 0.5),
        Input("depth", 0.1, math.nan),
    )
    with pytest.raises(WiwError) as caught:
        check_fresh(inputs, LIMITS)
    text = str(caught.value)
    assert caught.value.code is ErrorCode.STALE_OBSERVATION
    assert "'joint_states' is 0.31 s old, the limit is 0.2 s" in text
    assert "'front/image_raw' has said nothing" in text
    assert "'tf' is stamped 3.00 s in the future" in text
    assert "'camera_info'" in text and "'depth'" in text and "'odom'" not in text


@given(st.floats(allow_nan=True), st.floats(allow_nan=True))
def test_only_a_fresh_input_passes(age_s, limit_s):
    fresh = 0.0 < limit_s < math.inf and -LIMITS.future_s <= age_s <= limit_s
    try:
        check_fresh([Input("odom", age_s, limit_s)], LIMITS)
        passed = True
    except WiwError:
        passed = False
    assert passed == fresh


def test_a_reading_that_is_not_a_number_is_no_reading():
    check_reading("odom", (0.0, -1.5))
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(WiwError, match="'odom' says"):
            check_reading("odom", (0.0, bad))


def test_a_camera_that_shows_the_same_pixels_while_the_robot_moves_is_frozen():
    cameras = FrozenCameras(LIMITS)
    cameras.seen("front", picture(1))
    cameras.moved(0.2, 0.0)
    cameras.seen("front", picture(1))
    cameras.moved(0.2, 0.0)
    with pytest.raises(WiwError, match=r"'front' has shown the same pixels 3 times.*0\.40 m") as it:
        cameras.seen("front", picture(1))
    assert it.value.code is ErrorCode.FROZEN_CAMERA


def test_a_still_robot_a_new_picture_or_a_new_episode_is_no_frozen_camera():
    cameras = FrozenCameras(LIMITS)
    for _ in range(10):
        cameras.seen("front", picture(1))  # it was not moved
    cameras.moved(0.0, 0.4)
    cameras.seen("front", picture(2))  # not the same
    cameras.moved(0.0, 0.4)
    cameras.seen("front", picture(2))
    cameras.reset()
    cameras.seen("front", picture(2))


def test_each_camera_is_watched_for_itself():
    cameras = FrozenCameras(LIMITS)
    for level in range(2):
        cameras.seen("front", picture(level))
        cameras.seen("wrist", picture(9))
        cameras.moved(0.0, 0.4)
    cameras.seen("front", picture(7))
    with pytest.raises(WiwError, match="'wrist'"):
        cameras.seen("wrist", picture(9))


def test_three_failures_in_a_row_are_a_fault_and_a_success_between_is_not():
    failures = Failures(LIMITS)
    for failed in (True, True, False, True, True):
        failures.note(failed, "tolerance violated")
    with pytest.raises(WiwError, match=r"3 actions in a row have failed.*tolerance") as caught:
        failures.note(True, "tolerance violated")
    assert caught.value.code is ErrorCode.ACTION_FAILED
    failures.reset()
    failures.note(True)
