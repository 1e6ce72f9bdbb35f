"""The gate of an arm: no trajectory outside limits passes, whatever it is made of."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_env_bridge.robot.gate import (
    Joint,
    Limits,
    Trajectory,
    check_joints_read,
    check_tool_displacement,
    check_tool_target,
    check_trajectory,
)

LINK_M = 0.3
JOINTS = (Joint("shoulder", -1.5, 1.5, 2.0), Joint("elbow", 0.1, 2.6, 2.0))
LIMITS = Limits(
    workspace_low_m=(0.0, -0.55, -0.1),
    workspace_high_m=(0.7, 0.55, 0.1),
    joint_speed_share=0.5,
    tool_speed_m_s=0.4,
)
REST = np.array([-0.6, 1.2])


def planar_tool(q: np.ndarray) -> np.ndarray:
    """Return the (4, 4) pose of the tool of an arm of two links in the plane z = 0."""
    pose = np.eye(4)
    a, b = q[0], q[0] + q[1]
    pose[:2, 3] = LINK_M * np.array([math.cos(a) + math.cos(b), math.sin(a) + math.sin(b)])
    pose[:2, :2] = [[math.cos(b), -math.sin(b)], [math.sin(b), math.cos(b)]]
    return pose


def smooth(goal: np.ndarray, seconds: float = 2.0, points: int = 41) -> Trajectory:
    share = np.linspace(0.0, 1.0, points)
    progress = share**3 * (10 - 15 * share + 6 * share**2)
    rate = 30 * share**2 * (1 - share) ** 2 / seconds
    way = goal - REST
    return Trajectory(JOINTS, share * seconds, REST + progress[:, None] * way, rate[:, None] * way)


GOOD = smooth(np.array([-0.3, 1.0]))


def refusal(trajectory: Trajectory, measured: np.ndarray = REST, limits: Limits = LIMITS):
    with pytest.raises(WiwError) as caught:
        check_trajectory(trajectory, measured, planar_tool, limits)
    return caught.value.code, str(caught.value)


def changed(array: np.ndarray, row: int, value: float) -> np.ndarray:
    copy = array.copy()
    copy[row] = value
    return copy


def test_a_smooth_trajectory_within_limits_passes_with_and_without_velocities():
    check_trajectory(GOOD, REST, planar_tool, LIMITS)
    check_trajectory(replace(GOOD, velocities=None), REST, planar_tool, LIMITS)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["times_s", "positions", "velocities"])
def test_no_number_that_is_not_finite_passes(field, value):
    for row in (0, 20, -1):
        bad = replace(GOOD, **{field: changed(getattr(GOOD, field), row, value)})
        assert refusal(bad)[0] is ErrorCode.ACTION_OUT_OF_LIMITS


@pytest.mark.parametrize(
    ("what", "bad"),
    [
        ("times", replace(GOOD, times_s=GOOD.times_s[::-1])),
        ("times", replace(GOOD, times_s=changed(GOOD.times_s, 5, GOOD.times_s[4]))),
        ("times", replace(GOOD, times_s=GOOD.times_s + 1.0)),
        ("times", replace(GOOD, positions=GOOD.positions[:-1])),
        ("velocities", replace(GOOD, velocities=GOOD.velocities[:, :1])),
        ("times", replace(GOOD, joints=JOINTS[:1])),
        ("1 times", Trajectory(JOINTS, np.zeros(1), REST[None])),
        ("takes 80.000 s; the limit is 60 s", smooth(np.array([-0.3, 1.0]), 80.0)),
        ("ends with joint 'shoulder'", replace(GOOD, velocities=changed(GOOD.velocities, -1, 0.5))),
    ],
)
def test_a_malformed_trajectory_is_refused(what, bad):
    code, text = refusal(bad)
    assert code is ErrorCode.ACTION_OUT_OF_LIMITS and what in text


def test_each_limit_refuses_by_its_own_sentence():
    out = smooth(np.array([-0.6, 2.59]), 5.0, 201)
    assert "2.590 rad; its limit is 2.600 rad, of which 0.02" in refusal(out)[1]
    assert "'elbow' is told to move at" in refusal(smooth(np.array([-0.6, 1.8]), 1.0))[1]
    slow = replace(LIMITS, tool_speed_m_s=0.05)
    assert "The tool is moved at" in refusal(GOOD, limits=slow)[1]
    box = replace(LIMITS, workspace_high_m=(0.51, 0.55, 0.1))
    assert "outside the workspace" in refusal(GOOD, limits=box)[1]
    few = smooth(np.array([0.2, 1.2]), 4.0, 5)
    assert "Between two points the tool goes" in refusal(few)[1]
    turning = replace(LIMITS, point_step_rad=0.001)
    assert "Between two points the tool turns" in refusal(GOOD, limits=turning)[1]


def test_a_joint_jump_is_no_path_and_a_moved_arm_must_be_planned_anew():
    jump = replace(GOOD, positions=changed(GOOD.positions, -1, np.array([0.5, 1.0])))
    code, text = refusal(jump)
    assert code is ErrorCode.IK_FAILED and "'shoulder' jumps by" in text
    code, text = refusal(GOOD, REST + np.array([0.0, 0.06]))
    assert code is ErrorCode.START_STATE and "0.060 rad from where joint 'elbow' is" in text
    assert refusal(GOOD, np.array([np.nan, 1.2]))[0] is ErrorCode.START_STATE
    assert refusal(GOOD, np.zeros(3))[0] is ErrorCode.START_STATE


def test_an_overshoot_between_two_points_is_seen():
    times, rest = np.array([0.0, 0.4, 0.8]), np.stack([REST] * 3)
    check_trajectory(Trajectory(JOINTS, times, rest, np.zeros((3, 2))), REST, planar_tool, LIMITS)
    narrow = (Joint("shoulder", -0.65, 1.5, 2.0), JOINTS[1])
    fast = np.array([[0.0, 0.0], [-0.9, 0.0], [0.0, 0.0]])
    assert "'shoulder' is sent to" in refusal(Trajectory(narrow, times, rest, fast))[1]


def test_an_arm_that_stands_too_far_out_may_come_in_and_go_no_deeper():
    start = np.array([-0.6, 2.59])
    back = smooth(REST, 5.0, 201)
    inward = replace(back, positions=start + (GOOD.positions[0] - start) * _share(201)[:, None])
    inward = replace(inward, velocities=None)
    wide = replace(LIMITS, workspace_low_m=(-0.7, -0.7, -0.1))
    check_trajectory(inward, start, planar_tool, wide)
    deeper = replace(inward, positions=start + [0.0, 0.005] * _share(201)[:, None])
    assert "'elbow'" in refusal(deeper, start, wide)[1]
    beyond = start + np.array([0.0, 0.05])
    still_out = replace(inward, positions=beyond - [0.0, 0.02] * _share(201)[:, None])
    assert "'elbow'" in refusal(still_out, beyond, wide)[1]


def _share(points: int) -> np.ndarray:
    return np.linspace(0.0, 1.0, points)


numbers = st.one_of(st.floats(-4.0, 4.0), st.sampled_from([math.nan, math.inf, 1e300, -0.6, 1.2]))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_trajectory_outside_limits_passes(data):
    """Small steps around the rest posture, some with one wild entry: whatever passes is sound."""
    count = data.draw(st.integers(2, 12))
    steps = data.draw(arrays.arrays(np.float64, (count, 2), elements=st.floats(-0.12, 0.12)))
    positions = REST + np.cumsum(steps, axis=0) - steps[0]
    times = np.cumsum(data.draw(arrays.arrays(np.float64, count, elements=st.floats(0.02, 1.0))))
    times -= times[0]
    if data.draw(st.booleans()):
        positions[data.draw(st.integers(0, count - 1)), 0] = data.draw(numbers)
    if data.draw(st.booleans()):
        times[data.draw(st.integers(0, count - 1))] = data.draw(numbers)
    try:
        check_trajectory(Trajectory(JOINTS, times, positions), REST, planar_tool, LIMITS)
    except WiwError:
        return
    assert np.isfinite(positions).all() and (np.diff(times) > 0.0).all()
    assert np.abs(positions[0] - REST).max() <= LIMITS.start_rad
    for column, joint in enumerate(JOINTS):
        assert positions[:, column].min() >= joint.lower_rad + LIMITS.joint_margin_rad - 1e-9
        assert positions[:, column].max() <= joint.upper_rad - LIMITS.joint_margin_rad + 1e-9
    speeds = np.abs(np.diff(positions, axis=0)) / np.diff(times)[:, None]
    assert speeds.max() <= 0.5 * 2.0 * (1 + 1e-5)
    places = np.array([planar_tool(q)[:3, 3] for q in positions])
    assert np.linalg.norm(np.diff(places, axis=0), axis=1).max() <= LIMITS.point_step_m + 1e-9
    assert (places >= LIMITS.workspace_low_m).all() and (places <= LIMITS.workspace_high_m).all()


HERE = Pose3(0.3, 0.0, 0.9)


@settings(max_examples=200, deadline=None)
@given(*[st.one_of(st.floats(-2.0, 2.0), st.sampled_from([math.nan, math.inf]))] * 3)
def test_no_tool_target_outside_the_workspace_or_too_far_away_passes(x, y, z):
    limits = Limits()
    target = Pose3(x, y, z)
    try:
        check_tool_target(target, HERE, limits)
    except WiwError as error:
        assert error.code is ErrorCode.ACTION_OUT_OF_LIMITS
        return
    place = np.array([x, y, z])
    assert (place >= limits.workspace_low_m).all() and (place <= limits.workspace_high_m).all()
    assert np.linalg.norm(place - HERE.position) <= limits.move_m


@pytest.mark.parametrize("degrees", [44.0, 46.0, 180.0])
def test_a_tool_is_turned_no_farther_than_its_limit(degrees):
    half = math.radians(degrees) / 2
    target = replace(HERE, qz=math.sin(half), qw=math.cos(half))
    if degrees < 45.0:
        check_tool_target(target, HERE, Limits())
        return
    with pytest.raises(WiwError, match=f"turned by {2 * half:.3f} rad; the limit is 0.785"):
        check_tool_target(target, HERE, Limits())


def test_joints_read_in_degrees_are_noticed():
    check_joints_read(JOINTS, (-1.55, 2.65), "joint_states")
    with pytest.raises(WiwError, match=r"'shoulder' is at -34.377 rad.*degrees") as caught:
        check_joints_read(JOINTS, np.degrees(REST), "joint_states")
    assert caught.value.code is ErrorCode.START_STATE
    with pytest.raises(WiwError, match="'elbow' is at nan"):
        check_joints_read(JOINTS, (0.0, math.nan), "joint_states")


def test_a_tool_that_did_not_arrive_is_noticed():
    check_tool_displacement(HERE, replace(HERE, x_m=0.32), Limits())
    for elsewhere in (replace(HERE, x_m=0.4), replace(HERE, qw=0.0, qx=1.0)):
        with pytest.raises(WiwError, match="The tool is") as caught:
            check_tool_displacement(HERE, elsewhere, Limits())
        assert caught.value.code is ErrorCode.DISPLACEMENT_MISMATCH
    with pytest.raises(WiwError, match="nan"):
        check_tool_displacement(HERE, replace(HERE, x_m=math.nan), Limits())
