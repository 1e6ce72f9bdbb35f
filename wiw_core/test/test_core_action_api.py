"""One plan, said in each model's language."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiw_core.action_api import CONTROLS, control
from wiw_core.action_api.camera import (
    camera_poses,
    plan_from_planar,
    plan_from_poses,
    planar_path,
)
from wiw_core.action_api.lowlevel import (
    action_ids,
    body_deltas,
    cumulative_ids,
    plan_from_deltas,
    plan_from_ids,
)
from wiw_core.action_api.text import prompt
from wiw_core.arm import tool_pose
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_core.plans import Action, Plan, navigation_plan

any_plan = st.lists(
    st.sampled_from(["forward", "turn_left", "turn_right"]), min_size=1, max_size=13
).map(navigation_plan)
TURN_THEN_GO = navigation_plan(["turn_left", "turn_left", "forward"])


def code_of(call):
    with pytest.raises(WiwError) as caught:
        call()
    return caught.value.code


def test_prompt_adds_up_equal_actions():
    assert prompt(navigation_plan(["forward"] * 3 + ["turn_left"] * 2 + ["forward"])) == (
        "First-person view of a robot moving through a still indoor scene. The camera moves forward"
        " 0.6 m, then turns left 45 degrees, then moves forward 0.2 m."
    )


def test_prompt_repeats_actions_when_told_to():
    assert prompt(navigation_plan(["turn_right"] * 2), compress=False).endswith(
        "The camera turns right 22.5 degrees, then turns right 22.5 degrees."
    )


def test_prompt_of_an_arm_plan_is_its_own_text():
    reach = Plan((Action("pose", (0.1,)),), text="push the red button")
    assert prompt(reach).endswith("push the red button")
    assert code_of(lambda: prompt(Plan((Action("pose"),)))) is ErrorCode.UNKNOWN_ACTION
    assert code_of(lambda: prompt(Plan(()))) is ErrorCode.EMPTY_PLAN


def test_planar_path_by_hand():
    c = 0.2 * math.cos(math.pi / 4)
    wanted = [[0, 0, 0], [0, 0, math.pi / 8], [0, 0, math.pi / 4], [c, c, math.pi / 4]]
    assert np.allclose(planar_path(TURN_THEN_GO), wanted)


def test_camera_poses_are_in_the_first_optical_frame():
    ahead = camera_poses(navigation_plan(["forward"]))
    assert ahead.shape == (2, 4, 4) and np.allclose(ahead[0], np.eye(4))
    assert np.allclose(ahead[1][:3, 3], [0, 0, 0.2])  # z is forward
    left = camera_poses(navigation_plan(["turn_left"]))[1]
    assert np.allclose(left[:3, :3] @ [0, 0, 1], [-math.sin(math.pi / 8), 0, math.cos(math.pi / 8)])


def test_camera_poses_in_base_axes():
    poses = camera_poses(TURN_THEN_GO, np.eye(4))
    assert np.allclose(poses[3][:2, 3], planar_path(TURN_THEN_GO)[3, :2])


def test_a_camera_off_the_axis_swings_when_the_robot_turns():
    mount = np.eye(4)
    mount[0, 3] = 0.5
    turned = camera_poses(navigation_plan(["turn_left"]), mount)[1]
    a = math.pi / 8
    assert np.allclose(turned[:2, 3], [0.5 * (math.cos(a) - 1), 0.5 * math.sin(a)])


@given(any_plan)
def test_every_camera_path_leads_back_to_its_plan(plan):
    assert plan_from_planar(planar_path(plan)).names == plan.names
    assert plan_from_poses(camera_poses(plan)).names == plan.names


def test_a_path_that_no_primitive_makes_is_refused():
    for path in ([[0, 0, 0], [0.3, 0, 0]], [[0, 0, 0], [math.nan, 0, 0]], [0, 0, 0]):
        assert code_of(lambda path=path: plan_from_planar(path)) is ErrorCode.BAD_PARAMETER
    assert code_of(lambda: plan_from_poses(np.eye(4))) is ErrorCode.BAD_PARAMETER


def test_ids_begin_with_stop_and_are_padded_with_forward():
    assert action_ids(TURN_THEN_GO).tolist() == [4, 2, 2, 1] + [1] * 10
    assert code_of(lambda: action_ids(navigation_plan(["forward"] * 14))) is ErrorCode.TOO_LARGE


def test_cumulative_ids_show_each_frame_its_past_only():
    wanted = [[4, 0, 0, 0], [4, 2, 0, 0], [4, 2, 3, 0], [4, 2, 3, 1]]
    plan = navigation_plan(["turn_left", "turn_right", "forward"])
    assert cumulative_ids(plan, frames=4).tolist() == wanted
    assert cumulative_ids(plan).shape == (14, 14)


@given(any_plan)
def test_ids_lead_back_to_their_plan(plan):
    assert plan_from_ids(cumulative_ids(plan)[-1], len(plan)).names == plan.names


def test_an_id_that_is_no_motion_is_refused():
    for ids in ([4, 0], [4, 4], [4, 9]):
        assert code_of(lambda ids=ids: plan_from_ids(ids)) is ErrorCode.UNKNOWN_ACTION


def test_nwm_deltas_by_hand():
    found = body_deltas(navigation_plan(["forward", "turn_right"]))
    # 0.2 m is 0.8 units: 2 (0.8 + 2.5) / 7.5 - 1 = -0.12; nought is 2 * 2.5 / 7.5 - 1 = -1/3.
    assert np.allclose(found, [[-0.12, 0.0, 0.0], [-1 / 3, 0.0, -math.pi / 8]])


@given(any_plan)
def test_nwm_deltas_lead_back_to_their_plan(plan):
    assert plan_from_deltas(body_deltas(plan)).names == plan.names


@pytest.mark.parametrize("kind", sorted(CONTROLS))
def test_each_kind_of_control_says_a_plan_and_refuses_what_it_cannot_say(kind):
    plan = {"tool_poses": Plan((tool_pose(Pose3(0.2, 0.0, 1.0), True),))}.get(kind, TURN_THEN_GO)
    assert len(control(plan, kind)) > 0
    fly = Plan((Action("fly"),))
    assert code_of(lambda: control(fly, kind)) is ErrorCode.UNKNOWN_ACTION


def test_an_unknown_kind_of_control_is_refused_with_the_nearest_name():
    with pytest.raises(WiwError, match="Did you mean 'camera'"):
        control(TURN_THEN_GO, "camra")
