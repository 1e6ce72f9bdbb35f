"""NWM as a world model, with a tiny random network: plumbing, not pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_nwm_checkpoint import published
from wm_rooms import front_view, observe, panorama_view

from wiw_core.conformance import check_world_model
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Observation
from wiw_core.plans import Action, Plan, navigation_plan
from wiw_core.rollouts import Rollout, RolloutRequest
from wiw_core.wrappers import Validated
from wiw_wm_node.nwm import loading, source
from wiw_wm_node.nwm import model as nwm_model
from wiw_wm_node.nwm.model import NwmModel
from wiw_wm_node.nwm.network import CDiT
from wiw_wm_node.nwm.tiny import tiny_network, tiny_vae
from wiw_wm_node.video.start import perspective

STEPS = 3
PLANS = (
    navigation_plan(["forward"] * 3),
    navigation_plan(["turn_left", "forward", "forward"]),
    navigation_plan(["forward", "forward", "turn_right"]),
)


def look(k: int = 0, *, panorama: bool = True) -> Observation:
    pose = Pose2(-1.5 + 0.2 * k, 0.1, 0.2)
    return observe(pose, (panorama_view if panorama else front_view)(pose), step=k)


def request(plans: tuple[Plan, ...] = PLANS, **changes) -> RolloutRequest:
    frames = tuple(len(plan) for plan in plans)
    made = RolloutRequest(tuple(look(k) for k in range(4)), plans, frames, generation=7)
    return replace(made, **changes)


def tiny(**parameters) -> NwmModel:
    """Return a loaded model; it loads itself at the first rollout otherwise."""
    made = NwmModel(weights="tiny", steps=STEPS, **parameters)
    made.load()
    return made


def run(model: NwmModel, asked: RolloutRequest) -> dict[int, Rollout]:
    return {r.plan_index: r for r in Validated(model).rollout(asked)}


@pytest.fixture(scope="module")
def model() -> Iterator[NwmModel]:
    made = tiny()
    yield made
    made.close()


@pytest.fixture
def rows(model: NwmModel) -> Iterator[list[int]]:
    """Frames in each run of the network, as it runs."""
    counted: list[int] = []
    hook = model.engine.predictor.network.register_forward_pre_hook(
        lambda _, given: counted.append(len(given[0]))
    )
    yield counted
    hook.remove()


def test_it_keeps_the_contract_bit_by_bit_one_frame_at_a_time() -> None:
    check_world_model(tiny(batch=1), request)


def test_many_at_once_are_what_each_is_alone_up_to_rounding(model: NwmModel) -> None:
    together = run(model, request())
    for index, plan in enumerate(PLANS):
        alone = run(model, request((plan,)))[0].frames.astype(int)
        assert np.abs(together[index].frames - alone).max() <= 1


def test_what_plans_begin_with_alike_is_imagined_once(model: NwmModel, rows: list[int]) -> None:
    run(model, request((PLANS[0], PLANS[2])))
    assert rows == [1] * STEPS + [1] * STEPS + [2] * STEPS


def test_different_actions_lead_to_different_frames(model: NwmModel) -> None:
    found = run(model, request())
    ends = [found[i].frames[-1].astype(int) for i in range(3)]
    assert np.abs(ends[0] - ends[1]).mean() > 1 < np.abs(ends[0] - ends[2]).mean()


def test_a_plan_that_only_turns_is_the_panorama_turned(model: NwmModel, rows: list[int]) -> None:
    found = run(model, request((navigation_plan(["turn_left"] * 3),)))[0]
    rgb = look(3).views[0].rgb
    for k, frame in enumerate(found.frames, 1):
        assert np.array_equal(frame, perspective(rgb, (64, 64), 90.0, k * np.radians(22.5)))
    assert not rows


def test_turns_are_imagined_if_told_so_or_without_a_panorama(model: NwmModel) -> None:
    turns = request((navigation_plan(["turn_left"] * 2),))
    told = tiny(exact_turns=False)
    assert not np.array_equal(run(told, turns)[0].frames, run(model, turns)[0].frames)
    flat = replace(turns, observations=(look(panorama=False),))
    before = model.engine.predictor.steps
    assert run(model, flat)[0].frames.shape == (2, 64, 64, 3)
    assert model.engine.predictor.steps == before + 2 * STEPS


def test_only_the_frames_that_are_wanted_are_imagined(model: NwmModel, rows: list[int]) -> None:
    found = run(model, request(frames=(1, 1, 2)))
    assert [len(found[i].frames) for i in range(3)] == [1, 1, 2]
    assert len(rows) == 2 * STEPS  # the leading turn is exact


def test_older_looks_count_only_as_far_as_told() -> None:
    asked = request((PLANS[0],))
    other = replace(asked, observations=(look(9), *asked.observations[1:]))
    for looks, alike in ((4, False), (3, True), (1, True)):
        model = tiny(looks=looks)
        same = np.array_equal(run(model, asked)[0].frames, run(model, other)[0].frames)
        assert same is alike
        assert model.info.context == looks


def test_a_missing_look_is_the_oldest_one_repeated(model: NwmModel) -> None:
    short = request((PLANS[0],), observations=(look(2), look(3)))
    full = replace(short, observations=(look(2), look(2), look(2), look(3)))
    assert np.array_equal(run(model, short)[0].frames, run(model, full)[0].frames)


def test_looks_are_encoded_once_for_all_decisions() -> None:
    model = tiny()
    run(model, request((PLANS[0],)))
    assert model.engine.codec.memo.encoded == 4
    run(model, request((PLANS[0],), observations=tuple(look(k) for k in range(1, 5))))
    assert model.engine.codec.memo.encoded == 5


def test_it_stops_within_one_denoising_step_when_cancelled(model: NwmModel) -> None:
    end = model.engine.predictor.steps + 4
    with pytest.raises(WiwError) as caught:
        run(model, request(cancelled=lambda: model.engine.predictor.steps >= end))
    assert caught.value.code is ErrorCode.CANCELLED
    assert model.engine.predictor.steps == end


def test_it_stops_within_one_denoising_step_at_the_deadline(model: NwmModel, monkeypatch) -> None:
    begun, asked = model.engine.predictor.steps, request(deadline_s=100.0)
    monkeypatch.setattr(
        time, "monotonic", lambda: 0.0 if model.engine.predictor.steps < begun + 5 else 101.0
    )
    with pytest.raises(WiwError) as caught:
        run(model, asked)
    assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED
    assert model.engine.predictor.steps == begun + 5


def test_a_frame_of_broken_numbers_harms_its_own_plan_only(model: NwmModel) -> None:
    good = run(model, request())

    def broken(network: CDiT, given: tuple, made: torch.Tensor) -> torch.Tensor:
        turns_right = given[3][:, 2] < -0.1
        return torch.where(turns_right[:, None, None, None], torch.nan, made)

    hook = model.engine.predictor.network.register_forward_hook(broken)
    found = run(model, request())
    hook.remove()
    assert [found[i].code for i in range(3)] == [1, 1, ErrorCode.INVALID_FRAMES]
    assert len(found[2].frames) == 0
    for index in (0, 1):
        assert np.array_equal(found[index].frames, good[index].frames)


def test_when_memory_runs_out_fewer_are_made_at_once_and_it_is_said() -> None:
    model = tiny()
    good = run(model, request())

    def too_many(network: CDiT, given: tuple) -> None:
        if len(given[0]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory (injected)")

    model.engine.predictor.network.register_forward_pre_hook(too_many)
    found = run(model, request())
    for index in range(3):
        assert np.abs(found[index].frames.astype(int) - good[index].frames).max() <= 1
    assert model.engine.predictor.batches.limit == 1
    assert "memory ran out" in found[2].message


def test_a_frame_too_large_even_alone_fails_its_plans_with_a_code() -> None:
    model = tiny()

    def no_memory(network: CDiT, given: tuple) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory (injected)")

    model.engine.predictor.network.register_forward_pre_hook(no_memory)
    found = run(model, request((PLANS[0], navigation_plan(["turn_left"]))))
    assert found[0].code is ErrorCode.OUT_OF_MEMORY
    assert found[1].code is ErrorCode.OK


def test_a_plan_of_an_arm_is_refused(model: NwmModel) -> None:
    with pytest.raises(WiwError) as caught:
        run(model, request((Plan((Action("tool_pose", (0.0,) * 8),)),)))
    assert caught.value.code is ErrorCode.UNKNOWN_ACTION


def test_nothing_is_loaded_before_the_licence_is_accepted() -> None:
    with pytest.raises(WiwError, match="accept_non_commercial=true") as caught:
        NwmModel()
    assert caught.value.code is ErrorCode.MODEL_UNAVAILABLE


def test_absent_weights_are_named_with_the_command_that_fetches_them(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WiwError, match="hf download facebook/nwm") as caught:
        NwmModel(accept_non_commercial=True)
    assert caught.value.code is ErrorCode.MODEL_UNAVAILABLE
    assert "hf download facebook/nwm" in NwmModel.sheet.missing()


def test_without_diffusers_it_says_how_to_install_it(monkeypatch) -> None:
    monkeypatch.setattr(source, "find_spec", lambda name: None)
    with pytest.raises(WiwError, match=r"requirements-extras\.txt") as caught:
        NwmModel(weights="tiny")
    assert caught.value.code is ErrorCode.MODEL_UNAVAILABLE
    assert "requirements-extras.txt" in NwmModel.sheet.missing()


@pytest.mark.parametrize("bad", [{"looks": 0}, {"looks": 5}, {"sampler": "euler"}, {"steps": 0}])
def test_parameters_that_make_no_sense_are_refused(bad: dict) -> None:
    with pytest.raises(WiwError) as caught:
        NwmModel(weights="tiny", **bad)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def files(folder: Path) -> dict:
    """Write a synthetic checkpoint and a VAE; return the parameters that load them."""
    torch.save({"ema": published(tiny_network())}, folder / "nwm.pth")
    tiny_vae().save_pretrained(folder / "vae")
    return {
        "weights": str(folder / "nwm.pth"),
        "vae": str(folder / "vae"),
        "accept_non_commercial": True,
    }


def test_weights_in_files_are_loaded_as_the_tiny_ones_are(
    model: NwmModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(loading, "CDiT", lambda: CDiT(side=8, width=48, depth=2, heads=2))
    monkeypatch.setattr(nwm_model, "SIDE", 64)
    loaded = NwmModel(**files(tmp_path), steps=STEPS)
    assert loaded.info.revision != model.info.revision
    assert np.array_equal(run(loaded, request())[1].frames, run(model, request())[1].frames)


def test_a_checkpoint_of_another_size_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    small = NwmModel(**files(tmp_path))
    with pytest.raises(WiwError) as caught:
        small.load()
    assert caught.value.code is ErrorCode.RECORD_CORRUPT


def test_a_folder_without_a_vae_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "nwm.pth").touch()
    bare = {"weights": str(tmp_path / "nwm.pth"), "vae": str(tmp_path)}
    with pytest.raises(WiwError) as caught:
        NwmModel(**bare, accept_non_commercial=True).load()
    assert caught.value.code is ErrorCode.MODEL_UNAVAILABLE
