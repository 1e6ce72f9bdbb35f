"""The video engine around a fake pipeline: what is generated, for whom, and what when it fails."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from video_fakes import STEPS, FakeVideo, SingleVideo, asking, native, seen

from wiw_core.arm import tool_pose
from wiw_core.cameras.panorama import roll_yaw
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_core.observation import Projection
from wiw_core.plans import TURN_RAD, Plan
from wiw_core.rollouts import Rollout, RolloutRequest
from wiw_wm_node import views
from wiw_wm_node.video import engine

F, L, R = "forward", "turn_left", "turn_right"


@pytest.fixture
def video(tmp_path: Path) -> Any:
    def make(kind: Any = FakeVideo, **parameters: Any) -> Any:
        model = kind(weights=str(tmp_path), **parameters)
        model.load()
        return model

    return make


def rolled(model: Any, request: RolloutRequest) -> dict[int, Rollout]:
    return {rollout.plan_index: rollout for rollout in model.rollout(request)}


def test_leading_turns_are_the_real_panorama_and_the_rest_is_generated(video: Any) -> None:
    model = video(view="panorama")
    rollout = rolled(model, asking([L, L, F, R]))[0]
    panorama = seen().view("panorama")
    assert panorama is not None
    now = views.resized(panorama.rgb, (16, 32))
    for k in (1, 2):
        assert np.array_equal(rollout.frames[k - 1], roll_yaw(now, k * TURN_RAD))
    assert native(rollout.frames[2:]) == [1, 2]
    batch = model.engine.pipe.batches[0]
    assert np.array_equal(np.array(batch.images[0]), roll_yaw(now, 2 * TURN_RAD))
    assert batch.turns[0] == (0, 0, -1, *[0] * 11)


def test_a_plan_that_only_turns_needs_no_model(tmp_path: Path) -> None:
    model = FakeVideo(weights=str(tmp_path), view="panorama")
    rollout = rolled(model, asking([R] * 4))[0]
    assert model.engine is None and rollout.frames.shape == (4, 16, 32, 3)
    assert len({frame.tobytes() for frame in rollout.frames}) == 4


def test_a_short_plan_goes_on_with_forward_to_the_clips_end(video: Any) -> None:
    model = video(compress=False)
    rolled(model, asking([F, R]))
    prompt = model.engine.pipe.batches[0].prompts[0]
    assert prompt.count("moves forward") == 12 and prompt.count("turns right") == 1


def test_a_turn_against_the_leading_ones_is_generated(video: Any) -> None:
    model = video()
    rollout = rolled(model, asking([L, R, F]))[0]
    assert native(rollout.frames[1:]) == [1, 2]
    prompt = model.engine.pipe.batches[0].prompts[0]
    assert "The camera turns right 22.5 degrees, then moves forward 2.4 m." in prompt


def test_frames_of_another_rate_are_read_at_the_moment_of_each_action(video: Any) -> None:
    model = video(frames=33)
    assert native(rolled(model, asking([F] * 13))[0].frames) == [k * 32 // 13 for k in range(1, 14)]
    assert "33 frames" in model.info.alignment and "resampled to 14" in model.info.alignment
    short = video(frames=12)
    assert native(rolled(short, asking([F] * 13))[0].frames) == [*range(1, 12), 11, 11]
    assert video().info.alignment.startswith("frame k is the view after action k;")


def test_only_what_is_wanted_comes_back(video: Any) -> None:
    model = video()
    rollouts = rolled(model, asking([F] * 5, [R, F, F], frames=(2, 3), last_frame_only=True))
    assert [rollouts[k].frame_indices for k in (0, 1)] == [(2,), (3,)]
    assert [native(rollouts[k].frames) for k in (0, 1)] == [[2], [2]]
    assert model.engine.pipe.batches[0].last == 2


def test_clips_that_are_alike_are_generated_once(video: Any) -> None:
    model = video()
    rollouts = rolled(model, asking([F], [F, F, F], [L, F], [F, L]))
    assert [len(batch) for batch in model.engine.pipe.batches] == [3]  # [F] is padded to [F, F, F]
    assert [len(rollouts[k].frames) for k in range(4)] == [1, 3, 2, 2]
    assert rollouts[1].seconds == 0.0 < rollouts[0].seconds


def test_sixteen_turns_are_none(video: Any) -> None:
    model = video(actions=17, frames=18)
    rolled(model, asking([F], [L] * 16 + [F]))
    assert [len(batch) for batch in model.engine.pipe.batches] == [1]


def test_every_candidate_starts_from_the_same_noise_unless_told_otherwise(video: Any) -> None:
    def noise(model: Any, request: RolloutRequest) -> list[float]:
        rolled(model, request)
        batch = model.engine.pipe.batches[-1]
        return [float(torch.randn(1, generator=g)) for g in batch.generators]

    plans = ([F], [R, F], [F, R])
    shared = noise(video(), asking(*plans))
    assert len(set(shared)) == 1
    assert noise(video(), asking(*plans)) == shared
    assert noise(video(), asking(*plans, seed=1)) != shared
    later = replace(asking(*plans), observations=(replace(seen(), step=3),))
    assert noise(video(), later) != shared
    own = noise(video(noise="own"), asking(*plans))
    assert len(set(own)) == 3
    assert noise(video(noise="own"), asking(*reversed(plans))) == own[::-1]


def test_memory_that_runs_out_halves_the_batch_and_loses_nobody(video: Any) -> None:
    model = video(batch=4)

    def full(pipe: Any, batch: Any) -> None:
        if len(batch) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")

    model.engine.pipe.fault = full
    plans = ([F], [F, R], [F, L], [F, F, R])
    rollouts = rolled(model, asking(*plans))
    assert [len(batch) for batch in model.engine.pipe.batches] == [4, 2, 1, 1, 1, 1]
    assert all(rollouts[k].code is ErrorCode.OK for k in range(4))
    assert rollouts[3].message == "Generated 1 at a time: memory ran out with 2 at once."
    assert model.engine.pipe.freed == 6
    rolled(model, asking(*plans))
    assert [len(batch) for batch in model.engine.pipe.batches[6:]] == [1] * 4  # remembered


def test_a_candidate_too_large_alone_is_the_only_one_lost(video: Any) -> None:
    model = video(batch=2)

    def full(pipe: Any, batch: Any) -> None:
        if any("right" in prompt for prompt in batch.prompts):
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to")

    model.engine.pipe.fault = full
    rollouts = rolled(model, asking([F], [F, R], [F, L]))
    assert [rollouts[k].code for k in range(3)] == [
        ErrorCode.OK,
        ErrorCode.OUT_OF_MEMORY,
        ErrorCode.OK,
    ]
    assert len(rollouts[1].frames) == 0 and "offload=model" in rollouts[1].message


def test_another_failure_is_not_taken_for_full_memory(video: Any) -> None:
    model = video()

    def broken(pipe: Any, batch: Any) -> None:
        raise RuntimeError("shapes do not match")

    model.engine.pipe.fault = broken
    with pytest.raises(RuntimeError, match="do not match"):
        rolled(model, asking([F], [F, R]))
    assert model.engine.pipe.freed == 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_never_become_pixels(video: Any, bad: float) -> None:
    model = video()
    model.engine.pipe.spoil = lambda clips: clips[1, 1, 2, 3, 3].fill_(bad)
    rollouts = rolled(model, asking([F], [F, R], [F, L]))
    assert [rollouts[k].code for k in range(3)] == [
        ErrorCode.OK,
        ErrorCode.INVALID_FRAMES,
        ErrorCode.OK,
    ]
    assert rollouts[1].frames.shape == (0, 16, 32, 3)


def test_infinite_latents_are_found_though_decoding_would_clip_them(video: Any) -> None:
    model = video()

    def latents(pipe: Any, batch: Any) -> None:
        batch.on_step(pipe, 0, None, {"latents": torch.tensor([[0.0], [float("inf")]])})
        object.__setattr__(batch, "on_step", lambda *given: given[-1])

    model.engine.pipe.fault = latents
    rollouts = rolled(model, asking([F], [F, R]))
    assert [rollouts[k].code for k in (0, 1)] == [ErrorCode.OK, ErrorCode.INVALID_FRAMES]


def test_a_cancel_ends_the_work_within_one_step(video: Any) -> None:
    model = video()
    pipe = model.engine.pipe
    with pytest.raises(WiwError) as caught:
        rolled(model, asking([F], [F, R], cancelled=lambda: pipe.steps >= 2))
    assert caught.value.code is ErrorCode.CANCELLED
    assert pipe.steps == 2 and pipe.freed == 1
    assert rolled(model, asking([F]))[0].code is ErrorCode.OK  # and it still works


def test_long_work_says_how_far_it_is(
    video: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "PROGRESS_S", 0.0)
    with caplog.at_level(logging.INFO, "wiw_wm_node"):
        rolled(video(), asking([F], [F, R]))
    said = [record.getMessage() for record in caplog.records if "step" in record.getMessage()]
    assert [text.split(",")[0] for text in said] == [f"step {k} of 4" for k in (1, 2, 3)]
    assert "2 clips at once" in said[0]


def test_a_passed_deadline_ends_the_work_within_one_step(video: Any) -> None:
    model = video()
    pipe = model.engine.pipe
    request = asking([F])

    def late(pipe: Any, batch: Any) -> None:
        object.__setattr__(request, "deadline_s", time.monotonic() - 1.0)

    pipe.fault = late
    with pytest.raises(WiwError) as caught:
        rolled(model, request)
    assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED
    assert (pipe.steps, pipe.freed, STEPS) == (1, 1, 4)


def test_a_pipeline_for_one_candidate_is_called_in_a_loop(video: Any) -> None:
    model = video(SingleVideo)
    rolled(model, asking([F], [F, R], [F, L]))
    assert [len(batch) for batch in model.engine.pipe.batches] == [1, 1, 1]


def test_a_compiled_model_sees_few_batch_sizes(tmp_path: Path) -> None:
    model = FakeVideo(weights=str(tmp_path), compile=True, batch=8)
    rollouts = rolled(model, asking([F], [F, R], [F, L]))
    assert [len(batch) for batch in model.engine.pipe.batches] == [4]
    assert len(rollouts) == 3


def test_without_a_panorama_every_turn_is_imagined(video: Any) -> None:
    flat = tuple(v for v in seen().views if v.projection is Projection.PERSPECTIVE)
    assert flat
    request = replace(asking([L, L, F]), observations=(replace(seen(), views=flat),))
    rollout = rolled(video(), request)[0]
    assert native(rollout.frames) == [1, 2, 3]
    assert rollout.projection is Projection.PERSPECTIVE
    with pytest.raises(WiwError) as caught:
        rolled(video(view="panorama"), request)
    assert caught.value.code is ErrorCode.PANORAMA_REQUIRED


def test_beyond_the_clips_end_the_last_frame_is_held_and_it_is_said(video: Any) -> None:
    rollout = rolled(video(actions=3, frames=4), asking([L] + [F] * 5))[0]
    assert native(rollout.frames[1:]) == [1, 2, 3, 3, 3]
    assert rollout.message == "Frames after action 4 repeat the last one."
    assert rolled(video(actions=3, frames=4), asking([L] + [F] * 3))[0].message == ""


def test_an_arms_plan_longer_than_the_clip_is_refused(video: Any) -> None:
    place = Pose3(0.2, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0)
    plan = Plan((tool_pose(place, True),) * 4, "push")
    with pytest.raises(WiwError) as caught:
        rolled(video(actions=3, frames=4), RolloutRequest((seen(),), (plan,), (1,)))
    assert caught.value.code is ErrorCode.TOO_LARGE
