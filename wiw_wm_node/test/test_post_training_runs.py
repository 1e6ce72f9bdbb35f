"""Whole trainings of tiny pipelines: resumed bit by bit, loaded by their models, and followed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import video_lessons as lessons
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from safetensors.torch import load_file

from wiw_core.errors import ErrorCode, WiwError
from wiw_learn.recipes import make_recipe
from wiw_learn.training.config import make_config
from wiw_learn.training.loader import tensors
from wiw_learn.training.session import Options, train
from wiw_wm_node.video.calls import arguments
from wiw_wm_node.video.loading import load
from wiw_wm_node.video.ltx import Ltx
from wiw_wm_node.video.svd_action import SvdAction
from wiw_wm_node.video.training.clips import arrays
from wiw_wm_node.video.training.network import lesson_of

pytestmark = pytest.mark.timeout(600)
QUICK = Options(check=False)
SCENES = (1, 2, 9, 19)
"""A straight and a winding walk to train on; of scenes 9 and 19 the same to judge by."""
LTX = {"frames": 9, "height": 32, "width": 64, "rank": 16}
SVD = {"frames": 3, "height": 16, "width": 128, "hidden": 32}


def walks(folder: Path, own: dict, repeats=None):
    folder.mkdir()
    size = own["height"], own["width"]
    return lessons.colour_walks(folder, SCENES, own["frames"] - 1, size, repeats)


def config_of(name: str, own: dict, weights: str, **changes):
    return make_config(
        {
            "name": "mine",
            "recipe": name,
            "package": "",
            "data": {"kind": "navigation"},
            "options": {"weights": weights, "checkpointing": False, "judged": 2, **own},
            "batch": 2,
            "steps": 3,
            "learning_rate": 1e-3,
            **changes,
        }
    )


def lesson(config, data):
    clips = make_recipe(config.recipe, **config.options).samples(data, held_out=False).clips
    return lesson_of(tensors([arrays(clips[0]), arrays(clips[1])]))


def losses_of(config, data, network) -> float:
    """The loss of the two clips to train on, over fixed noises."""
    recipe = make_recipe(config.recipe, **config.options)
    clips = recipe.samples(data, held_out=False).clips
    batch = tensors([arrays(clips[k % 2]) for k in range(8)])
    torch.manual_seed(11)
    with torch.no_grad():
        return recipe.losses(network, batch)["loss"].item()


def trained_and_new(config, folder):
    """The network that a training left, and one as a training begins."""
    recipe = make_recipe(config.recipe, **config.options)
    torch.manual_seed(config.seed)
    new, done = recipe.network(), recipe.network()
    state = load_file(folder / "mine.safetensors")
    done.load_state_dict({name: value.float() for name, value in state.items()})
    return done, new


def nearer_to_their_own(made: torch.Tensor, truth: torch.Tensor) -> list[bool]:
    """Tell of each of two clips, (2, t, ...), whether it is nearer to its truth than the other's.

    The first frame is left out: it is given.
    """
    errors = (made[:, None] - truth[None]).square()[:, :, 1:].flatten(2).mean(dim=2)
    return [bool(errors[0, 0] < errors[0, 1]), bool(errors[1, 1] < errors[1, 0])]


@pytest.mark.parametrize("name", ["ltx_lora", "svd_action"])
def test_a_training_that_was_stopped_ends_in_the_same_bytes(name, tmp_path):
    own = LTX if name == "ltx_lora" else SVD
    data = walks(tmp_path / "data", own)
    config = config_of(name, own, "tiny", ema=0.5, accumulate=2)
    train(config, data, tmp_path / "whole", QUICK)
    asked = iter(range(100))
    with pytest.raises(WiwError) as stopped:
        train(config, data, tmp_path / "parts", QUICK, stop=lambda: next(asked) >= 1)
    assert stopped.value.code is ErrorCode.ABORTED_BY_USER
    said: list[str] = []
    card = train(config, data, tmp_path / "parts", QUICK, say=said.append)
    assert "Goes on after step" in said[0]
    whole, parts = (tmp_path / part / "mine.safetensors" for part in ("whole", "parts"))
    assert whole.read_bytes() == parts.read_bytes()
    assert {"error", "follows"} <= card["metrics"].keys()
    assert ("gain" in card["metrics"]) == (name == "ltx_lora")


def test_ltx_learns_to_follow_its_prompt_and_its_lora_is_the_pipelines_own(tmp_path, monkeypatch):
    # An untrained VAE draws latents that are mostly noise, a trained one hardly any.
    monkeypatch.setattr(
        DiagonalGaussianDistribution, "sample", lambda found, generator=None: found.mode()
    )
    data = walks(tmp_path / "data", LTX)
    first = config_of("ltx_lora", LTX, "tiny")
    scaled = lessons.in_scale("ltx", tmp_path / "ltx", lesson(first, data).frames)
    config = config_of(
        "ltx_lora", LTX, scaled, batch=4, steps=150, learning_rate=1e-2, weight_decay=0.0
    )
    train(config, data, tmp_path / "run", QUICK)
    done, new = trained_and_new(config, tmp_path / "run")
    assert losses_of(config, data, done) < 0.5 * losses_of(config, data, new)

    file = tmp_path / "run" / "mine.safetensors"
    state = {n.removeprefix("transformer."): v for n, v in done.state_dict().items()}
    type(done.family.pipe).save_lora_weights(tmp_path / "stock", transformer_lora_layers=state)
    stock = load_file(tmp_path / "stock" / "pytorch_lora_weights.safetensors")
    ours = load_file(file)
    assert ours.keys() == stock.keys()
    assert all(torch.equal(ours[name].float(), value) for name, value in stock.items())

    taught = lesson(config, data)
    with torch.no_grad():
        clean = done.family.encode(taught).clean
    for seed in range(3):
        asked = lessons.asked_for(
            Ltx(), taught, 4, seed, weights=scaled, view="panorama", lora=str(file.parent)
        )
        pipe = load(Ltx(), asked.settings).pipe
        call = arguments(asked) | {"frame_rate": asked.settings.fps, "output_type": "latent"}
        with torch.no_grad():
            made = pipe._unpack_latents(pipe(**call).frames, *clean.shape[2:])
        assert nearer_to_their_own(made.transpose(1, 2), clean.transpose(1, 2)) == [True, True]


def test_svd_dagger_learns_to_follow_its_actions_and_its_model_loads_it(tmp_path):
    repeats = (lessons.STRAIGHT, (1,))
    data = walks(tmp_path / "data", SVD, repeats)
    first = config_of("svd_action", SVD, "tiny")
    scaled = lessons.in_scale("svd", tmp_path / "svd", lesson(first, data).frames)
    config = config_of("svd_action", SVD, scaled, batch=2, steps=45, learning_rate=3e-3, clip=1.0)
    train(config, data, tmp_path / "run", QUICK)
    done, new = trained_and_new(config, tmp_path / "run")
    assert losses_of(config, data, done) < 0.7 * losses_of(config, data, new)

    taught = lesson(config, data)
    pipeline = str(tmp_path / "run" / "pipeline")
    asked = lessons.asked_for(SvdAction(), taught, 6, 3, weights=pipeline)
    pipe = load(SvdAction(), asked.settings).pipe
    trained = done.state_dict()
    for name, value in pipe.action_embedding.state_dict().items():
        assert torch.equal(value, trained[f"action_embedding.{name}"])
    for name, value in pipe.unet.state_dict().items():
        assert torch.equal(value, trained[f"unet.{name}"])
    with torch.no_grad():
        frames = SvdAction().generate(pipe, asked)
        truth = lessons.reconstructed(pipe, taught.frames)
    assert nearer_to_their_own(frames, truth) == [True, True]

    # It goes on from what it made.
    more = config_of("svd_action", SVD, pipeline, steps=1)
    again = make_recipe(more.recipe, **more.options).network()
    assert all(torch.equal(value, trained[name]) for name, value in again.state_dict().items())
    other = config_of("svd_action", {**SVD, "frames": 5}, pipeline)
    with pytest.raises(WiwError, match="3 numbers a frame, not 5"):
        make_recipe(other.recipe, **other.options).network()


def test_a_dataset_of_another_control_is_refused(tmp_path):
    data = walks(tmp_path / "data", SVD)
    recipe = make_recipe("svd_action", weights="tiny", control="tool_poses", **SVD)
    with pytest.raises(WiwError, match="control=lowlevel") as caught:
        recipe.samples(data, held_out=False)
    assert caught.value.code is ErrorCode.BAD_PARAMETER
