"""Every text-driven video model through the whole engine: its real pipeline, tiny and untrained.

The contract itself is checked with every other plugin's, in tests/test_conformance.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from families_rows import (
    MODELS,
    PLANS,
    SINGLE,
    Evaluations,
    F,
    L,
    R,
    levels,
    loaded,
    on_denoising,
    rolled,
)
from video_fakes import asking

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Projection
from wiw_wm_node import views
from wiw_wm_node.video.batches import Batches

TOGETHER = [name for name in MODELS if name not in SINGLE]


@pytest.fixture(scope="module")
def row() -> Iterator[Callable[[str], Any]]:
    """Return each model once, loaded."""
    yield cache(loaded)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_imagined_follows_the_words_and_the_given_frame(row: Any, name: str) -> None:
    rollouts = rolled(row(name), asking([F, F, F], [F, L, F], [L, F, F]))
    words, frame = rollouts[1].frames[1:], rollouts[2].frames[1:]
    assert rollouts[0].frames.shape == (3, *row(name).settings.size, 3)
    assert levels(rollouts[0].frames[1:], words) > 1
    assert levels(rollouts[0].frames[:2], frame) > 1  # the same words, another given frame


@pytest.fixture(scope="module")
def alone(row: Any) -> Iterator[Callable[[str], list[Any]]]:
    """Return the frames of each of ``PLANS``, imagined alone."""
    yield cache(lambda name: [rolled(row(name), asking(plan))[0].frames for plan in PLANS])


@pytest.mark.parametrize("name", TOGETHER)
def test_a_batch_of_candidates_equals_candidates_alone(row: Any, alone: Any, name: str) -> None:
    model, seen = row(name), Evaluations()
    with on_denoising(model, seen):
        together = rolled(model, asking(*PLANS))
    assert min(seen.rows) >= len(PLANS)  # really one batch
    for index, frames in enumerate(alone(name)):
        assert levels(frames, together[index].frames) <= 1


@pytest.mark.parametrize("name", SINGLE)
def test_a_pipeline_of_one_candidate_is_called_once_for_each(row: Any, name: str) -> None:
    model, seen = row(name), Evaluations()
    with on_denoising(model, seen):
        together = rolled(model, asking(*PLANS[:2]))
    assert set(seen.rows) == {1}
    assert np.array_equal(rolled(model, asking(PLANS[1]))[0].frames, together[1].frames)


@pytest.fixture(scope="module")
def evaluations_per_step(row: Any) -> Iterator[Callable[[str], int]]:
    """Return how often a denoiser is evaluated in one step: twice with guidance, unless stacked."""

    def count(name: str) -> int:
        model, seen = row(name), Evaluations()
        with on_denoising(model, seen):
            rolled(model, asking(PLANS[0]))
        assert seen.count >= model.settings.steps == 2
        return seen.count // model.settings.steps

    yield cache(count)


@pytest.mark.parametrize("name", MODELS)
def test_a_cancel_ends_the_work_within_one_step(
    row: Any, alone: Any, evaluations_per_step: Any, name: str
) -> None:
    model, seen = row(name), Evaluations()
    with on_denoising(model, seen), pytest.raises(WiwError) as caught:
        rolled(model, asking(PLANS[0], cancelled=lambda: seen.count >= 1))
    assert caught.value.code is ErrorCode.CANCELLED
    assert seen.count <= evaluations_per_step(name)
    again = rolled(model, asking(PLANS[0]))[0].frames
    assert np.array_equal(again, alone(name)[0])  # and it still works


class Clock:
    """A fake clock: it goes only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def tick(self, _: Any) -> None:
        self.now += 1.0


@pytest.mark.parametrize("name", MODELS)
def test_a_passed_deadline_ends_the_work_within_one_step(
    row: Any, evaluations_per_step: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, clock, most = row(name), Clock(), evaluations_per_step(name)
    monkeypatch.setattr(views, "time", clock)
    with on_denoising(model, clock.tick), pytest.raises(WiwError) as caught:
        rolled(model, asking(PLANS[0], deadline_s=100.5))
    assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED
    assert clock.now <= 100.0 + most


@pytest.mark.parametrize("name", MODELS)
def test_the_second_decision_encodes_nothing_that_is_known(row: Any, name: str) -> None:
    model = row(name)
    memo = model.engine.memo
    memo.clear()
    before = memo.encoded
    first = rolled(model, asking(PLANS[1]))[0].frames
    encoded = memo.encoded
    assert encoded >= before + 2  # the given frame and the words at least
    assert np.array_equal(rolled(model, asking(PLANS[1]))[0].frames, first)
    other = rolled(model, asking(PLANS[1], seed=1))[0].frames
    assert levels(other, first) > 1  # other noise, the same picture and words
    assert memo.encoded == encoded


@pytest.mark.parametrize("name", TOGETHER)
def test_full_memory_halves_the_batch_and_loses_nobody(
    row: Any, alone: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, lone = row(name), alone(name)
    monkeypatch.setattr(model, "batches", Batches(model.settings.batch))
    most = 2 if name.startswith("ltx") else 1  # they evaluate both halves of guidance at once

    def full(latents: Any) -> None:
        if latents.shape[0] > most:
            raise torch.OutOfMemoryError("CUDA out of memory (injected)")

    with on_denoising(model, full):
        rollouts = rolled(model, asking(*PLANS))
    for index, frames in enumerate(lone):
        assert rollouts[index].code is ErrorCode.OK
        assert np.array_equal(rollouts[index].frames, frames)
        assert "memory ran out with 3 at once" in rollouts[index].message
    assert model.batches.limit == 1


@pytest.mark.parametrize("name", SINGLE)
def test_full_memory_for_one_candidate_says_what_to_do(row: Any, name: str) -> None:
    def full(_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory (injected)")

    model = row(name)
    with on_denoising(model, full):
        rollouts = rolled(model, asking(*PLANS[:2]))
    assert [rollouts[k].code for k in (0, 1)] == [ErrorCode.OUT_OF_MEMORY] * 2
    assert "offload=model" in rollouts[0].message
    assert rolled(model, asking(PLANS[0]))[0].code is ErrorCode.OK


@pytest.mark.parametrize("name", TOGETHER)
def test_a_candidate_that_is_no_number_harms_no_other(row: Any, name: str) -> None:
    def spoil(latents: Any) -> None:
        latents[1] = float("nan")

    model = row(name)
    sane = rolled(model, asking(*PLANS))
    with on_denoising(model, spoil):
        rollouts = rolled(model, asking(*PLANS))
    assert [rollouts[k].code for k in range(3)] == [
        ErrorCode.OK,
        ErrorCode.INVALID_FRAMES,
        ErrorCode.OK,
    ]
    assert levels(rollouts[2].frames, sane[2].frames) <= 1


@pytest.mark.parametrize("name", ["wan21", "wan22_a14b", "cosmos2"])
def test_frames_that_nobody_looks_at_are_not_decoded(row: Any, name: str) -> None:
    model = row(name)
    whole = rolled(model, asking([F] * 8))[0].frames
    lengths = []
    decode = model.engine.pipe.vae.decode

    def counting(latents: Any, *args: Any, **kwargs: Any) -> Any:
        lengths.append(latents.shape[2])
        return decode(latents, *args, **kwargs)

    model.engine.pipe.vae.decode = counting
    try:
        some = rolled(model, asking([F] * 8, frames=(4,)))[0].frames
    finally:
        model.engine.pipe.vae.decode = decode
    assert lengths == [2]  # of 3 latents: frame 0, frames 1 to 4
    assert np.array_equal(some, whole[:4])


@pytest.mark.parametrize("name", ["ltx", "hunyuan", "wan22_5b", "cosmos25"])
def test_panoramas_come_back_as_panoramas(name: str) -> None:
    model = loaded(name, view="panorama", height=64, width=128)
    assert model.info.needs_panorama and model.info.projection is Projection.EQUIRECTANGULAR
    rollout = rolled(model, asking([R, R, F]))[0]
    assert rollout.frames.shape == (3, 64, 128, 3)
    assert np.array_equal(rollout.frames[1], np.roll(rollout.frames[0], -128 // 16, axis=1))
