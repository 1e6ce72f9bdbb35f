"""The warp model against exactly rendered truth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from wm_rooms import PILLARS, front_view, observe, panorama_view

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Observation, Projection
from wiw_core.plans import camera_path, navigation_plan
from wiw_core.rollouts import RolloutRequest
from wiw_wm_node.copy import CopyModel
from wiw_wm_node.rotate import RotateModel
from wiw_wm_node.warp.fill import filled_smoothly, push_pull
from wiw_wm_node.warp.memory import Memory
from wiw_wm_node.warp.model import WarpModel
from wiw_wm_node.warp.obstacles import obstacle_places, stopped_path

F, L, R = "forward", "turn_left", "turn_right"
SIZE = {"height": 72, "width": 128}
START = Pose2(-1.5, 0.2, 0.3)


def ask(plan: list[str], *observations: Observation, **more) -> RolloutRequest:
    return RolloutRequest(observations, (navigation_plan(plan),), (len(plan),), **more)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = np.mean((a.astype(float) - b) ** 2)
    return math.inf if error == 0 else 10.0 * math.log10(255.0**2 / error)


def test_warp_is_far_nearer_to_the_truth_than_copy_and_rotate() -> None:
    now = observe(START, panorama_view(START))
    plan = [L, F, F, F]
    truth = panorama_view(START * camera_path(navigation_plan(plan))[-1]).rgb
    score = {
        model.__name__: psnr(next(iter(model(**SIZE).rollout(ask(plan, now)))).frames[-1], truth)
        for model in (WarpModel, CopyModel, RotateModel)
    }
    assert score["WarpModel"] > 20.0
    assert score["WarpModel"] > score["RotateModel"] + 6.0
    assert score["WarpModel"] > score["CopyModel"] + 6.0


def test_warp_of_a_front_view_is_nearer_to_the_truth_than_copy() -> None:
    size = {"height": 80, "width": 96}
    now = observe(START, front_view(START))
    truth = front_view(START * Pose2(0.4, 0, 0)).rgb
    (warp,) = WarpModel(**size).rollout(ask([F, F], now))
    (copy,) = CopyModel(**size).rollout(ask([F, F], now))
    assert warp.projection is Projection.PERSPECTIVE
    assert psnr(warp.frames[-1], truth) > psnr(copy.frames[-1], truth) + 4.0


def test_turning_is_an_exact_roll_of_what_is_seen_with_full_confidence() -> None:
    now = observe(START, panorama_view(START))
    (warp,) = WarpModel(**SIZE).rollout(ask([R, L, L], now))
    (rotate,) = RotateModel(**SIZE).rollout(ask([R, L, L], now))
    np.testing.assert_array_equal(warp.frames, rotate.frames)
    np.testing.assert_array_equal(warp.confidence, [1.0, 1.0, 1.0])


def test_turning_before_moving_only_rolls_the_frame_there() -> None:
    now = observe(START, panorama_view(START))
    model = WarpModel(**SIZE, stop_at_obstacles=False)
    (left,) = model.rollout(ask([F, F, L], now))
    assert psnr(left.frames[2], np.roll(left.frames[1], 8, axis=1)) > 22.0


def test_odometry_that_is_not_the_origin_changes_nothing() -> None:
    view = panorama_view(START)
    here, elsewhere = observe(START, view), observe(START, view, start=Pose2(5.0, -3.0, 2.0))
    (a,) = WarpModel(**SIZE).rollout(ask([F, L, F], here))
    (b,) = WarpModel(**SIZE).rollout(ask([F, L, F], elsewhere))
    np.testing.assert_array_equal(a.frames, b.frames)


def walk(count: int) -> list[Observation]:
    """Walk past the tall pillar, so that what it hides now was seen before."""
    path = [Pose2(0.3 + 0.3 * k, -0.1, 0.0) for k in range(count)]
    return [observe(p, panorama_view(p), start=path[0], step=k) for k, p in enumerate(path)]


def test_history_fills_holes_with_what_was_really_seen() -> None:
    observations = walk(4)
    confidence = []
    for context in (1, 2, 4):
        model = WarpModel(**SIZE, context=context, fill="push_pull")
        (rollout,) = model.rollout(ask([R, F, F], *observations))
        confidence.append(float(rollout.confidence[-1]))
    assert confidence[0] < confidence[1] <= confidence[2]
    assert 1.0 - confidence[2] < 0.7 * (1.0 - confidence[0])


def test_history_of_another_episode_is_not_remembered() -> None:
    *past, now = walk(4)
    strangers = [replace(o, episode_id="another") for o in past]
    model = WarpModel(**SIZE)
    (alone,) = model.rollout(ask([R, F], now))
    (mixed,) = model.rollout(ask([R, F], *strangers, now))
    np.testing.assert_array_equal(alone.frames, mixed.frames)


def test_info_asks_for_the_context_that_is_used() -> None:
    assert WarpModel(context=3).info.context == 3
    assert WarpModel().info.needs_depth


@pytest.mark.parametrize("view", [panorama_view(START), front_view(START)])
def test_no_depth_is_a_clear_error_and_never_a_guess(view) -> None:
    now = observe(START, replace(view, depth=None))
    with pytest.raises(WiwError, match=f"'{view.name}' has no depth") as error:
        list(WarpModel(**SIZE).rollout(ask([F], now)))
    assert error.value.code is ErrorCode.DEPTH_REQUIRED


def test_a_front_view_without_intrinsics_is_refused() -> None:
    view = replace(front_view(START), intrinsics=np.zeros((3, 3)))
    with pytest.raises(WiwError, match="'front' has no intrinsics") as error:
        list(WarpModel(**SIZE).rollout(ask([F], observe(START, view))))
    assert error.value.code is ErrorCode.BAD_IMAGE


@pytest.mark.filterwarnings("error")
def test_a_front_camera_turned_to_where_it_never_looked_imagines_with_no_confidence() -> None:
    now = observe(START, front_view(START))
    (rollout,) = WarpModel(**SIZE, fill="push_pull").rollout(ask([L] * 8, now))
    assert rollout.confidence[0] > 0.5
    assert (np.diff(rollout.confidence) <= 0).all()
    assert rollout.confidence[-1] == 0.0


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_depth_without_one_valid_pixel_is_no_depth(bad: float) -> None:
    view = panorama_view(START)
    now = observe(START, replace(view, depth=np.full_like(view.depth, bad)))
    with pytest.raises(WiwError, match="no valid depth") as error:
        list(WarpModel(**SIZE).rollout(ask([F], now)))
    assert error.value.code is ErrorCode.DEPTH_REQUIRED


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_invalid_depth_pixels_are_holes_and_the_rest_still_works(bad: float) -> None:
    view = panorama_view(START)
    depth = view.depth.copy()
    depth[:, 80:120] = bad
    model = WarpModel(**SIZE, fill="push_pull")
    (whole,) = model.rollout(ask([F], observe(START, view)))
    (holed,) = model.rollout(ask([F], observe(START, replace(view, depth=depth))))
    assert holed.confidence[0] < whole.confidence[0] - 0.1
    truth = panorama_view(START * Pose2(0.2, 0, 0)).rgb
    assert psnr(holed.frames[0][:, 10:60], truth[:, 10:60]) > 20.0


def test_a_plan_into_a_wall_stops_at_contact() -> None:
    pose = Pose2(2.3, 0.0, 0.0)  # the wall is 0.7 m ahead
    memory = Memory.of((observe(pose, panorama_view(pose)),), 1, (72, 128))
    places = obstacle_places(memory.mesh.points, height_m=1.0, reach_m=2.0)
    path = stopped_path(navigation_plan([F] * 6 + [L, F]), places, radius_m=0.2)
    assert path[1].x_m == pytest.approx(0.2)
    assert path[4].x_m == pytest.approx(0.5, abs=0.05)
    assert path[6] == path[4]
    assert path[7].yaw_rad == pytest.approx(math.pi / 8)


def test_a_low_box_stops_the_robot_and_a_lintel_does_not() -> None:
    pose = Pose2(0.8, -1.0, 0.0)  # the low pillar begins at x = 1.4
    plan = navigation_plan([F] * 4)
    lintel = (np.array([[1.4, -1.4, 1.6], [2.0, -0.6, 2.5]]),)
    far = {}
    for name, pillars in (("low", PILLARS), ("lintel", lintel)):
        memory = Memory.of((observe(pose, panorama_view(pose, pillars=pillars)),), 1, (72, 128))
        places = obstacle_places(memory.mesh.points, height_m=1.0, reach_m=2.0)
        far[name] = stopped_path(plan, places, radius_m=0.2)[-1].x_m
    assert far["low"] == pytest.approx(0.4, abs=0.05)
    assert far["lintel"] == pytest.approx(0.8)


def test_the_imagined_camera_does_not_fly_through_a_wall() -> None:
    pose = Pose2(2.3, 0.0, 0.0)
    now = observe(pose, panorama_view(pose))
    (stopped,) = WarpModel(**SIZE).rollout(ask([F] * 6, now))
    np.testing.assert_array_equal(stopped.frames[5], stopped.frames[3])
    truth = panorama_view(pose * Pose2(0.5, 0, 0)).rgb
    (flying,) = WarpModel(**SIZE, stop_at_obstacles=False).rollout(ask([F] * 6, now))
    assert psnr(stopped.frames[5], truth) > psnr(flying.frames[5], truth) + 3.0


def test_a_robot_beside_a_wall_still_drives_along_it() -> None:
    pose = Pose2(
        -1.0, 2.38, 0.0
    )  # 0.12 m from the wall: nearer than the radius, yet it stands there
    memory = Memory.of((observe(pose, panorama_view(pose)),), 1, (72, 128))
    places = obstacle_places(memory.mesh.points, height_m=1.0, reach_m=2.0)
    path = stopped_path(navigation_plan([F] * 4), places, radius_m=0.2)
    assert path[-1].x_m == pytest.approx(0.8)


def test_cancelling_within_a_plan_stops_at_the_next_frame() -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 3

    now = observe(START, panorama_view(START))
    with pytest.raises(WiwError) as error:
        list(WarpModel(**SIZE).rollout(ask([F] * 5, now, cancelled=cancelled)))
    assert error.value.code is ErrorCode.CANCELLED
    assert len(asked) == 4


def test_push_pull_keeps_what_is_known_and_reproduces_a_constant() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((17, 32, 3)).astype(np.float32)
    known = rng.random((17, 32)) < 0.2
    filled = push_pull(values, known.astype(np.float32), True)
    np.testing.assert_array_equal(filled[known], values[known])
    assert np.isfinite(filled).all()
    flat = push_pull(np.full((17, 32, 1), 0.7, np.float32), known.astype(np.float32), True)
    np.testing.assert_allclose(flat, 0.7, rtol=1e-5)


def test_a_hole_at_the_edge_of_a_panorama_is_filled_from_across_the_edge() -> None:
    values = np.zeros((16, 64, 1), np.float32)
    values[:, 32:] = 1.0  # columns 0..7 are unknown; across the edge lies 1, to the right lies 0
    weight = np.ones((16, 64), np.float32)
    weight[:, :8] = 0.0
    round_ = push_pull(values, weight, True)[8, :, 0]
    flat = push_pull(values, weight, False)[8, :, 0]
    assert round_[0] > 0.6
    assert flat[0] < 0.1


def test_holes_take_the_colour_of_the_far_side() -> None:
    rgb = np.zeros((16, 512, 3), np.float32)
    rgb[:, 34:] = 200.0
    depth = np.where(np.arange(512) < 32, 1.0, 5.0) * np.ones((16, 1))
    seen = np.ones((16, 512), bool)
    seen[:, 30:34] = False
    filled = filled_smoothly(rgb, seen, depth.astype(np.float32), False)
    assert filled[8, 31, 0] > 120  # the far side is 200, the near side 0: half way would be 75


@pytest.mark.parametrize(
    "parameters",
    [
        {"context": 0},
        {"context": 2.5},
        {"context": 1000},
        {"robot_radius_m": math.nan},
        {"robot_radius_m": -0.1},
        {"robot_height_m": math.inf},
        {"fill": "push_pul"},
        {"width": 100},
    ],
)
def test_a_bad_parameter_is_refused_by_name(parameters: dict) -> None:
    with pytest.raises(WiwError) as error:
        WarpModel(**parameters)
    assert error.value.code is ErrorCode.BAD_PARAMETER
