"""The controls are what they claim, bit for bit."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from wm_rooms import front_view, observe, panorama_view

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Observation, Projection
from wiw_core.plans import navigation_plan
from wiw_core.rollouts import RolloutRequest
from wiw_wm_node.copy import CopyModel
from wiw_wm_node.rotate import RotateModel
from wiw_wm_node.warp.model import WarpModel

F, L, R = "forward", "turn_left", "turn_right"
SIZE = {"height": 36, "width": 64}
PANORAMA = observe(Pose2(), panorama_view(Pose2()))
MODELS = [CopyModel, RotateModel, WarpModel]


def ask(*plans: list[str], now: Observation = PANORAMA, **more) -> RolloutRequest:
    more.setdefault("frames", tuple(len(p) for p in plans))
    return RolloutRequest((now,), tuple(navigation_plan(p) for p in plans), **more)


def test_copy_repeats_the_panorama_downsampled_once() -> None:
    (rollout,) = CopyModel(**SIZE).rollout(ask([F, L, R]))
    once = cv2.resize(PANORAMA.views[0].rgb, (64, 36), interpolation=cv2.INTER_AREA)
    assert rollout.frame_indices == (1, 2, 3)
    for frame in rollout.frames:
        np.testing.assert_array_equal(frame, once)


def test_copy_repeats_the_front_view_where_there_is_no_panorama() -> None:
    view = front_view(Pose2(), 36, 64)
    (rollout,) = CopyModel(**SIZE).rollout(ask([F], now=observe(Pose2(), view)))
    assert rollout.projection is Projection.PERSPECTIVE
    np.testing.assert_array_equal(rollout.frames[0], view.rgb)


def test_copy_of_an_observation_without_views_is_refused() -> None:
    with pytest.raises(WiwError) as error:
        list(CopyModel(**SIZE).rollout(ask([F], now=observe(Pose2()))))
    assert error.value.code is ErrorCode.BAD_IMAGE


def test_rotate_turns_exactly_and_ignores_forward() -> None:
    (rollout,) = RotateModel(**SIZE).rollout(ask([L, F, L, R, R, R]))
    now = cv2.resize(PANORAMA.views[0].rgb, (64, 36), interpolation=cv2.INTER_AREA)
    for frame, turns in zip(rollout.frames, [1, 1, 2, 1, 0, -1]):
        np.testing.assert_array_equal(frame, np.roll(now, 4 * turns, axis=1))


def test_rotate_shows_what_the_camera_really_sees_after_the_turn() -> None:
    (rollout,) = RotateModel(height=72, width=128).rollout(ask([L] * 3))
    truth = panorama_view(Pose2(0, 0, 3 * np.pi / 8)).rgb.astype(int)
    assert (
        np.mean(np.abs(rollout.frames[-1] - truth) > 2) < 0.01
    )  # a ray on a check's edge may flip


def test_rotate_needs_a_panorama() -> None:
    with pytest.raises(WiwError) as error:
        list(RotateModel(**SIZE).rollout(ask([L], now=observe(Pose2(), front_view(Pose2())))))
    assert error.value.code is ErrorCode.PANORAMA_REQUIRED


@pytest.mark.parametrize("model", MODELS)
class TestEveryModel:
    def test_frames_have_the_size_and_count_that_info_promises(self, model) -> None:
        wm = model(**SIZE)
        rollouts = list(wm.rollout(ask([F, L], [R], generation=7)))
        assert [r.plan_index for r in rollouts] == [0, 1]
        for rollout, count in zip(rollouts, (2, 1)):
            assert rollout.frames.shape == (count, wm.info.height, wm.info.width, 3)
            assert rollout.frames.dtype == np.uint8
            assert rollout.generation == 7
            assert rollout.projection is wm.info.frame_format(PANORAMA)[0]

    def test_a_plan_alone_gives_the_same_as_in_a_batch(self, model) -> None:
        plans = [[F, F, L], [L, F], [F, R, F, F], [F, F, L]]
        together = list(model(**SIZE).rollout(ask(*plans)))
        for plan, batched in zip(plans, together):
            (alone,) = model(**SIZE).rollout(ask(plan))
            np.testing.assert_array_equal(alone.frames, batched.frames)
            assert alone.frame_indices == batched.frame_indices
            if alone.confidence is not None:
                np.testing.assert_array_equal(alone.confidence, batched.confidence)

    def test_last_frame_only_is_the_last_of_all(self, model) -> None:
        (every,) = model(**SIZE).rollout(ask([L, F, F]))
        (last,) = model(**SIZE).rollout(ask([L, F, F], last_frame_only=True))
        assert last.frame_indices == (3,)
        np.testing.assert_array_equal(last.frames, every.frames[-1:])

    def test_the_same_request_twice_gives_the_same_bits(self, model) -> None:
        wm = model(**SIZE)
        first, second = (list(wm.rollout(ask([F, L, F], [R, F]))) for _ in range(2))
        for a, b in zip(first, second):
            np.testing.assert_array_equal(a.frames, b.frames)

    def test_fewer_frames_than_actions_are_the_first_ones(self, model) -> None:
        (every,) = model(**SIZE).rollout(ask([F, L, F]))
        (some,) = model(**SIZE).rollout(ask([F, L, F], frames=(2,)))
        np.testing.assert_array_equal(some.frames, every.frames[:2])

    def test_cancelling_between_rollouts_stops_before_the_next(self, model) -> None:
        cancelled: list[bool] = []
        stream = model(**SIZE).rollout(ask([F], [L], cancelled=lambda: bool(cancelled)))
        assert next(stream).plan_index == 0
        cancelled.append(True)
        with pytest.raises(WiwError) as error:
            next(stream)
        assert error.value.code is ErrorCode.CANCELLED

    def test_a_passed_deadline_is_an_error_not_a_late_answer(self, model) -> None:
        with pytest.raises(WiwError) as error:
            list(model(**SIZE).rollout(ask([F], deadline_s=time.monotonic() - 1.0)))
        assert error.value.code is ErrorCode.DEADLINE_EXCEEDED

    @pytest.mark.parametrize("count", [0, -1, 3])
    def test_a_frame_count_that_the_plan_lacks_is_refused(self, model, count: int) -> None:
        with pytest.raises(WiwError) as error:
            list(model(**SIZE).rollout(ask([F, L], frames=(count,))))
        assert error.value.code is ErrorCode.BAD_FRAME_COUNT

    @pytest.mark.parametrize(
        "size",
        [{"width": 500}, {"height": 0}, {"height": -4}, {"width": 10**6}, {"height": 36.0}],
    )
    def test_an_impossible_frame_size_is_refused(self, model, size: dict) -> None:
        with pytest.raises(WiwError) as error:
            model(**size)
        assert error.value.code is ErrorCode.BAD_PARAMETER
