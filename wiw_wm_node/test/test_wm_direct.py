"""The direct model turns exactly, leaves the rest to its network, and never to its neighbours."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from wm_learned import room_walks, untrained
from wm_rooms import front_view, observe, panorama_view

from wiw_core.conformance import check_world_model
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Observation
from wiw_core.plans import TURN_RAD, navigation_plan
from wiw_core.rollouts import RolloutRequest
from wiw_learn.dataset import Dataset
from wiw_learn.recipes import make_recipe
from wiw_wm_node.direct.model import DirectModel
from wiw_wm_node.direct.network import DirectNetwork
from wiw_wm_node.direct.recipe import DirectRecipe
from wiw_wm_node.direct.samples import DirectSamples, step_of, walks

F, L, R = "forward", "turn_left", "turn_right"
SMALL = {"height": 24, "width": 64, "widths": (8, 16, 16)}
HERE = observe(Pose2(), panorama_view(Pose2()))


@pytest.fixture
def weights(tmp_path: Path) -> str:
    return untrained(tmp_path, "direct", DirectRecipe(**SMALL))


def ask(*plans: list[str], now: Observation = HERE, **more) -> RolloutRequest:
    more.setdefault("frames", tuple(len(p) for p in plans))
    return RolloutRequest((now,), tuple(navigation_plan(p) for p in plans), **more)


@pytest.mark.parametrize("size", [(36, 64), (72, 144)])
def test_it_keeps_the_contract_of_a_world_model(weights: str, size: tuple[int, int]) -> None:
    model = DirectModel(*size, weights=weights)
    check_world_model(model, lambda: ask([F, F, L], [L, F], [R, R, R]))


def test_a_plan_that_only_turns_shows_the_real_pixels_turned(weights: str) -> None:
    (rollout,) = DirectModel(36, 64, weights=weights).rollout(ask([L, L, R]))
    now = cv2.resize(HERE.views[0].rgb, (64, 36), interpolation=cv2.INTER_AREA)
    for frame, turns in zip(rollout.frames, [1, 2, 1]):
        np.testing.assert_array_equal(frame, np.roll(now, 4 * turns, axis=1))


def test_a_forward_changes_the_picture_and_each_forward_more_changes_it_again(weights: str) -> None:
    (rollout,) = DirectModel(36, 64, weights=weights).rollout(ask([F, F, F]))
    pictures = [cv2.resize(HERE.views[0].rgb, (64, 36)), *rollout.frames]
    for before, after in zip(pictures, pictures[1:]):
        assert (before != after).any()


def test_plans_to_one_place_with_another_heading_differ_by_an_exact_turn(weights: str) -> None:
    ahead, turned = DirectModel(36, 64, weights=weights).rollout(ask([F, F], [F, F, L]))
    np.testing.assert_array_equal(turned.frames[-1], np.roll(ahead.frames[-1], 4, axis=1))


def test_a_turned_robot_with_a_turned_motion_is_shown_the_turned_picture() -> None:
    torch.manual_seed(1)
    network = DirectNetwork(**SMALL).eval()
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.05 * torch.randn_like(value))
        image, (x, y) = torch.rand(1, 3, 24, 64), (0.6, 0.2)
        here = network(image, torch.tensor([[x, y]]))
        c, s = math.cos(2 * TURN_RAD), math.sin(2 * TURN_RAD)
        turned = network(image.roll(8, 3), torch.tensor([[c * x + s * y, c * y - s * x]]))
    torch.testing.assert_close(turned, here.roll(8, 3), atol=1e-4, rtol=0)
    assert (turned - here).abs().max() > 1e-2


@pytest.mark.parametrize("flow", [True, False])
def test_without_flow_no_pixel_of_the_large_panorama_is_used(flow: bool) -> None:
    torch.manual_seed(0)
    network = DirectNetwork(**SMALL, flow=flow).eval()
    with torch.no_grad():
        image, motion = torch.rand(1, 3, 24, 64), torch.tensor([[0.4, 0.0]])
        one, other = (network(image, motion, torch.rand(1, 3, 48, 128)) for _ in range(2))
    assert torch.equal(one, other) is not flow


def test_without_a_panorama_it_refuses(weights: str) -> None:
    request = ask([F], now=observe(Pose2(), front_view(Pose2())))
    with pytest.raises(WiwError) as error:
        list(DirectModel(36, 64, weights=weights).rollout(request))
    assert error.value.code is ErrorCode.PANORAMA_REQUIRED


def test_a_cancelled_plan_stops_between_frames(weights: str) -> None:
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 2

    with pytest.raises(WiwError) as error:
        list(DirectModel(36, 64, weights=weights).rollout(ask([F, F, F], cancelled=cancelled)))
    assert error.value.code is ErrorCode.CANCELLED


def test_a_passed_deadline_is_an_error(weights: str) -> None:
    request = ask([F], deadline_s=time.monotonic() - 1.0)
    with pytest.raises(WiwError) as error:
        list(DirectModel(36, 64, weights=weights).rollout(request))
    assert error.value.code is ErrorCode.DEADLINE_EXCEEDED


def test_missing_weights_name_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(WiwError) as error:
        DirectModel(weights=str(tmp_path))
    assert error.value.code is ErrorCode.MODEL_UNAVAILABLE
    assert "wiw train direct" in str(error.value)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    where = untrained(tmp_path, "direct", make_recipe("depth", height=32, width=64, widths=(8, 8)))
    with pytest.raises(WiwError) as error:
        DirectModel(weights=where)
    assert error.value.code is ErrorCode.RECORD_CORRUPT


def test_other_weights_are_another_revision(tmp_path: Path) -> None:
    recipe = DirectRecipe(**SMALL)
    one, other = (
        DirectModel(36, 64, weights=untrained(tmp_path / str(seed), "direct", recipe, seed))
        for seed in (0, 1)
    )
    assert one.info.revision != other.info.revision


def test_held_out_scenes_are_judged_and_never_learnt(tmp_path: Path) -> None:
    data = room_walks(tmp_path, range(7, 12))
    recipe = DirectRecipe(**SMALL)
    learnt, judged = (recipe.samples(data, held_out=part) for part in (False, True))
    assert {walk.scene for walk in learnt.walks} == {7, 8, 10, 11}
    assert {walk.scene for walk in judged.walks} == {9}


def test_a_step_shows_what_was_seen_with_the_old_heading(tmp_path: Path) -> None:
    (walk,) = walks(room_walks(tmp_path, range(3, 4)), (36, 64), judged=False)
    turns = [k for k, name in enumerate(walk.actions) if name != F]
    step = step_of(walk, turns[0], 1)
    np.testing.assert_array_equal(step.motion, 0.0)
    assert np.mean(np.abs(step.after.astype(int) - step.now) > 2) < 0.02


def test_the_mirror_exchanges_left_and_right_of_pictures_and_motion(tmp_path: Path) -> None:
    found = walks(room_walks(tmp_path, range(1, 3)), (36, 64), judged=False)
    plain = DirectSamples(found, 6, mirrored=False)
    mirrored = DirectSamples(found, 6, mirrored=True)
    flips = 0
    for index in range(len(plain)):
        a = plain.sample(index, np.random.default_rng(index))
        b = mirrored.sample(index, np.random.default_rng(index))
        if not np.array_equal(a["now"], b["now"]):
            flips += 1
            np.testing.assert_array_equal(a["now"][..., ::-1], b["now"])
            np.testing.assert_array_equal(a["after"][..., ::-1], b["after"])
            np.testing.assert_array_equal(a["motion"] * [1, -1], b["motion"])
    assert 0 < flips < len(plain)


def test_a_dataset_of_the_arm_or_without_held_out_scenes_is_refused(tmp_path: Path) -> None:
    data = room_walks(tmp_path, range(2))
    arm = Dataset(data.folder, replace(data.manifest, kind="arm"))
    with pytest.raises(WiwError, match="navigation"):
        DirectRecipe(**SMALL).samples(arm, held_out=False)
    with pytest.raises(WiwError, match="held-out"):
        DirectRecipe(**SMALL).samples(data, held_out=True)


def test_learning_one_room_by_heart_beats_the_untrained_network(tmp_path: Path) -> None:
    recipe = DirectRecipe(**SMALL, longest=5)
    data = room_walks(tmp_path, range(18, 21), length=10)
    learnt, judged = (recipe.samples(data, held_out=part) for part in (False, True))
    torch.manual_seed(0)
    network = recipe.network()
    before = recipe.judge(network.eval(), judged, 0)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for step in range(40):
        rows = [learnt.sample(k, np.random.default_rng([step, k])) for k in range(4)]
        batch = {k: torch.from_numpy(np.stack([row[k] for row in rows])) for k in rows[0]}
        optimiser.zero_grad()
        recipe.losses(network, batch)["loss"].backward()
        optimiser.step()
    after = recipe.judge(network.eval(), judged, 0)
    assert after["psnr_db"].estimate > before["psnr_db"].estimate + 0.5
    assert after["rotate_psnr_db"] == before["rotate_psnr_db"]
    assert after == recipe.judge(network, judged, 0)
