"""The arm's model keeps the contract, learns what it is shown, and refuses what it cannot see."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from wm_table import block, down, pushes, table

from wiw_core.arm import tool_pose, tool_voxel
from wiw_core.conformance import check_world_model
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Observation, Projection, View
from wiw_core.plans import Plan, navigation_plan
from wiw_core.rollouts import RolloutRequest
from wiw_learn.weights import save
from wiw_wm_node.arm.model import ArmModel
from wiw_wm_node.arm.network import ArmNetwork
from wiw_wm_node.arm.recipe import ArmRecipe
from wiw_wm_node.arm.samples import ArmSamples

OPTIONS = {"widths": [8, 8, 8], "fine": 8}


@pytest.fixture
def weights(tmp_path: Path) -> str:
    return written(tmp_path)


def written(folder: Path, seed: int = 0) -> str:
    torch.manual_seed(seed)
    network = ArmNetwork(**OPTIONS)
    with torch.no_grad():
        for value in network.parameters():  # nothing is zero, so that every input counts
            value.add_(0.05 * torch.randn_like(value))
    save(folder, "arm", network.state_dict(), {"recipe": "arm", "options": OPTIONS})
    return str(folder)


def push(y_m: float, *, voxels: bool = False) -> Plan:
    action = tool_voxel if voxels else tool_pose
    places = [(0.2, y_m - 0.2, 0.785), (0.2, y_m, 0.785), (0.2, y_m, 0.95)]
    return Plan(tuple(action(down(*place), False) for place in places))


def ask(*plans: Plan, now: Observation | None = None, **more) -> RolloutRequest:
    more.setdefault("frames", tuple(len(p) for p in plans))
    return RolloutRequest((now or table(block(0.2, 0.0), size=160),), plans, **more)


def test_it_keeps_the_contract_of_a_world_model(weights: str) -> None:
    model = ArmModel(size=128, weights=weights)
    check_world_model(model, lambda: ask(push(0.05), push(0.1), push(0.1, voxels=True)))


@pytest.mark.parametrize("size", [128, 200])
def test_its_frames_have_the_size_that_was_asked_for(weights: str, size: int) -> None:
    (rollout,) = ArmModel(size=size, weights=weights).rollout(ask(push(0.1)))
    assert rollout.frames.shape == (3, size, size, 3)
    assert rollout.projection is Projection.PERSPECTIVE
    assert ((rollout.confidence > 0.0) & (rollout.confidence < 1.0)).all()


def test_the_last_frame_alone_is_the_last_of_all_frames(weights: str) -> None:
    model = ArmModel(size=128, weights=weights)
    (every,) = model.rollout(ask(push(0.1)))
    (last,) = model.rollout(ask(push(0.1), last_frame_only=True))
    assert last.frame_indices == (3,)
    np.testing.assert_array_equal(last.frames[0], every.frames[-1])


def test_a_plan_that_goes_on_does_not_change_the_frames_before(weights: str) -> None:
    model, plan = ArmModel(size=128, weights=weights), push(0.1)
    (every,) = model.rollout(ask(plan))
    (part,) = model.rollout(ask(Plan(plan.actions[:2])))
    np.testing.assert_array_equal(part.frames, every.frames[:2])


def test_other_plans_show_other_frames(weights: str) -> None:
    one, other = ArmModel(size=128, weights=weights).rollout(ask(push(0.05), push(0.15)))
    assert (one.frames[-1] != other.frames[-1]).any()


def learnt(folder: Path, scenes: range, steps: int) -> tuple[ArmRecipe, ArmNetwork, ArmSamples]:
    recipe, data = ArmRecipe(**OPTIONS), pushes(folder, scenes)
    samples = recipe.samples(data, held_out=False)
    torch.manual_seed(0)
    network = recipe.network()
    optimiser = torch.optim.AdamW(network.parameters(), 5e-3)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        drawn = [samples.sample(int(rng.integers(len(samples))), rng) for _ in range(4)]
        batch = {k: torch.from_numpy(np.stack([d[k] for d in drawn])) for k in drawn[0]}
        optimiser.zero_grad()
        recipe.losses(network, batch)["loss"].backward()
        optimiser.step()
    return recipe, network.eval(), recipe.samples(data, held_out=True)


def test_trained_on_pushes_it_shows_a_pushed_block_elsewhere_better_than_copying(
    tmp_path: Path,
) -> None:
    recipe, network, judged = learnt(tmp_path / "data", range(1, 20), steps=40)
    assert {walk.scene for walk in judged.walks} == {9, 19}
    card = recipe.judge(network, judged, seed=0)
    assert card["things_error"].estimate < 0.6 * card["copy_things_error"].estimate
    assert card["changed_psnr_db"].estimate > card["copy_changed_psnr_db"].estimate + 3.0
    assert 0.0 <= card["ece"].estimate <= 0.5


def test_a_sample_is_drawn_again_bit_by_bit(tmp_path: Path) -> None:
    samples = ArmRecipe().samples(pushes(tmp_path, range(1, 4)), held_out=False)
    one, two = (samples.sample(1, np.random.default_rng(5)) for _ in range(2))
    for name, (low, high) in samples.ranges.items():
        np.testing.assert_array_equal(one[name], two[name])
        assert one[name].dtype == np.float32
        assert low <= one[name].min() and one[name].max() <= high


def test_a_plan_with_a_failed_action_is_not_learnt_from(tmp_path: Path) -> None:
    from wiw_learn.dataset import Dataset
    from wiw_wm_node.arm.samples import _walk

    data: Dataset = pushes(tmp_path, range(1, 2))
    arrays = data.trajectory(0)
    assert _walk(arrays, 1, "push").plans == ((0, 3),)
    arrays["code"][1] = int(ErrorCode.IK_FAILED)
    walk = _walk(arrays, 1, "push")
    assert walk.plans == () and list(walk.sound) == [True, False, True]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda now: replace(now, tool_pose=None), ErrorCode.BAD_IMAGE),
        (
            lambda now: replace(now, views=(replace(now.views[0], depth=None),)),
            ErrorCode.DEPTH_REQUIRED,
        ),
        (
            lambda now: replace(
                now,
                views=(View("pano", np.zeros((8, 16, 3), np.uint8), Projection.EQUIRECTANGULAR),),
            ),
            ErrorCode.BAD_IMAGE,
        ),
        (
            lambda now: replace(now, views=(replace(now.views[0], rgb=now.views[0].rgb[:100]),)),
            ErrorCode.BAD_IMAGE,
        ),
    ],
)
def test_what_it_cannot_imagine_from_is_refused(weights: str, change, code: ErrorCode) -> None:
    request = ask(push(0.1), now=change(table(block(0.2, 0.0))))
    with pytest.raises(WiwError) as error:
        list(ArmModel(size=128, weights=weights).rollout(request))
    assert error.value.code is code


def test_a_plan_that_drives_is_refused(weights: str) -> None:
    request = ask(navigation_plan(["forward"]), now=replace(table(), base_pose=Pose2()))
    with pytest.raises(WiwError) as error:
        list(ArmModel(size=128, weights=weights).rollout(request))
    assert error.value.code is ErrorCode.UNKNOWN_ACTION


def test_a_cancelled_plan_stops_between_frames(weights: str) -> None:
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 2

    with pytest.raises(WiwError) as error:
        list(ArmModel(size=128, weights=weights).rollout(ask(push(0.1), cancelled=cancelled)))
    assert error.value.code is ErrorCode.CANCELLED


def test_a_passed_deadline_is_an_error(weights: str) -> None:
    request = ask(push(0.1), deadline_s=time.monotonic() - 1.0)
    with pytest.raises(WiwError) as error:
        list(ArmModel(size=128, weights=weights).rollout(request))
    assert error.value.code is ErrorCode.DEADLINE_EXCEEDED


def test_missing_weights_name_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(WiwError) as error:
        ArmModel(weights=str(tmp_path))
    assert error.value.code is ErrorCode.MODEL_UNAVAILABLE
    assert "wiw train arm" in str(error.value)


def test_other_weights_are_another_revision(tmp_path: Path) -> None:
    one, other = (
        ArmModel(128, weights=written(tmp_path / str(seed), seed)).info.revision for seed in (0, 1)
    )
    assert one != other


@pytest.mark.parametrize("size", [64, 4096, True, 128.0])
def test_a_size_that_makes_no_frames_is_refused(weights: str, size: object) -> None:
    with pytest.raises(WiwError) as error:
        ArmModel(size=size, weights=weights)
    assert error.value.code is ErrorCode.BAD_PARAMETER
