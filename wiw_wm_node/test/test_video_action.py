"""The conditioning of SVD-dagger on the stock UNet, and the weights that its authors published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from wiw_core.action_api.lowlevel import cumulative_ids
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import navigation_plan
from wiw_wm_node.video import published, tiny
from wiw_wm_node.video.action import ActionEmbedding, conditioned, rolled_noise
from wiw_wm_node.video.svd_action import SvdActionModel

FRAMES, CHANNELS = 14, 128


@pytest.fixture(scope="module")
def unet() -> Any:
    return tiny.build("svd").unet


@pytest.fixture(scope="module")
def embedding() -> ActionEmbedding:
    torch.manual_seed(3)
    return ActionEmbedding(14, hidden=16, channels=CHANNELS).eval().requires_grad_(False)


def ids(*names: str) -> torch.Tensor:
    return torch.from_numpy(cumulative_ids(navigation_plan(names)))


def noise(rows: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    one = torch.randn(1, FRAMES, 8, 4, 4, generator=generator)
    return {
        "sample": one.repeat(rows, 1, 1, 1, 1),
        "timestep": torch.tensor(0.7),
        "encoder_hidden_states": torch.ones(rows, 1, 32),
        "added_time_ids": torch.tensor([[6.0, 127.0, 0.02]]).repeat(rows, 1),
    }


def denoised(unet: Any, rows: int) -> torch.Tensor:
    with torch.no_grad():
        return unet(**noise(rows), return_dict=False)[0]


def test_an_embedding_that_is_zero_leaves_the_model_exactly_as_it_was(unet: Any) -> None:
    zero = ActionEmbedding(14, 16, CHANNELS).zero_()
    with conditioned(unet, zero, ids("forward")[None]):
        inside = denoised(unet, 1)
    assert torch.equal(inside, denoised(unet, 1))


def test_afterwards_the_unet_is_the_stock_one(unet: Any, embedding: Any) -> None:
    before = denoised(unet, 1)
    with pytest.raises(KeyError), conditioned(unet, embedding, ids("forward")[None]):
        assert not torch.equal(denoised(unet, 1), before)
        raise KeyError
    assert torch.equal(denoised(unet, 1), before)


def test_with_guidance_every_row_gets_its_own_candidates_actions(unet: Any, embedding: Any) -> None:
    left, right = ids("turn_left", "forward"), ids("turn_right", "forward")
    alone = []
    for one in (left, right):
        with conditioned(unet, embedding, one[None]):
            alone.append(denoised(unet, 1)[0])
    with conditioned(unet, embedding, torch.stack([left, right])):
        rows = denoised(unet, 4)  # unconditional left, right; conditional left, right
    assert not torch.allclose(alone[0], alone[1], atol=1e-4)
    for row, expected in zip(rows, [*alone, *alone]):
        assert torch.allclose(row, expected, atol=1e-5)


def test_a_frame_knows_its_past_and_not_its_future(embedding: Any) -> None:
    one = embedding(ids("forward", "turn_left", "forward")[None])[0]
    other = embedding(ids("forward", "turn_left", "turn_right")[None])[0]
    assert torch.equal(one[:3], other[:3])
    assert not torch.equal(one[3], other[3])


def test_the_features_are_those_of_the_paper() -> None:
    embedding = ActionEmbedding(1, 12, 12)
    with torch.no_grad():
        for layer in (embedding.lift,):
            layer.weight.copy_(torch.eye(12))
            layer.bias.zero_()
        lifted = []
        embedding.lift.register_forward_hook(lambda *given: lifted.append(given[-1]))
        embedding(torch.tensor([[[3.0]]]))
    expected = [f(w * 3.0) for w in (1, 2, 4, 6, 8, 10) for f in (np.cos, np.sin)]
    assert np.allclose(lifted[0].numpy().ravel(), expected, atol=1e-5)


def test_a_turn_keeps_the_noise_and_moves_it_with_the_panorama() -> None:
    clip = torch.randn(5, 4, 2, 32, generator=torch.Generator().manual_seed(1))
    turned = rolled_noise(clip, (0, 0, 1, 1, -1))
    assert torch.equal(turned[:2], clip[:2])
    assert torch.equal(turned[2], clip[1].roll(2, -1))
    assert torch.equal(turned[3], clip[1].roll(4, -1))
    assert torch.equal(turned[4], turned[2])
    with pytest.raises(WiwError, match="multiple of 128"):
        rolled_noise(clip[..., :20], (0, 1, 0, 0, 0))


def test_what_is_saved_beside_a_pipeline_is_loaded_with_it(tmp_path: Path, embedding: Any) -> None:
    pipe = tiny.build("svd")
    pipe.save_pretrained(tmp_path)
    embedding.save(tmp_path)
    again = ActionEmbedding.load(tmp_path)
    assert again is not None
    assert torch.equal(again(ids("forward")[None]), embedding(ids("forward")[None]))
    model = SvdActionModel(weights=str(tmp_path), height=32, width=128, steps=1)
    model.load()
    assert model.engine is not None
    assert model.engine.pipe.action_embedding.config == embedding.config
    (tmp_path / "action_embedding" / "config.json").write_text(json.dumps({"width": 3}))
    with pytest.raises(WiwError) as caught:
        ActionEmbedding.load(tmp_path)
    assert caught.value.code is ErrorCode.RECORD_CORRUPT


def _published(unet: Any) -> dict[str, torch.Tensor]:
    """Return a synthetic state dict under the names of the authors' modules."""
    generator = torch.Generator().manual_seed(5)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    level = unet.config.addition_time_embed_dim
    shapes = {
        "add_action_proj.proj": (16, 14 * 12),
        "add_embedding_action.linear_1": (CHANNELS, 16),
        "add_embedding_action.linear_2": (CHANNELS, CHANNELS),
        "add_embedding_noise.linear_1": (CHANNELS, level),
        "add_embedding_noise.linear_2": (CHANNELS, CHANNELS),
    }
    state = {name: random(*value.shape) * 0.05 for name, value in unet.state_dict().items()}
    for name, shape in shapes.items():
        state[f"{name}.weight"], state[f"{name}.bias"] = random(*shape) * 0.1, random(shape[0])
    return state


def test_published_weights_go_where_the_key_map_says(tmp_path: Path) -> None:
    unet = tiny.build("svd").unet
    state = _published(unet)
    save_file(state, tmp_path / "diffusion_pytorch_model.safetensors")
    made = published.load(unet, str(tmp_path), 14, CHANNELS)
    assert torch.equal(made.lift.weight, state["add_action_proj.proj.weight"])
    assert torch.equal(made.linear_2.bias, state["add_embedding_action.linear_2.bias"])
    assert torch.equal(unet.conv_in.weight, state["conv_in.weight"])
    # The stock layer now embeds the noise level alone, as theirs does.
    level = torch.randn(1, unet.config.addition_time_embed_dim)
    theirs = torch.nn.functional.linear(
        torch.nn.functional.silu(
            torch.nn.functional.linear(
                level,
                state["add_embedding_noise.linear_1.weight"],
                state["add_embedding_noise.linear_1.bias"],
            )
        ),
        state["add_embedding_noise.linear_2.weight"],
        state["add_embedding_noise.linear_2.bias"],
    )
    for rate_and_motion in (torch.zeros(1, 2), torch.ones(1, 2)):
        wide = rate_and_motion.repeat_interleave(level.shape[1], dim=1)
        ours = unet.add_embedding(torch.cat([wide, level], dim=1))
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_published_weights_that_do_not_match_are_named(tmp_path: Path) -> None:
    unet = tiny.build("svd").unet
    state = _published(unet)
    del state["conv_in.weight"]
    state["something.else"] = torch.zeros(1)
    save_file(state, tmp_path / "a.safetensors")
    with pytest.raises(WiwError, match=r"2 tensors .* conv_in.weight, something.else") as caught:
        published.load(unet, str(tmp_path), 14, CHANNELS)
    assert caught.value.code is ErrorCode.MODEL_UNAVAILABLE
    (tmp_path / "b.bin").write_bytes(b"")
    with pytest.raises(WiwError, match=r"no file of type \.safetensors"):
        published.load(unet, str(tmp_path / "b.bin"), 14, CHANNELS)


def test_a_model_runs_on_published_weights(tmp_path: Path) -> None:
    save_file(_published(tiny.build("svd").unet), tmp_path / "unet.safetensors")
    model = SvdActionModel(
        weights="tiny", unet=str(tmp_path / "unet.safetensors"), height=32, width=128, steps=1
    )
    model.load()
    assert model.engine is not None and model.info.revision.startswith("tiny-random+")
    assert model.engine.pipe.action_embedding.config["hidden"] == 16
