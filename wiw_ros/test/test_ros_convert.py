"""Conversions: round trips are exact, and malformed messages are one clear sentence."""

from __future__ import annotations

import array
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiw_core.decisions import (
    Candidate,
    Decision,
    DecisionKind,
    EpisodeResult,
    EpisodeStatus,
    Exchange,
)
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.geometry import T_BASE_OPTICAL, Pose2, Pose3
from wiw_core.observation import Episode, Observation, Projection, SceneObject, View
from wiw_core.plans import Action, ActionSpec, Plan, navigation_plan
from wiw_core.rollouts import ModelInfo, Rollout
from wiw_msgs.action import Rollout as RolloutAction
from wiw_ros import convert

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
near = st.floats(-1e3, 1e3)
text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)


def camera(name: str = "front", size: tuple[int, int] = (4, 6), depth: bool = True) -> View:
    rng = np.random.default_rng(0)
    return View(
        name=name,
        rgb=rng.integers(0, 256, (*size, 3), dtype=np.uint8),
        depth=rng.random(size, dtype=np.float32) if depth else None,
        intrinsics=np.array([[3.0, 0.0, 3.1], [0.0, 3.0, 2.1], [0.0, 0.0, 1.0]]),
        target_box=(0, 1, 3, 4),
    )


def observation() -> Observation:
    return Observation("val_000", 7, (camera(),), Pose2(1.0, -2.0, 0.3), 12.5)


def armed() -> Observation:
    return replace(
        observation(),
        joints=(("panda_joint1", 0.25), ("panda_joint2", -1.5)),
        tool_pose=Pose3(0.1, -0.2, 0.9, 0.6, 0.8, 0.0, 0.0),
        gripper=1.0,
        objects=(SceneObject("object 1", 0.2, 0.1, 0.77),),
    )


def same_view(a: View, b: View) -> bool:
    return (
        (a.name, a.projection, a.target_box) == (b.name, b.projection, b.target_box)
        and np.array_equal(a.rgb, b.rgb)
        and (a.depth is b.depth is None or np.array_equal(a.depth, b.depth))
        and np.array_equal(a.intrinsics, b.intrinsics)
        and np.array_equal(a.T_base_camera, b.T_base_camera)
    )


@given(st.floats(-math.pi, math.pi), near, near)
def test_a_pose_comes_back_to_the_bit(yaw: float, x: float, y: float) -> None:
    back = convert.pose_from_msg(convert.pose_to_msg(Pose2(x, y, yaw)))
    assert back == Pose2(x, y, yaw)


@given(st.lists(st.sampled_from(["forward", "turn_left", "turn_right"]), max_size=60))
def test_a_driven_pose_comes_back_to_the_bit(names: list[str]) -> None:
    from wiw_core.plans import camera_path

    pose = camera_path(navigation_plan(names))[-1]
    assert convert.pose_from_msg(convert.pose_to_msg(pose)) == pose


def test_a_tilted_robot_gives_its_heading() -> None:
    message = convert.pose_to_msg(Pose2())
    half = math.radians(45.0)
    q = message.orientation
    q.x, q.y, q.z, q.w = 0.05, 0.0, math.sin(half / 2), math.cos(half / 2)
    q.w = math.sqrt(1.0 - q.x**2 - q.z**2)
    assert convert.pose_from_msg(message).yaw_rad == pytest.approx(half, abs=0.01)


@given(st.floats(0.0, 2e9))
def test_a_stamp_comes_back_to_the_nanosecond(seconds: float) -> None:
    once = convert.stamp_from_msg(convert.stamp_to_msg(seconds))
    assert once == pytest.approx(seconds, abs=1e-9, rel=1e-15)
    assert convert.stamp_from_msg(convert.stamp_to_msg(once)) == pytest.approx(once, rel=1e-16)


def test_an_optical_frame_comes_back_to_the_bit() -> None:
    matrix = T_BASE_OPTICAL.copy()
    matrix[:3, 3] = 0.1, -0.2, 1.0
    back = convert.transform_from_msg(convert.transform_to_msg(matrix))
    assert np.array_equal(back, matrix)


@given(st.lists(st.builds(Action, text, st.lists(finite, max_size=3).map(tuple))), text, finite)
def test_a_plan_comes_back(actions: list[Action], words: str, prior: float) -> None:
    plan = Plan(tuple(actions), words, prior)
    assert convert.plan_from_msg(convert.plan_to_msg(plan)) == plan


def test_an_action_spec_comes_back() -> None:
    spec = ActionSpec("move", ("dx", "dyaw"), (-1.0, -3.0), (1.0, 3.0), ("m", "rad"))
    assert convert.action_spec_from_msg(convert.action_spec_to_msg(spec)) == spec


@pytest.mark.parametrize("task", ["ignav", "ar"])
def test_a_whole_observation_and_episode_come_back(task: str) -> None:
    episode, seen, _ = FakeEnvironment().reset(task, "val_001")
    back = convert.observation_from_msg(convert.observation_to_msg(seen))
    assert replace(back, views=()) == replace(seen, views=())
    assert all(same_view(a, b) for a, b in zip(back.views, seen.views, strict=True))
    again = convert.episode_from_msg(convert.episode_to_msg(episode))
    assert replace(again, goal_view=None) == replace(episode, goal_view=None)
    if episode.goal_view is None:
        assert again.goal_view is None
    else:
        assert again.goal_view is not None and same_view(again.goal_view, episode.goal_view)


def test_pixels_are_not_copied_on_the_way_in() -> None:
    message = convert.view_to_msg(camera())
    view = convert.view_from_msg(message)
    message.image.data[0] = (message.image.data[0] + 1) % 256
    assert view.rgb[0, 0, 0] == message.image.data[0]


def test_millimetre_depth_becomes_metres() -> None:
    message = convert.view_to_msg(camera())
    millimetres = np.full((4, 6), 1500, np.uint16)
    message.depth.encoding, message.depth.step = "16UC1", 12
    message.depth.data = array.array("B", millimetres.tobytes())
    depth = convert.view_from_msg(message).depth
    assert depth is not None and depth.dtype == np.float32
    assert np.allclose(depth, 1.5)


def spoil(change: Callable[[Any], None]) -> WiwError:
    message = convert.observation_to_msg(observation())
    change(message)
    with pytest.raises(WiwError) as caught:
        convert.observation_from_msg(message)
    return caught.value


def _set(path: str, value: Any) -> Callable[[Any], None]:
    def change(message: Any) -> None:
        *parents, last = path.split(".")
        target = message
        for part in parents:
            target = target[int(part)] if part.isdigit() else getattr(target, part)
        setattr(target, last, value)

    return change


def test_an_arm_comes_back_with_its_joints_tool_and_objects() -> None:
    seen = armed()
    back = convert.observation_from_msg(convert.observation_to_msg(seen))
    for name in ("joints", "tool_pose", "gripper", "objects"):
        assert getattr(back, name) == getattr(seen, name)


def test_a_base_has_no_tool() -> None:
    back = convert.observation_from_msg(convert.observation_to_msg(observation()))
    assert (back.joints, back.tool_pose, back.objects) == ((), None, ())


@pytest.mark.parametrize("spoil", ["position", "gripper", "centroid", "length"])
def test_a_malformed_arm_is_refused(spoil: str) -> None:
    message = convert.observation_to_msg(armed())
    if spoil == "position":
        message.joint_state.position[0] = math.nan
    elif spoil == "gripper":
        message.gripper = math.inf
    elif spoil == "centroid":
        message.objects[0].centroid.y = math.nan
    else:
        message.joint_state.position.pop()
    with pytest.raises(WiwError) as caught:
        convert.observation_from_msg(message)
    assert caught.value.code is ErrorCode.BAD_IMAGE


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("views.0.image.encoding", "bgr8", "encoding 'bgr8'; allowed: rgb8"),
        ("views.0.image.encoding", "mono16", "allowed: rgb8"),
        ("views.0.image.step", 17, "needs step 18"),
        ("views.0.image.height", 0, "empty or too large"),
        ("views.0.image.height", 2**31, "empty or too large"),
        ("views.0.image.width", 5, "got step 18"),
        ("views.0.image.data", array.array("B", b"123"), "got step 18 and 3 bytes"),
        ("views.0.depth.encoding", "64FC1", "allowed: 32FC1 or 16UC1"),
        ("views.0.depth.is_bigendian", 1, "big-endian"),
        ("views.0.camera_info.height", 9, "camera_info is for 6x9"),
        ("views.0.camera_info.k", np.full(9, np.nan), "camera_info"),
        ("views.0.projection", 7, "allowed: 0 PERSPECTIVE, 1 EQUIRECTANGULAR"),
        ("views.0.t_base_camera.rotation.w", 3.0, "norm"),
        ("views.0.t_base_camera.translation.x", math.inf, "not finite"),
        ("views.0.target_box", array.array("i", [0, 0, 0, 2]), "target box"),
        ("views.0.target_box", array.array("i", [1, 1, 2]), "target box"),
        ("base_pose.orientation.w", 0.0, "norm"),
        ("base_pose.orientation.z", math.nan, "norm"),
        ("base_pose.position.x", math.nan, "not finite"),
    ],
)
def test_a_malformed_observation_is_one_sentence(path: str, value: Any, words: str) -> None:
    error = spoil(_set(path, value))
    assert error.code is ErrorCode.BAD_IMAGE
    assert words in str(error)


def test_depth_that_is_not_finite_is_refused_in_both_directions() -> None:
    view = camera()
    assert view.depth is not None
    bad = view.depth.copy()
    bad[1, 2] = np.nan
    with pytest.raises(WiwError, match="1 values that are negative or not finite"):
        convert.view_to_msg(replace(view, depth=bad))
    message = convert.view_to_msg(view)
    message.depth.data = array.array("B", bad.tobytes())
    with pytest.raises(WiwError, match="1 values that are negative or not finite"):
        convert.view_from_msg(message)


def test_depth_of_another_size_is_refused() -> None:
    other = camera(size=(2, 2))
    message = convert.view_to_msg(camera())
    message.depth = convert.view_to_msg(other).depth
    with pytest.raises(WiwError, match="depth is"):
        convert.view_from_msg(message)
    with pytest.raises(WiwError, match="depth"):
        convert.view_to_msg(replace(camera(), depth=other.depth))


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 4), (0, 6, 3)])
def test_an_environment_with_wrong_images_is_told(shape: tuple[int, ...]) -> None:
    with pytest.raises(WiwError) as caught:
        convert.view_to_msg(replace(camera(), rgb=np.zeros(shape, np.uint8)))
    assert caught.value.code is ErrorCode.BAD_IMAGE


def rollout(count: int = 3) -> Rollout:
    rng = np.random.default_rng(1)
    return Rollout(
        plan_index=2,
        frames=rng.integers(0, 256, (count, 16, 24, 3), dtype=np.uint8),
        frame_indices=tuple(range(1, count + 1)),
        projection=Projection.PERSPECTIVE,
        confidence=rng.random(count, dtype=np.float32),
        value=rng.random(count, dtype=np.float32),
        generation=2**40,
        seconds=0.25,
    )


def test_a_raw_rollout_comes_back_to_the_bit() -> None:
    sent = rollout()
    back = convert.rollout_from_msg(convert.rollout_to_msg(sent))
    for name in ("frames", "confidence", "value"):
        assert np.array_equal(getattr(back, name), getattr(sent, name))
    plain = {"frames": np.zeros(0, np.uint8), "confidence": None, "value": None}
    assert repr(replace(back, **plain)) == repr(replace(sent, **plain))


def test_a_jpeg_rollout_comes_back_nearly() -> None:
    rows = np.linspace(0, 255, 32, dtype=np.uint8)
    frame = np.stack([np.tile(rows, (32, 1)), np.tile(rows[:, None], (1, 32))] * 2, -1)[..., :3]
    sent = replace(rollout(2), frames=np.stack([frame, frame[::-1]]))
    message = convert.rollout_to_msg(sent, RolloutAction.Goal.JPEG)
    assert len(message.video.payload) < sent.frames.size / 2
    back = convert.rollout_from_msg(message)
    assert np.abs(back.frames.astype(int) - sent.frames).mean() < 4


def test_a_scores_rollout_has_no_frames_and_keeps_its_scores() -> None:
    message = convert.rollout_to_msg(rollout(), RolloutAction.Goal.SCORES)
    back = convert.rollout_from_msg(message)
    assert len(message.video.payload) == 0 and back.frames.shape == (0, 16, 24, 3)
    assert back.frame_indices == (1, 2, 3)
    assert back.value is not None and np.array_equal(back.value, rollout().value)


@pytest.mark.parametrize("mode", [RolloutAction.Goal.RAW, RolloutAction.Goal.JPEG])
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("video.encoding", "h264"),
        ("video.count", 2),
        ("video.height", 17),
        ("video.payload", array.array("B", b"12")),
        ("value", array.array("f", [0.1])),
        ("confidence", array.array("f", [math.nan] * 3)),
        ("video.projection", 9),
    ],
)
def test_a_malformed_rollout_is_one_sentence(mode: int, path: str, value: Any) -> None:
    message = convert.rollout_to_msg(rollout(), mode)
    _set(path, value)(message)
    with pytest.raises(WiwError) as caught:
        convert.rollout_from_msg(message)
    assert caught.value.code is ErrorCode.CONTRACT_VIOLATION


def test_a_huge_video_is_refused_before_anything_is_allocated() -> None:
    message = convert.rollout_to_msg(rollout())
    message.video.count = 2**31
    message.frame_indices = array.array("H", [1] * 3)
    with pytest.raises(WiwError):
        convert.rollout_from_msg(message)
    message.video.count, message.video.width = 3, 2**31
    with pytest.raises(WiwError) as caught:
        convert.rollout_from_msg(message)
    assert caught.value.code is ErrorCode.TOO_LARGE


def test_a_verdict_is_never_unset() -> None:
    assert convert.code_from_msg(0) is ErrorCode.INTERNAL
    assert convert.code_from_msg(31337) is ErrorCode.INTERNAL
    assert convert.code_from_msg(1) is ErrorCode.OK


def test_a_model_info_comes_back() -> None:
    info = ModelInfo("m", "2", "MIT", ("camera",), Projection.PERSPECTIVE, 8, 9, 14, 3, 7.0, 4)
    info = replace(info, needs_depth=True, privileges=("simulator_state",))
    assert convert.model_info_from_msg(convert.model_info_to_msg(info)) == info


@settings(max_examples=25)
@given(st.sampled_from(DecisionKind), finite, st.dictionaries(text, finite, max_size=3))
def test_a_decision_comes_back_without_its_rollouts(
    kind: DecisionKind, score: float, seconds: dict[str, float]
) -> None:
    plan = navigation_plan(["forward"], prior=0.5)
    weighed = Candidate(plan, None, score, "because", ErrorCode.DEADLINE_EXCEEDED, 2)
    said = Exchange("propose", "a model at home", 2, 3, 0.5, ErrorCode.UNPARSABLE, "why", "{")
    decision = Decision(kind, plan, 1, 0, "a", 0.5, (weighed,), 3, 9, seconds, 4, True, (said,))
    assert convert.decision_from_msg(convert.decision_to_msg(decision)) == decision


def test_an_episode_result_comes_back_with_its_nan() -> None:
    result = EpisodeResult("ar", "val_001", 5, EpisodeStatus.SUCCESS, True, actions=3, path_m=0.6)
    back = convert.result_from_msg(convert.result_to_msg(result))
    assert repr(back) == repr(result)


def good_goal() -> RolloutAction.Goal:
    return RolloutAction.Goal(
        observations=[convert.observation_to_msg(observation())],
        plans=[convert.plan_to_msg(navigation_plan(["forward", "turn_left"]))],
        frames=[2],
        deadline_s=5.0,
        episode=convert.episode_to_msg(Episode("ar", "val_000", 1, "s", "val", 10)),
    )


def test_a_rollout_goal_becomes_a_request() -> None:
    request = convert.request_from_goal(good_goal())
    assert request.plans[0].names == ("forward", "turn_left") and request.frames == (2,)
    assert request.episode is not None and request.episode.task == "ar"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("plans", [], ErrorCode.EMPTY_PLAN),
        ("plans", [convert.plan_to_msg(Plan(()))], ErrorCode.EMPTY_PLAN),
        ("plans", [convert.plan_to_msg(navigation_plan(["forward"]))] * 300, ErrorCode.TOO_LARGE),
        ("frames", array.array("H", []), ErrorCode.BAD_FRAME_COUNT),
        ("frames", array.array("H", [0]), ErrorCode.BAD_FRAME_COUNT),
        ("frames", array.array("H", [60000]), ErrorCode.BAD_FRAME_COUNT),
        ("observations", [], ErrorCode.BAD_IMAGE),
        ("return_mode", 9, ErrorCode.BAD_PARAMETER),
        ("deadline_s", 0.0, ErrorCode.BAD_PARAMETER),
        ("deadline_s", math.nan, ErrorCode.BAD_PARAMETER),
        ("deadline_s", 1e9, ErrorCode.BAD_PARAMETER),
    ],
)
def test_a_bad_rollout_goal_has_its_code(field: str, value: Any, code: ErrorCode) -> None:
    goal = good_goal()
    setattr(goal, field, value)
    with pytest.raises(WiwError) as caught:
        convert.request_from_goal(goal)
    assert caught.value.code is code
