"""Errors, registry, plans, geometry, tasks: the small things that everything stands on."""

from __future__ import annotations

import copy
import math
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wiw_core
from wiw_core.decisions import EpisodeStatus, episode_status
from wiw_core.errors import ErrorCode, WiwError, describe, unknown_name
from wiw_core.geometry import (
    T_BASE_OPTICAL,
    Pose2,
    matrix_from_quaternion,
    quaternion_from_matrix,
    wrap,
)
from wiw_core.observation import Observation, View
from wiw_core.plans import (
    NAVIGATION,
    Action,
    ActionSpec,
    Plan,
    camera_path,
    check_plan,
    check_proposals,
    navigation_plan,
    prolonged,
)
from wiw_core.registry import KINDS, TASKS, WORLD_MODELS, Registry
from wiw_core.rollouts import RolloutRequest

MESSAGE = Path(__file__).resolve().parents[2] / "wiw_msgs" / "msg" / "ErrorCode.msg"


def code_of(call):
    with pytest.raises(WiwError) as caught:
        call()
    return caught.value.code


# Errors ---------------------------------------------------------------------------------------


def test_error_codes_on_the_wire_are_those_of_the_core():
    constants = re.findall(r"^uint16 (\w+)=(\d+)", MESSAGE.read_text(), re.MULTILINE)
    assert {name: int(number) for name, number in constants} == {
        code.name: int(code) for code in ErrorCode
    }


def test_a_failure_never_has_the_code_of_success_or_of_nothing():
    for code in (ErrorCode.OK, ErrorCode.UNSET):
        with pytest.raises(ValueError):
            WiwError(code, "It worked.")


def test_a_copied_error_is_whole():
    twin = copy.deepcopy(WiwError(ErrorCode.BUSY, "It is busy.", "Wait."))  # as between processes
    assert (twin.code, twin.message, twin.hint) == (ErrorCode.BUSY, "It is busy.", "Wait.")
    assert str(twin) == "It is busy. Wait."


def test_codes_are_described_and_unknown_numbers_keep_their_digits():
    assert describe(2001) == "2001 WM_DIED"
    assert describe(77) == "77 (unknown code)"


def test_a_typo_gets_the_nearest_name_and_nonsense_gets_them_all():
    near = unknown_name(ErrorCode.UNKNOWN_MODEL, "world model", "wrap", ["warp", "copy"])
    assert str(near) == "There is no world model named 'wrap'. Did you mean 'warp'?"
    far = unknown_name(ErrorCode.UNKNOWN_MODEL, "world model", "zzz", ["warp", "copy"])
    assert far.hint == "Known: copy, warp."
    many = unknown_name(ErrorCode.UNKNOWN_EPISODE, "episode", "?", [f"e{i:03}" for i in range(240)])
    assert many.hint.endswith("e031 and 208 more.")


@pytest.mark.parametrize(
    ("success", "fault", "truncated", "status"),
    [
        (True, ErrorCode.OK, False, EpisodeStatus.SUCCESS),
        (True, ErrorCode.OK, True, EpisodeStatus.SUCCESS),
        (False, ErrorCode.OK, False, EpisodeStatus.FAILURE),
        (False, ErrorCode.OK, True, EpisodeStatus.TRUNCATED),
        (True, ErrorCode.WM_DIED, False, EpisodeStatus.ABORTED_FAULT),
        (True, ErrorCode.ABORTED_BY_USER, True, EpisodeStatus.ABORTED_USER),
    ],
)
def test_a_fault_comes_before_success_and_success_before_the_budget(
    success, fault, truncated, status
):
    assert episode_status(success, fault, truncated) is status


# Registry -------------------------------------------------------------------------------------


def point(name, value):
    return EntryPoint(name, value, "wiw.world_models")


FAKE = "wiw_core.fakes.world_model:FakeWorldModel"


def test_every_kind_has_its_fake_or_its_task_installed():
    for kind in KINDS:
        names = Registry(kind).names()
        assert ("ar" if kind is TASKS else "fake") in names


def test_two_plugins_of_one_name_are_refused_and_named():
    with pytest.raises(WiwError, match=r"fakes.world_model:FakeWorldModel and other:Model"):
        Registry(WORLD_MODELS, [point("fake", FAKE), point("fake", "other:Model")])


def test_one_plugin_seen_twice_is_one_plugin():
    assert Registry(WORLD_MODELS, [point("fake", FAKE)] * 2).names() == ["fake"]


def test_a_typo_in_a_plugin_name_is_helped():
    registry = Registry(WORLD_MODELS, [point("fake", FAKE)])
    with pytest.raises(WiwError, match="Did you mean 'fake'") as caught:
        registry.get("faek")
    assert caught.value.code is ErrorCode.UNKNOWN_MODEL


@pytest.mark.parametrize("value", ["no_such_module:Model", "wiw_core.errors:NoSuchClass"])
def test_a_broken_plugin_says_why_when_it_is_used_and_not_before(value):
    registry = Registry(WORLD_MODELS, [point("broken", value), point("fake", FAKE)])
    assert registry.names() == ["broken", "fake"]
    with pytest.raises(WiwError, match=r"'broken' .* cannot be loaded: .*no_such|NoSuchClass"):
        registry.create("broken")


def test_a_parameter_that_a_plugin_does_not_take_is_refused():
    registry = Registry(WORLD_MODELS, [point("fake", FAKE)])
    assert registry.create("fake", height=16).info.height == 16
    with pytest.raises(WiwError, match="heigth") as caught:
        registry.create("fake", heigth=16)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_an_error_inside_a_plugin_is_not_mistaken_for_a_bad_parameter():
    registry = Registry(WORLD_MODELS, [point("fake", FAKE)])
    with pytest.raises(TypeError):
        registry.create("fake", no_op=True, height="tall")


def test_a_plugin_is_summed_up_by_its_first_line():
    assert Registry(TASKS).get("ignav").summary.startswith("Go to where a photo was taken")


# Plans ----------------------------------------------------------------------------------------

ARM = {"pose": ActionSpec("pose", ("x", "grip"), (-0.5, 0.0), (0.5, 1.0), ("m", "1"))}


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (Plan(()), ErrorCode.EMPTY_PLAN),
        (Plan((Action("pose", (0.0, 1.0)),) * 513), ErrorCode.TOO_LARGE),
        (Plan((Action("pose", (0.0, 1.0)),), prior=math.nan), ErrorCode.PROPOSAL_INVALID),
        (Plan((Action("pos", (0.0, 1.0)),)), ErrorCode.UNKNOWN_ACTION),
        (Plan((Action("pose", (0.0,)),)), ErrorCode.ACTION_OUT_OF_LIMITS),
        (Plan((Action("pose", (0.6, 1.0)),)), ErrorCode.ACTION_OUT_OF_LIMITS),
        (Plan((Action("pose", (math.nan, 1.0)),)), ErrorCode.ACTION_OUT_OF_LIMITS),
        (Plan((Action("pose", (0.0, math.inf)),)), ErrorCode.ACTION_OUT_OF_LIMITS),
    ],
)
def test_no_bad_plan_passes(plan, code):
    assert code_of(lambda: check_plan(plan, ARM)) is code


def test_limits_themselves_are_allowed():
    check_plan(Plan((Action("pose", (-0.5, 0.0)), Action("pose", (0.5, 1.0)))), ARM)


def test_a_proposal_is_one_to_count_distinct_plans_within_the_horizon():
    go, turn = navigation_plan(["forward"]), navigation_plan(["turn_left"])
    check_proposals([go, turn], NAVIGATION, count=2, horizon=1)
    long = navigation_plan(["forward"] * 2)
    for plans in ([], [go, turn, long], [go, go], [long]):
        with pytest.raises(WiwError) as caught:
            check_proposals(plans, NAVIGATION, count=2, horizon=1)
        assert caught.value.code is ErrorCode.PROPOSAL_INVALID


def test_sixteen_turns_make_a_circle_and_opposite_turns_cancel():
    for names in (["turn_left"] * 16, ["turn_right"] * 16, ["turn_left", "turn_right"] * 3):
        end = camera_path(navigation_plan(names))[-1]
        assert abs(end.yaw_rad) < 1e-12


def test_a_prefix_keeps_words_and_preference():
    plan = navigation_plan(["forward", "turn_left"], "go", 0.5)
    assert plan.prefix(1) == navigation_plan(["forward"], "go", 0.5) and len(plan.prefix(9)) == 2


def test_a_prolonged_plan_begins_as_it_was_and_is_never_shortened():
    plan = navigation_plan(["turn_left", "forward"], "look", 0.5)
    longer = prolonged(plan, 4)
    assert longer.names == ("turn_left", "forward", "forward", "forward")
    assert (longer.text, longer.prior) == ("look", 0.5)
    assert prolonged(plan, 1) == prolonged(plan, 0) == plan


def test_only_navigation_has_a_camera_path():
    fly = Plan((Action("fly"),))
    assert code_of(lambda: camera_path(fly)) is ErrorCode.UNKNOWN_ACTION
    assert code_of(lambda: navigation_plan(["fly"])) is ErrorCode.UNKNOWN_ACTION


# Geometry -------------------------------------------------------------------------------------

poses = st.builds(Pose2, st.floats(-9, 9), st.floats(-9, 9), st.floats(-3, 3))


@given(poses, poses)
def test_composing_poses_is_multiplying_matrices(a, b):
    assert np.allclose((a * b).matrix(), a.matrix() @ b.matrix(), atol=1e-9)


@given(poses)
def test_a_pose_times_its_inverse_is_here(pose):
    here = pose * pose.inverse()
    assert np.allclose([here.x_m, here.y_m, here.yaw_rad], 0, atol=1e-9)


@given(st.floats(-1000, 1000))
def test_wrapped_angles_are_the_same_direction(angle):
    wrapped = wrap(angle)
    assert -math.pi < wrapped <= math.pi
    assert math.isclose(math.cos(wrapped), math.cos(angle), abs_tol=1e-9)


def test_half_a_turn_wraps_to_plus_pi():
    assert wrap(math.pi) == math.pi and wrap(-math.pi) == math.pi


@given(st.floats(-3.1, 3.1))
def test_a_rotation_survives_its_quaternion(yaw):
    rotation = Pose2(yaw_rad=yaw).matrix()[:3, :3]
    assert np.allclose(matrix_from_quaternion(quaternion_from_matrix(rotation)), rotation)


def test_the_optical_frame_looks_along_base_x():
    rotation = T_BASE_OPTICAL[:3, :3]
    assert np.allclose(rotation @ [0, 0, 1], [1, 0, 0])  # z is forward
    assert np.allclose(rotation @ [1, 0, 0], [0, -1, 0])  # x is right
    assert np.linalg.det(rotation) == pytest.approx(1.0)


# Observations, rollouts, tasks ------------------------------------------------------------------


def test_a_view_is_found_by_name_or_not_at_all():
    view = View("front", np.zeros((4, 6, 3), np.uint8))
    seen = Observation("e", 0, (view,))
    assert seen.view("front") is view and view.size == (4, 6) and seen.view("rear") is None


def test_frame_indices_count_the_actions_before_each_frame():
    plan = navigation_plan(["forward"] * 3)
    asked = RolloutRequest((), (plan, plan), (3, 2))
    assert asked.frame_indices(0) == (1, 2, 3) and asked.frame_indices(1) == (1, 2)
    last = RolloutRequest((), (plan,), (3,), last_frame_only=True)
    assert last.frame_indices(0) == (3,) and last.cancelled() is False


def test_tasks_carry_the_numbers_of_the_paper():
    ignav, ar = (Registry(TASKS).create(name) for name in ("ignav", "ar"))
    assert (ignav.limits.candidates, ignav.limits.horizon, ignav.limits.execute) == (3, 5, 3)
    assert (ignav.budget, ignav.success_radius_m) == (20, 0.5)
    assert (ar.limits.candidates, ar.limits.horizon, ar.limits.execute) == (2, 4, 1)
    assert (ar.budget, ar.stop_confidence) == (10, 0.95)
    assert Registry(TASKS).create("ar", budget=5).budget == 5


def test_everything_promised_at_the_top_is_there():
    for name in wiw_core.__all__:
        assert getattr(wiw_core, name) is not None


def test_the_core_loads_neither_ros_nor_torch_nor_a_simulator():
    program = (
        "import sys, wiw_core, wiw_core.conformance, wiw_core.metrics, wiw_core.records;"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert not {"rclpy", "torch", "mujoco", "cv2"} & set(done.stdout.split())
