"""The depth estimator gives metres for every ray, and is judged beside a control."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from wm_learned import room_walks, untrained
from wm_rooms import panorama_view

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Rgb
from wiw_learn.dataset import Dataset
from wiw_wm_node.depth import Estimator
from wiw_wm_node.depth.judging import judge
from wiw_wm_node.depth.recipe import DepthRecipe
from wiw_wm_node.depth.samples import DepthSamples, looks

SMALL = {"height": 32, "width": 64, "widths": (8, 16)}
PICTURE = panorama_view(Pose2()).rgb


@pytest.fixture
def estimator(tmp_path: Path) -> Estimator:
    return Estimator(untrained(tmp_path, "depth", DepthRecipe(**SMALL)))


class Knowing(torch.nn.Module):
    """A fake network that answers one depth everywhere, or the truth times a factor."""

    def __init__(self, truth: np.ndarray, factor: float) -> None:
        super().__init__()
        self.logs = torch.from_numpy(np.log(np.maximum(truth.astype(np.float32), 1e-3) * factor))

    def forward(self, panorama: torch.Tensor) -> torch.Tensor:
        return self.logs[None].expand(len(panorama), -1, -1)


@pytest.mark.parametrize("size", [(72, 128), (30, 50), (144, 512)])
def test_every_pixel_of_any_panorama_gets_finite_metres(
    estimator: Estimator, size: tuple[int, int]
) -> None:
    depth = estimator.depth(np.resize(PICTURE, (*size, 3)))
    assert depth.shape == size
    assert depth.dtype == np.float32
    assert np.isfinite(depth).all()
    assert (depth > 0.0).all()


def test_the_same_picture_gives_the_same_bits(estimator: Estimator) -> None:
    np.testing.assert_array_equal(estimator.depth(PICTURE), estimator.depth(PICTURE.copy()))


def test_a_turned_panorama_gets_the_turned_depth(estimator: Estimator) -> None:
    turned = estimator.depth(np.roll(PICTURE, 32, axis=1))
    np.testing.assert_allclose(turned, np.roll(estimator.depth(PICTURE), 32, axis=1), rtol=1e-3)


@pytest.mark.parametrize(
    "picture",
    [PICTURE[..., :2], PICTURE.astype(np.float32), PICTURE[:0], PICTURE[..., 0]],
)
def test_what_is_no_picture_is_refused(estimator: Estimator, picture: Rgb) -> None:
    with pytest.raises(WiwError) as error:
        estimator.depth(picture)
    assert error.value.code is ErrorCode.BAD_IMAGE


def test_missing_weights_name_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(WiwError) as error:
        Estimator(str(tmp_path))
    assert error.value.code is ErrorCode.MODEL_UNAVAILABLE
    assert "wiw train depth" in str(error.value)


def test_weights_with_a_changed_byte_are_refused(tmp_path: Path) -> None:
    where = untrained(tmp_path, "depth", DepthRecipe(**SMALL))
    file = tmp_path / "depth.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(WiwError) as error:
        Estimator(where)
    assert error.value.code is ErrorCode.RECORD_CORRUPT


def test_the_metrics_are_those_computed_by_hand(tmp_path: Path) -> None:
    found = looks(room_walks(tmp_path, range(9, 10)), (32, 64), 4, judged=True)
    unknown = found[0].depth.copy()
    unknown[:8] = 0.0  # must not count, whatever the estimate says
    samples = DepthSamples([replace(found[0], depth=unknown)], varied=False)
    for factor, delta in ((1.0, 1.0), (1.2, 1.0), (1.5, 0.0)):
        metrics = judge(Knowing(found[0].depth, factor), samples, 0)
        assert metrics["abs_rel"].estimate == pytest.approx(factor - 1.0, abs=1e-3)
        assert metrics["delta"].estimate == pytest.approx(delta)
    assert 0.0 < metrics["rows_delta"].estimate < 1.0


def test_unknown_depth_teaches_nothing(tmp_path: Path) -> None:
    recipe = DepthRecipe(**SMALL)
    samples = recipe.samples(room_walks(tmp_path, range(1, 2)), held_out=False)
    row = samples.sample(0, np.random.default_rng(0))
    batch = {name: torch.from_numpy(array)[None] for name, array in row.items()}
    torch.manual_seed(0)
    network = recipe.network()
    batch["depth"] = torch.zeros_like(batch["depth"])
    assert recipe.losses(network, batch)["loss"].item() == 0.0
    batch["depth"] = torch.full_like(batch["depth"], 3.0)
    some = batch["depth"].clone()
    some[:, 10:20, 30:40] = 0.0
    network.trunk.exit.weights.weight.data.zero_()
    network.trunk.exit.weights.bias.data.zero_()
    every = recipe.losses(network, batch)
    part = recipe.losses(network, {**batch, "depth": some})
    torch.testing.assert_close(every["log"], part["log"])


def test_pictures_are_varied_with_their_depth(tmp_path: Path) -> None:
    found = looks(room_walks(tmp_path, range(1, 2)), (32, 64), 1, judged=False)
    varied = DepthSamples(found, varied=True)
    plain = DepthSamples(found, varied=False).sample(0, np.random.default_rng(0))
    for seed in range(6):
        row = varied.sample(0, np.random.default_rng(seed))
        depth = row["depth"]
        shown = [
            (np.roll(a, k, axis=-1), np.roll(b, k, axis=-1))
            for k in range(64)
            for a, b in (
                (plain["depth"], plain["rgb"]),
                (plain["depth"][:, ::-1], plain["rgb"][..., ::-1]),
            )
        ]
        (rgb,) = [b for a, b in shown if np.array_equal(a, depth)]
        # One tint for all pixels: equal colours stay equal, and brighter ones stay brighter.
        order = np.argsort(rgb, axis=None, kind="stable")
        assert (np.diff(row["rgb"].ravel()[order].astype(int)) >= 0).all()


def test_held_out_scenes_are_judged_and_never_learnt(tmp_path: Path) -> None:
    recipe = DepthRecipe(**SMALL)
    data = room_walks(tmp_path, range(8, 11))
    assert {look.scene for look in recipe.samples(data, held_out=False).looks} == {8, 10}
    assert {look.scene for look in recipe.samples(data, held_out=True).looks} == {9}
    with pytest.raises(WiwError, match="navigation"):
        arm = Dataset(data.folder, replace(data.manifest, kind="arm"))
        recipe.samples(arm, held_out=True)


def test_a_short_training_halves_the_error_in_the_box_room(tmp_path: Path) -> None:
    recipe = DepthRecipe(**SMALL, stride=1)
    data = room_walks(tmp_path, range(18, 21))
    learnt, judged = (recipe.samples(data, held_out=part) for part in (False, True))
    torch.manual_seed(0)
    network = recipe.network()
    before = recipe.judge(network.eval(), judged, 0)["abs_rel"].estimate
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for step in range(40):
        rows = [learnt.sample(k, np.random.default_rng([step, k])) for k in range(4)]
        batch = {k: torch.from_numpy(np.stack([row[k] for row in rows])) for k in rows[0]}
        optimiser.zero_grad()
        recipe.losses(network, batch)["loss"].backward()
        optimiser.step()
    assert recipe.judge(network.eval(), judged, 0)["abs_rel"].estimate < 0.5 * before
