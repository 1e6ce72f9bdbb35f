"""What an arm can be told, and how a plan of tool poses is said to a video model."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from wiw_core.action_api.arm import NUMBERS, plan_from_tool_poses, tool_path, tool_poses
from wiw_core.arm import BIN_DEG, VOXELS, WORKSPACE_M, target_of, tool_pose, tool_voxel
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_core.plans import Action, Plan

DOWN = (1.0, 0.0, 0.0, 0.0)
HALF_VOXEL_M = 0.5 / VOXELS


@st.composite
def any_pose(draw):
    position = [draw(st.floats(low, high)) for low, high in WORKSPACE_M]
    quaternion = Rotation.random(random_state=draw(st.integers(0, 2**31))).as_quat()
    return Pose3(*position, *(float(v) for v in quaternion))


def code_of_refusal(call):
    with pytest.raises(WiwError) as caught:
        call()
    return caught.value.code


def apart_deg(a: Pose3, b: Pose3) -> float:
    turn = Rotation.from_quat(a.quaternion).inv() * Rotation.from_quat(b.quaternion)
    return math.degrees(turn.magnitude())


@given(any_pose(), st.booleans())
def test_a_tool_pose_comes_back_as_it_was(pose, opened):
    back, grip = target_of(tool_pose(pose, opened))
    assert np.allclose(back.position, pose.position) and apart_deg(back, pose) < 1e-5
    assert grip is opened


@given(any_pose(), st.booleans())
def test_a_voxel_is_within_half_a_voxel_and_half_a_bin_per_angle(pose, opened):
    back, grip = target_of(tool_voxel(pose, opened))
    assert np.abs(back.position - pose.position).max() <= HALF_VOXEL_M + 1e-9
    # Three angles, each at most half a bin off.
    assert apart_deg(back, pose) <= 1.5 * BIN_DEG + 1e-6
    assert grip is opened


@given(any_pose())
def test_a_voxel_of_a_voxel_stays_where_it_is(pose):
    once = target_of(tool_voxel(pose, True))[0]
    again = target_of(tool_voxel(once, True))[0]
    assert np.allclose(once.position, again.position) and apart_deg(once, again) < 1e-5


@pytest.mark.parametrize("yaw_deg", [-180, -91.4, -1.5, 0, 44.9, 90, 179.9])
def test_a_tool_that_points_down_is_turned_by_at_most_half_a_bin(yaw_deg):
    turn = Rotation.from_euler("z", yaw_deg, degrees=True) * Rotation.from_quat(DOWN)
    pose = Pose3(0.2, 0.1, 0.9, *(float(v) for v in turn.as_quat()))
    assert apart_deg(target_of(tool_voxel(pose, False))[0], pose) <= BIN_DEG / 2 + 1e-6


@pytest.mark.parametrize("x", [0.71, -0.31, math.nan, math.inf])
def test_a_position_outside_the_workspace_has_no_voxel(x):
    refusal = code_of_refusal(lambda: tool_voxel(Pose3(x, 0.0, 1.0, *DOWN), True))
    assert refusal is ErrorCode.ACTION_OUT_OF_LIMITS


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (Action("forward"), ErrorCode.UNKNOWN_ACTION),
        (Action("tool_pose", (0.2, 0.0, 1.0, *DOWN)), ErrorCode.ACTION_OUT_OF_LIMITS),
        (Action("tool_pose", (0.2, 0.0, 2.0, *DOWN, 1.0)), ErrorCode.ACTION_OUT_OF_LIMITS),
        (Action("tool_pose", (0.2, 0.0, 1.0, 0.5, 0, 0, 0, 1.0)), ErrorCode.ACTION_OUT_OF_LIMITS),
        (Action("tool_pose", (math.nan, 0, 1.0, *DOWN, 1.0)), ErrorCode.ACTION_OUT_OF_LIMITS),
        (Action("tool_voxel", (50, 50, 20.5, 0, 60, 60, 1)), ErrorCode.ACTION_OUT_OF_LIMITS),
        (Action("tool_voxel", (50, 50, 100, 0, 60, 60, 1)), ErrorCode.ACTION_OUT_OF_LIMITS),
        (Action("tool_voxel", (50, 50, 20, 120, 60, 60, 1)), ErrorCode.ACTION_OUT_OF_LIMITS),
    ],
)
def test_an_action_that_is_no_tool_pose_is_refused(action, code):
    assert code_of_refusal(lambda: target_of(action)) is code


def test_ten_numbers_by_hand():
    corner = Plan((tool_pose(Pose3(-0.3, 0.5, 1.1, *DOWN), False),))
    row = tool_poses(corner, frames=2)[-1]
    pi = math.pi
    # Half a turn about x: its columns are (1, 0, 0) and (0, -1, 0).
    assert np.allclose(row, [-2 * pi, 2 * pi, 0, pi, 0, 0, 0, -pi, 0, -pi])


@settings(max_examples=50)
@given(st.lists(st.tuples(any_pose(), st.booleans()), min_size=1, max_size=5))
def test_ten_numbers_lead_back_to_their_plan(targets):
    plan = Plan(tuple(tool_pose(*target) for target in targets))
    rows = tool_poses(plan, frames=len(plan) + 1)
    back = plan_from_tool_poses(rows[1:])
    for action, (pose, opened) in zip(back.actions, targets):
        found, grip = target_of(action)
        assert np.allclose(found.position, pose.position, atol=1e-9)
        assert apart_deg(found, pose) < 1e-4 and grip is opened


def test_voxels_are_said_as_the_poses_that_they_are():
    pose = Pose3(0.213, -0.087, 0.912, *DOWN)
    middle = target_of(tool_voxel(pose, True))[0]
    voxel, same = Plan((tool_voxel(pose, True),)), Plan((tool_pose(middle, True),))
    assert np.allclose(tool_poses(voxel), tool_poses(same))


def test_frames_are_shared_evenly_and_the_rest_is_the_last_ones():
    here = Pose3(0.0, 0.0, 1.0, *DOWN)
    xs = (0.2, 0.4, 0.5)
    plan = Plan(tuple(tool_pose(Pose3(x, 0.0, 1.0, *DOWN), False) for x in xs))
    path = tool_path(plan, 14, here)
    assert len(path) == 14 and path[0] == (here, True)
    # 13 frames for 3 actions: 4, 4 and 5.
    assert [path[k][0].x_m for k in (4, 8, 13)] == pytest.approx(list(xs))
    assert [path[k][0].x_m for k in (1, 2, 3)] == pytest.approx([0.05, 0.1, 0.15])
    assert path[9][0].x_m == pytest.approx(0.42)


def test_the_gripper_changes_where_its_action_ends():
    actions = [tool_pose(Pose3(0.2, y, 1.0, *DOWN), grip) for y, grip in ((0, True), (0.1, False))]
    path = tool_path(Plan(tuple(actions)), 9)
    assert [grip for _, grip in path] == [True] * 8 + [False]


def test_rotations_take_the_shortest_way():
    def turned(degrees):
        turn = Rotation.from_euler("z", degrees, degrees=True) * Rotation.from_quat(DOWN)
        return Pose3(0.2, 0.0, 1.0, *(float(v) for v in turn.as_quat()))

    path = tool_path(Plan((tool_pose(turned(-170), True),)), 3, now=turned(170))
    assert apart_deg(path[1][0], turned(180)) < 1e-4


def test_the_paper_s_clip_has_fourteen_poses_and_bounded_numbers():
    plan = Plan(tuple(tool_pose(Pose3(0.2, y, 0.8, *DOWN), True) for y in (-0.5, 0.5)))
    rows = tool_poses(plan)
    assert rows.shape == (14, NUMBERS)
    assert np.abs(rows[:, :3]).max() <= 2 * math.pi + 1e-9
    assert np.abs(rows[:, 3:]).max() <= math.pi + 1e-9


def test_what_cannot_be_said_in_tool_poses_is_refused():
    one = Plan((tool_pose(Pose3(0.2, 0.0, 1.0, *DOWN), True),))
    assert code_of_refusal(lambda: tool_poses(Plan(()))) is ErrorCode.EMPTY_PLAN
    assert code_of_refusal(lambda: tool_poses(Plan(one.actions * 3), 3)) is ErrorCode.TOO_LARGE
    rows = tool_poses(one)
    for bad in (rows[:, :9], rows * np.nan, rows * 0.5):
        code = code_of_refusal(lambda bad=bad: plan_from_tool_poses(bad))
        assert code is ErrorCode.BAD_PARAMETER
    outside = rows + 0.5 * (np.arange(NUMBERS) == 2) * 8 * math.pi
    assert code_of_refusal(lambda: plan_from_tool_poses(outside)) is ErrorCode.ACTION_OUT_OF_LIMITS
