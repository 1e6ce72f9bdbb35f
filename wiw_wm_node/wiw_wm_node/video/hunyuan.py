"""HunyuanVideo image-to-video 1.0 and 1.5, of Tencent."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video.adapter import Batch, Family, watched
from wiw_wm_node.video.calls import arguments, memory_gib
from wiw_wm_node.video.model import VideoModel
from wiw_wm_node.video.settings import Settings

if TYPE_CHECKING:
    import torch

_LICENCE = "Tencent Hunyuan Community License (not for the EU, the UK and South Korea)"


class Hunyuan(Family):
    """``HunyuanVideoImageToVideoPipeline``; its guidance is an input of the network: no extra cost.

    Only weights that keep the given frame as the first token do: those of 33 channels
    (``HunyuanVideo-I2V-33ch``) give no first four frames, and are refused.
    """

    name = "hunyuan"
    pipeline = "HunyuanVideoImageToVideoPipeline"
    defaults = Settings(
        weights="hunyuanvideo-community/HunyuanVideo-I2V",
        steps=30,
        guidance=8.0,
        frames=33,
        fps=15.0,
        tiling=True,
    )
    licence = _LICENCE
    memory_gib = memory_gib(12.82, 0.25, 8.36, 0.12)  # transformer, VAE, Llava 8B, CLIP
    options = Family.options - {"negative"}
    frame_step = 4
    remembered = ("vae.encode", "text_encoder.forward", "text_encoder_2.forward")

    def prepare(self, pipe: Any, settings: Settings) -> None:
        """Raise ``BAD_PARAMETER`` for weights whose clips do not begin with the given frame."""
        kind = pipe.transformer.config.image_condition_type
        if kind != "token_replace":
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"These weights take the given frame by '{kind}': their clips begin four frames"
                " late.",
                "Use hunyuanvideo-community/HunyuanVideo-I2V.",
            )

    def generate(self, pipe: Any, batch: Batch) -> torch.Tensor:
        """Return the M clips, (M, F, 3, H, W), 0 to 1."""
        given = arguments(batch)
        del given["negative_prompt"]
        given["prompt_template"] = _template(pipe)
        cached = batch.settings.step_cache != "none"
        # Unlike the other pipelines, this one does not name the context that the cache keeps.
        with pipe.transformer.cache_context("cond") if cached else nullcontext():
            frames: torch.Tensor = pipe(**given).frames
        return frames


def _template(pipe: Any) -> dict[str, Any]:
    """Return the stock prompt template; for another image encoder, with the positions it needs."""
    from diffusers.pipelines.hunyuan_video.pipeline_hunyuan_video_image2video import (
        DEFAULT_PROMPT_TEMPLATE,
    )

    stock: dict[str, Any] = DEFAULT_PROMPT_TEMPLATE
    tokens = pipe.text_encoder.config.image_seq_length
    if tokens == stock["image_emb_len"]:
        return stock
    system = pipe.tokenizer(stock["template"].split("{}")[0]).input_ids
    place = system.index(pipe.tokenizer.convert_tokens_to_ids("<image>"))
    return {
        "template": stock["template"],
        "crop_start": len(system),
        "image_emb_start": place,
        "image_emb_end": place + tokens,
        "image_emb_len": tokens,
    }


class Hunyuan15(Family):
    """``HunyuanVideo15ImageToVideoPipeline``: one candidate per call, no callback, no LoRA.

    Not in the paper's tables; frames as for 1.0, the rest as its model card.
    """

    name = "hunyuan15"
    pipeline = "HunyuanVideo15ImageToVideoPipeline"
    defaults = Settings(
        weights="hunyuanvideo-community/HunyuanVideo-1.5-Diffusers-480p_i2v",
        steps=50,
        guidance=6.0,
        frames=33,
        height=640,
        width=640,
        fps=24.0,
        tiling=True,
    )
    licence = _LICENCE
    memory_gib = memory_gib(8.33, 1.26, 7.07, 0.22, 0.43)  # ..., Qwen2.5-VL, ByT5, SigLIP
    options = Family.options - {"lora", "step_cache"}
    batched = False
    frame_step = 4
    remembered = ("vae.encode", "text_encoder.forward", "image_encoder.forward")

    def prepare(self, pipe: Any, settings: Settings) -> None:
        """Set the guidance, and let images keep the size that they come in.

        The pipeline would choose one of its own sizes by the image's shape.
        """
        pipe.guider = pipe.guider.new(guidance_scale=settings.guidance)
        pipe.video_processor.calculate_default_height_width = _as_given

    def generate(self, pipe: Any, batch: Batch) -> torch.Tensor:
        """Return the clip, (1, F, 3, H, W), 0 to 1."""
        at = batch.settings
        with watched(pipe.transformer, batch):
            frames: torch.Tensor = pipe(
                image=batch.images[0],
                prompt=batch.prompts,
                negative_prompt=at.negative or None,
                num_frames=at.frames,
                num_inference_steps=at.steps,
                generator=batch.generators,
                output_type="pt",
            ).frames
        return frames


def _as_given(height: int, width: int, target_size: int) -> tuple[int, int]:
    del target_size
    return height, width


class HunyuanModel(VideoModel):
    """HunyuanVideo I2V 13B: a clip from a view and the plan in words."""

    family = Hunyuan()


class Hunyuan15Model(VideoModel):
    """HunyuanVideo-1.5 I2V 8B: a clip from a view and the plan in words, one at a time."""

    family = Hunyuan15()
