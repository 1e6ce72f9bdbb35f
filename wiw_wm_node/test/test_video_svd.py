"""SVD and SVD-dagger through their real pipeline, tiny and untrained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from video_fakes import asking, seen

from wiw_core.conformance import check_world_model, example_context, example_request
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.rollouts import Rollout, RolloutRequest
from wiw_core.tasks.ignav import ImageGoalNavigation
from wiw_wm_node.video.svd import SvdModel
from wiw_wm_node.video.svd_action import SvdActionModel

SVD = {"weights": "tiny", "steps": 2, "height": 32, "width": 32}
ACTION = {"weights": "tiny", "steps": 2, "height": 32, "width": 128}
F, L, R = "forward", "turn_left", "turn_right"


@pytest.fixture(scope="module")
def action() -> Iterator[Any]:
    model = SvdActionModel(**ACTION)
    model.load()
    yield model
    model.close()


def rolled(model: Any, request: RolloutRequest) -> dict[int, Rollout]:
    return {rollout.plan_index: rollout for rollout in model.rollout(request)}


def example() -> RolloutRequest:
    return example_request(example_context(FakeEnvironment(), ImageGoalNavigation()))


@pytest.mark.parametrize(("make", "parameters"), [(SvdModel, SVD), (SvdActionModel, ACTION)])
def test_the_model_keeps_the_contract(make: Any, parameters: dict[str, Any]) -> None:
    check_world_model(make(**parameters), example, levels=1)


def test_the_dagger_follows_the_actions_and_svd_does_not(action: Any) -> None:
    plans = ([F, F, F], [F, L, F], [F, R, F])
    followed = rolled(action, asking(*plans))
    assert len({followed[k].frames.tobytes() for k in range(3)}) == 3
    svd = SvdModel(**SVD)
    ignored = rolled(svd, asking(*plans))
    assert len({ignored[k].frames.tobytes() for k in range(3)}) == 1
    assert svd.info.controls == () and svd.engine.memo.encoded == 2  # one clip for all three


def test_candidates_of_a_batch_equal_candidates_alone(action: Any) -> None:
    plans = ([F, F], [F, L], [R, F, L], [L, F])
    together = rolled(action, asking(*plans))
    for index, plan in enumerate(plans):
        alone = rolled(action, asking(plan))[0].frames.astype(int)
        assert np.abs(alone - together[index].frames).max() <= 1


def test_in_a_batch_of_one_a_candidate_is_alone_bit_by_bit(action: Any) -> None:
    model = SvdActionModel(**ACTION, batch=1)
    plans = ([F, L], [R, F, L])
    together = rolled(model, asking(*plans))
    assert np.array_equal(rolled(model, asking(plans[1]))[0].frames, together[1].frames)


def test_the_noise_of_a_turn_is_the_frame_befores_moved(action: Any) -> None:
    pipe, given = action.engine.pipe, []
    prepare = pipe.prepare_latents

    def looking(*args: Any) -> torch.Tensor:
        given.append(args[-1].clone())
        return prepare(*args)

    pipe.prepare_latents = looking
    try:
        rolled(action, asking([F, L, F], [F, R, F]))
    finally:
        pipe.prepare_latents = prepare
    left, right = given[0]  # (14, C, h, 16): a turn moves the panorama by one latent
    assert torch.equal(left[1], right[1])
    assert torch.equal(left[2], left[1].roll(1, -1))
    assert torch.equal(right[2], right[1].roll(-1, -1))
    assert not torch.equal(left[3], left[2])


def test_a_second_decision_on_the_same_view_encodes_nothing(action: Any) -> None:
    calls = {"vae": 0, "image": 0}

    def count(name: str) -> Any:
        def hook(*_: Any) -> None:
            calls[name] += 1

        return hook

    pipe = action.engine.pipe
    action.engine.memo.clear()
    handles = [
        pipe.vae.encoder.register_forward_hook(count("vae")),
        pipe.image_encoder.vision_model.register_forward_hook(count("image")),
    ]
    first = rolled(action, asking([F], [F, L], [L, F]))
    assert calls == {"vae": 2, "image": 2}  # two views: straight on, and turned left
    second = rolled(action, asking([F], [F, L], [L, F]))
    rolled(action, asking([F, R, F]))
    assert calls == {"vae": 2, "image": 2}
    for handle in handles:
        handle.remove()
    assert all(np.array_equal(first[k].frames, second[k].frames) for k in first)


def test_without_the_memo_the_pictures_are_the_same(action: Any) -> None:
    plain = SvdActionModel(**ACTION, memo_mib=0)
    request = asking([F], [L, F])
    with_memo, without = rolled(action, request), rolled(plain, request)
    assert all(np.array_equal(with_memo[k].frames, without[k].frames) for k in with_memo)
    assert plain.engine.memo.hits == 0


def test_a_frame_does_not_depend_on_how_many_are_asked_for(action: Any) -> None:
    whole = rolled(action, asking([F] * 13))[0].frames
    for wanted in (1, 6, 7):
        part = rolled(action, asking([F] * 13, frames=(wanted,)))[0].frames
        assert np.array_equal(part, whole[:wanted])


def test_frames_that_nobody_looks_at_are_not_decoded(action: Any) -> None:
    decoded = []
    decode = action.engine.pipe.vae.decode

    def counting(latents: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        decoded.append(latents.shape[0])
        return decode(latents, *args, **kwargs)

    action.engine.pipe.vae.decode = counting
    try:
        rolled(action, asking([F, F, F]))
        assert decoded == [7]
        rolled(action, asking([F] * 8))
        assert decoded == [7, 7, 7]
    finally:
        action.engine.pipe.vae.decode = decode


def test_a_cancel_ends_svd_within_one_step_and_it_works_afterwards() -> None:
    model = SvdModel(**{**SVD, "steps": 5})
    model.load()
    calls = []
    handle = model.engine.pipe.unet.register_forward_hook(lambda *_: calls.append(1))
    with pytest.raises(WiwError) as caught:
        rolled(model, asking([F], cancelled=lambda: len(calls) >= 2))
    assert caught.value.code is ErrorCode.CANCELLED and len(calls) == 2
    handle.remove()
    fresh = SvdModel(**{**SVD, "steps": 5})
    after, expected = (rolled(m, asking([F]))[0].frames for m in (model, fresh))
    assert np.array_equal(after, expected)


def test_bad_weights_give_a_code_and_no_picture(action: Any) -> None:
    weight = action.engine.pipe.action_embedding.linear_2.bias.data
    kept = weight.clone()
    weight.fill_(float("inf"))
    try:
        assert rolled(action, asking([F]))[0].code is ErrorCode.INVALID_FRAMES
    finally:
        weight.copy_(kept)
    assert rolled(action, asking([F]))[0].code is ErrorCode.OK


def test_real_weights_without_action_weights_are_refused(tmp_path: Any) -> None:
    from wiw_wm_node.video import tiny

    model = SvdActionModel(**{**ACTION, "weights": tiny.folder("svd")})
    with pytest.raises(WiwError, match="every plan would be ignored") as caught:
        model.load()
    assert caught.value.code is ErrorCode.MODEL_UNAVAILABLE


def test_the_arms_dagger_takes_tool_poses_of_a_view_without_a_panorama() -> None:
    from wiw_core.arm import tool_pose
    from wiw_core.geometry import Pose3
    from wiw_core.observation import Projection
    from wiw_core.plans import Plan

    model = SvdActionModel(**{**ACTION, "width": 32}, control="tool_poses", view="front")
    assert model.info.controls == ("tool_poses",)
    here = Pose3(0.2, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0)
    flat = tuple(v for v in seen().views if v.projection is Projection.PERSPECTIVE)
    now = replace(seen(), views=flat, tool_pose=here, gripper=1.0)
    plans = tuple(
        Plan((tool_pose(replace(here, x_m=x), True), tool_pose(here, False)), "push")
        for x in (0.1, 0.3)
    )
    rollouts = rolled(model, RolloutRequest((now,), plans, (2, 2)))
    assert rollouts[0].frames.shape == (2, 32, 32, 3)
    assert not np.array_equal(rollouts[0].frames, rollouts[1].frames)
    with pytest.raises(WiwError) as caught:
        rolled(model, asking([F]))
    assert caught.value.code is ErrorCode.UNKNOWN_ACTION
