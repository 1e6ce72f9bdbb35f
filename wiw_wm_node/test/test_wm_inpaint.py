"""The trained way of filling holes, and depth that is estimated: what the warp model promises."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from wm_learned import room_walks, untrained
from wm_rooms import front_view, observe, panorama_view

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.plans import navigation_plan
from wiw_core.registry import WORLD_MODELS, Registry
from wiw_core.rollouts import RolloutRequest
from wiw_learn.dataset import Dataset
from wiw_ros.worker import Worker
from wiw_wm_node.depth.recipe import DepthRecipe
from wiw_wm_node.node import make_model
from wiw_wm_node.warp.inpaint.features import features, working_size
from wiw_wm_node.warp.inpaint.fill import InpaintFill
from wiw_wm_node.warp.inpaint.judging import judged
from wiw_wm_node.warp.inpaint.network import CHANNELS, Inpainter
from wiw_wm_node.warp.inpaint.recipe import InpainterRecipe
from wiw_wm_node.warp.inpaint.samples import WarpSamples
from wiw_wm_node.warp.memory import Memory
from wiw_wm_node.warp.model import WarpModel
from wiw_wm_node.warp.render import warped

F, L, R = "forward", "turn_left", "turn_right"
SIZE = {"height": 72, "width": 128}
HERE = Pose2(-1.5, 0.2, 0.3)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> str:
    return untrained(tmp_path_factory.mktemp("warp"), "warp", InpainterRecipe(width=4))


@pytest.fixture(scope="module")
def walks(tmp_path_factory) -> Dataset:
    return room_walks(tmp_path_factory.mktemp("walks"), range(17, 21))


def imagine(model: WarpModel, plan: list[str], *views):
    request = RolloutRequest((observe(HERE, *views),), (navigation_plan(plan),), (len(plan),))
    return next(iter(model.rollout(request)))


@pytest.mark.parametrize("make", [panorama_view, front_view])
def test_real_pixels_stay_exact_and_only_holes_are_invented(make, weights: str) -> None:
    pose = Pose2(0.3, -0.1, 0.0)  # beside a tall pillar
    memory = Memory.of((observe(pose, make(pose)),), 1, (72, 128))
    picture = warped(memory, Pose2(0.8, 0.0, 0.0))
    assert 0.005 < 1.0 - picture.seen.mean() < 0.7
    frame = InpaintFill(weights)(picture)
    np.testing.assert_array_equal(frame.rgb[picture.seen], picture.rgb[picture.seen])
    assert frame.rgb[~picture.seen].std() > 1.0
    assert 0.0 < frame.confidence < 1.0


def test_the_same_picture_is_filled_with_the_same_bits(weights: str) -> None:
    frames = [
        imagine(WarpModel(**SIZE, fill="inpaint", weights=weights), [F, F], panorama_view(HERE))
        for _ in range(2)
    ]
    np.testing.assert_array_equal(frames[0].frames, frames[1].frames)
    np.testing.assert_array_equal(frames[0].confidence, frames[1].confidence)


def test_turning_on_the_spot_invents_nothing_new(weights: str) -> None:
    model = WarpModel(**SIZE, fill="inpaint", weights=weights)
    rollout = imagine(model, [F, F, L, L], panorama_view(HERE))
    np.testing.assert_array_equal(rollout.frames[3], np.roll(rollout.frames[1], 16, axis=1))
    assert rollout.confidence[1] == rollout.confidence[3]


def test_the_network_sees_across_the_sides_of_a_panorama_and_of_nothing_else() -> None:
    torch.manual_seed(0)
    network = Inpainter(4)
    torch.nn.init.normal_(network.leave.conv.weight)
    images = torch.randn(1, CHANNELS, 32, 64)
    for around in (True, False):
        wraps = torch.full((1, 1, 1, 1), around)
        colours = network(images, wraps)[0]
        turned = network(images.roll(16, dims=-1), wraps)[0].roll(-16, dims=-1)
        assert torch.allclose(colours, turned, atol=1e-4) is around


@pytest.mark.parametrize(
    ("size", "working"),
    [((288, 512), (96, 176)), ((96, 176), (96, 176)), ((36, 64), (32, 64)), ((256, 256), (96, 96))],
)
def test_large_frames_are_filled_at_a_small_size_and_small_ones_at_their_own(size, working) -> None:
    assert working_size(*size) == working


def test_what_is_known_at_the_small_size_is_the_mean_of_what_was_seen() -> None:
    memory = Memory.of((observe(HERE, panorama_view(HERE, 192, 352)),), 1, (192, 352))
    picture = warped(memory, Pose2(0.4, 0.0, 0.0))
    inputs, known = features(picture)
    blocks = picture.rgb.reshape(96, 2, 176, 2, 3).mean(axis=(1, 3))
    whole = picture.seen.reshape(96, 2, 176, 2).all(axis=(1, 3))
    assert known[whole].all() and not known.all()
    small = (inputs[:3].transpose(1, 2, 0) + 0.5) * 255.0
    np.testing.assert_allclose(small[whole], blocks[whole], atol=0.01)


def test_missing_weights_are_a_clear_error_before_anything_is_imagined(tmp_path: Path) -> None:
    with pytest.raises(WiwError, match="wiw train warp") as error:
        WarpModel(**SIZE, fill="inpaint", weights=str(tmp_path))
    assert error.value.code is ErrorCode.MODEL_UNAVAILABLE


def test_weights_with_a_changed_byte_are_refused(weights: str, tmp_path: Path) -> None:
    for file in Path(weights).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    data = bytearray((tmp_path / "warp.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "warp.safetensors").write_bytes(data)
    with pytest.raises(WiwError) as error:
        WarpModel(**SIZE, fill="inpaint", weights=str(tmp_path))
    assert error.value.code is ErrorCode.RECORD_CORRUPT


@pytest.mark.parametrize(
    "parameters",
    [
        {"fill": "push_pull", "weights": "somewhere"},
        {"fill": "push_pull", "depth_weights": "somewhere"},
        {"fill": "push_pull", "depth": "guessed"},
    ],
)
def test_weights_that_nothing_uses_and_unknown_depths_are_refused(parameters: dict) -> None:
    with pytest.raises(WiwError) as error:
        WarpModel(**SIZE, **parameters)
    assert error.value.code is ErrorCode.BAD_PARAMETER


def test_the_node_gives_a_models_thread_one_torch_thread(weights: str) -> None:
    worker = Worker("a model", ErrorCode.MODEL_UNAVAILABLE)
    try:
        worker.call(lambda: torch.set_num_threads(2), 10.0)
        parameters = {**SIZE, "fill": "inpaint", "weights": weights}
        worker.call(lambda: make_model(Registry(WORLD_MODELS), "warp", parameters), 60.0)
        assert worker.call(torch.get_num_threads, 10.0) == 1
    finally:
        worker.close(1.0)


# Depth without a sensor


@pytest.fixture(scope="module")
def blind(tmp_path_factory) -> WarpModel:
    recipe = DepthRecipe(height=32, width=64, widths=[8, 16])
    where = untrained(tmp_path_factory.mktemp("depth"), "depth", recipe)
    return WarpModel(**SIZE, fill="push_pull", depth="estimated", depth_weights=where)


def test_estimated_depth_asks_for_no_sensor_and_does_not_listen_to_one(blind: WarpModel) -> None:
    assert not blind.info.needs_depth and blind.info.needs_panorama
    view = panorama_view(HERE)
    without = imagine(blind, [F, F], replace(view, depth=None))
    np.testing.assert_array_equal(without.frames, imagine(blind, [F, F], view).frames)
    sensed = imagine(WarpModel(**SIZE, fill="push_pull"), [F, F], view)
    assert (sensed.frames != without.frames).any()


def test_depth_is_not_estimated_in_a_front_view(blind: WarpModel) -> None:
    with pytest.raises(WiwError, match="'front'") as error:
        imagine(blind, [F], front_view(HERE))
    assert error.value.code is ErrorCode.PANORAMA_REQUIRED


# Training


def test_a_sample_shows_what_is_true_wherever_it_is_known(walks: Dataset) -> None:
    samples = WarpSamples(walks, held_out=False, perspective=0.5)
    rows = [samples.sample(k % len(samples), np.random.default_rng(k)) for k in range(12)]
    assert {bool(row["wraps"].all()) for row in rows} == {True, False}
    for row in rows:
        known = row["known"]
        error = np.abs(row["features"][:3] - row["truth"])[:, known]
        assert known.mean() > 0.3
        assert error.mean() < 0.12  # noise between two turns of the room's checks: 0.3
    again = samples.sample(3, np.random.default_rng(3))
    for name, value in rows[3].items():
        np.testing.assert_array_equal(again[name], value)


def test_held_out_scenes_are_not_trained_on(walks: Dataset) -> None:
    train, judge = (WarpSamples(walks, held_out) for held_out in (False, True))
    assert set(judge.scenes) == {19}
    assert set(train.scenes) == {17, 18, 20}


def test_a_few_steps_learn_one_batch(walks: Dataset) -> None:
    recipe = InpainterRecipe(width=8)
    samples = recipe.samples(walks, held_out=False)
    rows = [samples.sample(k, np.random.default_rng(k)) for k in range(4)]
    batch = {k: torch.from_numpy(np.stack([row[k] for row in rows])) for k in rows[0]}
    torch.manual_seed(0)
    network = recipe.network()
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    losses = []
    for _ in range(40):
        loss = recipe.losses(network, batch)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


class _Sure(torch.nn.Module):
    """Changes nothing and trusts everything."""

    def forward(self, features: torch.Tensor, wraps: torch.Tensor):
        return features[:, :3], torch.full_like(features[:, 0], 20.0)


def test_a_network_that_changes_nothing_gains_nothing_and_blind_trust_is_miscalibrated(
    walks: Dataset,
) -> None:
    found = judged(_Sure(), WarpSamples(walks, held_out=True), seed=0)
    assert found["hole_gain_db"].estimate == pytest.approx(0.0, abs=1e-9)
    assert 0.0 < found["right_share"].estimate < 1.0
    assert found["ece_pixel"].estimate == pytest.approx(1.0 - found["right_share"].estimate)
    assert found["right_at_0.90"].estimate == pytest.approx(found["right_share"].estimate)
    assert math.isfinite(found["hole_psnr_db"].estimate)
