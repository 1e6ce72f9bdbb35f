"""Adapters of the text-driven video models: their numbers, options, and what they refuse."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from families_rows import MODELS, Evaluations, F, levels, loaded, on_denoising
from families_rows import rolled as rolled_by_plan
from PIL import Image
from video_fakes import asking

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.registry import WORLD_MODELS, Registry
from wiw_wm_node.video import tiny
from wiw_wm_node.video.cosmos import Cosmos2, outspoken
from wiw_wm_node.video.hunyuan import Hunyuan
from wiw_wm_node.video.start import Start
from wiw_wm_node.video.tiny.cosmos import FakeGuardrail

PROTOCOL = {  # arXiv 2510.18135 and its released code: side, frames, steps, guidance, fps
    "ltx": (480, 33, 50, 3.0, 25.0),
    "hunyuan": (480, 33, 30, 8.0, 15.0),
    "wan21": (480, 25, 30, 5.0, 16.0),
    "wan22_5b": (704, 33, 50, 5.0, 24.0),
    "wan22_a14b": (624, 25, 30, 3.5, 16.0),
    "cosmos2": (480, 33, 30, 7.0, 16.0),
    "cosmos25": (576, 93, 35, 7.0, 16.0),
}
LORA_ROWS = ("ltx", "ltx2", "hunyuan", "wan21", "wan22_5b", "cosmos2", "cosmos25")
CACHED = ("ltx", "hunyuan", "wan21", "wan22_5b", "wan22_a14b")


def frames_of(model: Any, plan: list[str]) -> Any:
    return rolled_by_plan(model, asking(plan))[0].frames


def refused(name: str, **parameters: Any) -> WiwError:
    with pytest.raises(WiwError) as caught:
        MODELS[name](**{**tiny.SMALL, **parameters})
    assert caught.value.code is ErrorCode.BAD_PARAMETER
    return caught.value


@pytest.mark.parametrize("name", PROTOCOL)
def test_a_rows_defaults_are_those_of_the_protocol(name: str) -> None:
    at = MODELS[name].family.defaults
    assert (at.height, at.frames, at.steps, at.guidance, at.fps) == PROTOCOL[name]
    assert at.width == at.height and at.view == "front" and at.actions == 13
    MODELS[name].family.check(at)


@pytest.mark.parametrize("name", MODELS)
def test_every_row_is_registered_with_a_true_sheet(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Registry(WORLD_MODELS).get(name).load()
    assert model is MODELS[name]
    sheet, at = model.sheet, model.family.defaults
    assert (sheet.height, sheet.width, sheet.frames) == (at.height, at.width, at.frames)
    assert sheet.controls == ("text",) and not sheet.measured and sheet.memory_gib > 10
    assert sheet.source == at.weights and sheet.licence
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert f"hf download {at.weights}" in sheet.missing()
    snapshot = tmp_path / f"models--{at.weights.replace('/', '--')}"
    branch = snapshot / "refs" / (at.hub_revision or "main")
    branch.parent.mkdir(parents=True)
    branch.write_text("abc")
    (snapshot / "snapshots" / "abc").mkdir(parents=True)
    assert sheet.missing() == "" or "cosmos_guardrail" in sheet.missing()


@pytest.mark.parametrize(
    ("name", "parameters", "says"),
    [
        ("ltx", {"frames": 13}, "1 \\+ n \\* 8"),
        ("ltx", {"height": 80}, "multiple of 32"),
        ("ltx2", {"height": 32}, "at least 64"),
        ("ltx2", {"step_cache": "first_block"}, "no option 'step_cache'"),
        ("hunyuan", {"negative": "blur"}, "no option 'negative'"),
        ("hunyuan15", {"lora": "x"}, "no option 'lora'"),
        ("wan21", {"frames": 10}, "1 \\+ n \\* 4"),
        ("wan22_5b", {"width": 48}, "multiple of 32"),
        ("cosmos2", {"step_cache": "first_block"}, "no option 'step_cache'"),
    ],
)
def test_what_a_model_cannot_do_is_refused_before_loading(
    name: str, parameters: dict[str, Any], says: str
) -> None:
    assert re.search(says, str(refused(name, **parameters)))


def with_lora(name: str, folder: Path, part: str = "transformer", seed: int = 0) -> Path:
    """Save an untrained LoRA of a tiny pipeline, as a trainer would; it does change the model."""
    from diffusers.loaders import CosmosLoraLoaderMixin
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    pipe = tiny.build(name)
    network = getattr(pipe, part)
    network.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_k", "to_v"]))
    torch.manual_seed(seed)
    for key, weight in network.named_parameters():
        if "lora_" in key:
            torch.nn.init.normal_(weight, std=0.5)
    saver = pipe if hasattr(pipe, "save_lora_weights") else CosmosLoraLoaderMixin
    layers = get_peft_model_state_dict(network)
    saver.save_lora_weights(folder, transformer_lora_layers=layers)
    return folder


@pytest.mark.parametrize("name", LORA_ROWS)
def test_a_lora_is_merged_and_named_in_the_revision(name: str, tmp_path: Path) -> None:
    model = loaded(name, lora=str(with_lora(name, tmp_path / "lora")))
    assert model.info.revision.startswith("tiny-random+")
    before, after = (p.transformer.state_dict() for p in (tiny.build(name), model.engine.pipe))
    assert before.keys() == after.keys()  # merged: it costs nothing later
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed and all(".to_" in key for key in changed)


def test_a_lora_changes_the_picture(tmp_path: Path) -> None:
    model = loaded("ltx", lora=str(with_lora("ltx", tmp_path / "lora")))
    assert levels(frames_of(model, [F, F]), frames_of(loaded("ltx"), [F, F])) > 1


def test_two_experts_take_two_loras(tmp_path: Path) -> None:
    high = with_lora("wan22_a14b", tmp_path / "high")
    low = with_lora("wan22_a14b", tmp_path / "low", "transformer_2", seed=1)
    base = tiny.build("wan22_a14b")
    model = loaded("wan22_a14b", lora=f"{high},{low}")
    for part in ("transformer", "transformer_2"):
        before = getattr(base, part).blocks[0].attn1.to_q.weight
        after = getattr(model.engine.pipe, part).blocks[0].attn1.to_q.weight
        assert before.shape == after.shape and not torch.equal(before, after)
    with pytest.raises(WiwError, match="two LoRAs, not 1") as caught:
        loaded("wan22_a14b", lora=str(high))
    assert caught.value.code is ErrorCode.BAD_PARAMETER


@pytest.mark.parametrize("name", CACHED)
def test_a_cache_of_steps_saves_work_and_survives_a_cancel(name: str) -> None:
    given = {"steps": 8, "step_cache": "first_block", "step_cache_threshold": 1.0}
    model, seen = loaded(name, **given), Evaluations()
    parts = model.engine.pipe.transformer.modules()
    attention = [part for part in parts if type(part).__name__.endswith("Attention")][-1]
    calls: list[int] = []
    attention.register_forward_hook(lambda *_: calls.append(1))
    with on_denoising(model, seen):
        whole = frames_of(model, [F, F])
    assert 0 < len(calls) < seen.count
    done = seen.count
    with on_denoising(model, seen), pytest.raises(WiwError):
        rolled_by_plan(model, asking([F, F], cancelled=lambda: seen.count >= done + 3))
    assert np.array_equal(frames_of(model, [F, F]), whole)


def test_wans_batched_pipeline_is_the_stock_one_for_one_candidate() -> None:
    from diffusers import WanImageToVideoPipeline

    from wiw_wm_node.video.wan_batched import WanBatched

    image = Image.fromarray(np.random.default_rng(3).integers(0, 255, (64, 64, 3), np.uint8))
    for name in ("wan21", "wan22_5b", "wan22_a14b"):
        built = tiny.build(name)
        given = {key: built.config[key] for key in ("boundary_ratio", "expand_timesteps")}
        clips = []
        for make in (WanImageToVideoPipeline, WanBatched):
            pipe = make(**built.components, **given)
            pipe.set_progress_bar_config(disable=True)
            many = make is WanBatched
            clips.append(
                pipe(
                    image=[image] if many else image,
                    prompt=["go"] if many else "go",
                    height=64,
                    width=64,
                    num_frames=9,
                    num_inference_steps=2,
                    generator=[torch.Generator().manual_seed(5)],
                    output_type="pt",
                ).frames
            )
        assert torch.equal(clips[0], clips[1])


@pytest.mark.parametrize("name", MODELS)
def test_half_precision_as_on_a_gpu_goes_through_every_adapter(name: str) -> None:
    model = loaded(name, dtype="bfloat16")
    pipe = model.engine.pipe
    assert pipe.transformer.dtype is torch.bfloat16
    exact = torch.float32 if name.startswith("wan") else torch.bfloat16
    assert pipe.vae.dtype is exact
    assert frames_of(model, [F, F]).std() > 1.0


def test_hunyuan_weights_that_give_no_first_frames_are_refused() -> None:
    family = Hunyuan()
    pipe = tiny.build("hunyuan")
    pipe.transformer.register_to_config(image_condition_type="latent_concat")
    with pytest.raises(WiwError, match="four frames late") as caught:
        family.prepare(pipe, family.defaults)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_real_cosmos_weights_are_not_run_without_their_guardrail() -> None:
    family = Cosmos2()
    with pytest.raises(WiwError, match="guardrail") as caught:
        family.load(Path(tiny.folder("cosmos2")), torch.float32, family.defaults)
    assert caught.value.code is ErrorCode.MODEL_UNAVAILABLE


class StrictGuardrail(FakeGuardrail):
    """A fake guardrail that refuses everything."""

    def check_text_safety(self, prompt: str) -> bool:
        return False

    def check_video_safety(self, frames: Any) -> Any:
        return None


@pytest.mark.parametrize("name", ["cosmos2", "cosmos25"])
def test_a_refusal_of_the_guardrail_is_said_in_plain_words(name: str) -> None:
    model = loaded(name)
    model.engine.pipe.safety_checker = outspoken(StrictGuardrail())
    with pytest.raises(WiwError, match="refused the prompt") as caught:
        rolled_by_plan(model, asking([F]))
    assert caught.value.code is ErrorCode.INVALID_FRAMES
    with pytest.raises(WiwError, match="refused an imagined clip"):
        model.engine.pipe.safety_checker.check_video_safety(np.zeros((1, 4, 4, 3)))


def test_a_single_candidate_pipeline_sizes_no_image_on_its_own() -> None:
    model = loaded("hunyuan15", height=48, width=80)
    assert frames_of(model, [F]).shape == (1, 48, 80, 3)


def test_guidance_reaches_the_model_and_none_is_cheaper() -> None:
    for name in ("wan21", "hunyuan15"):
        counts, pictures = [], []
        for guidance in (1.0, 4.0, 8.0):
            model, seen = loaded(name, guidance=guidance, height=32, width=32), Evaluations()
            with on_denoising(model, seen):
                pictures.append(frames_of(model, [F, F]))
            counts.append(seen.count)
        assert counts[0] * 2 == counts[1] == counts[2]
        assert levels(pictures[1], pictures[2]) > 1


def test_ltx2_sees_the_given_frame_after_one_compression() -> None:
    model = loaded("ltx2")
    given: list[Any] = []
    preprocess = model.engine.pipe.video_processor.preprocess

    def looking(images: Any, **kwargs: Any) -> Any:
        given.extend(np.array(image) for image in images)
        return preprocess(images, **kwargs)

    model.engine.pipe.video_processor.preprocess = looking
    request = asking([F])
    rolled_by_plan(model, request)
    start = Start(request.now, model.settings, "ltx2").frame()
    assert len(given) == 1 and given[0].shape == start.shape
    assert 0.0 < np.abs(given[0].astype(int) - start).mean() < 20.0  # of 255
