"""Wan 2.1 and 2.2 image-to-video, of Alibaba's Wan team."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video.adapter import Batch, Family
from wiw_wm_node.video.calls import arguments, memory_gib, trimming
from wiw_wm_node.video.model import VideoModel
from wiw_wm_node.video.settings import Settings

if TYPE_CHECKING:
    import torch

_UMT5, _VAE = 5.68, 0.13
_FRAMES_PER_LATENT = 4


class _Wan(Family):
    """What the three have in common: our pipeline that takes an image per candidate."""

    pipeline = "WanImageToVideoPipeline"
    licence = "Apache-2.0"
    frame_step = _FRAMES_PER_LATENT
    causal: ClassVar[bool] = True

    def load(self, folder: Path, dtype: torch.dtype, settings: Settings) -> Any:
        """Return the pipeline; its VAE and image encoder stay in float32, as its card asks."""
        import torch

        from wiw_wm_node.video.wan_batched import WanBatched

        exact = dict.fromkeys(("vae", "image_encoder"), torch.float32)
        return WanBatched.from_pretrained(
            str(folder), dtype={"default": dtype, **exact}, local_files_only=True
        )

    def generate(self, pipe: Any, batch: Batch) -> torch.Tensor:
        """Return the M clips, (M, F, 3, H, W), 0 to 1."""
        given = arguments(batch)
        if self.causal:
            given["callback_on_step_end"] = trimming(batch, _FRAMES_PER_LATENT)
        frames: torch.Tensor = pipe(**given).frames
        return frames


class Wan21(_Wan):
    """Wan2.1 I2V 14B; the given frame enters the denoiser, and a CLIP encoder as well."""

    name = "wan21"
    defaults = Settings(
        weights="Wan-AI/Wan2.1-I2V-14B-480P-Diffusers",
        steps=30,
        guidance=5.0,
        frames=25,
        fps=16.0,
    )
    memory_gib = memory_gib(16.39, _VAE, _UMT5, 0.63)
    remembered = ("vae.encode", "text_encoder.forward", "image_encoder.forward")


class Wan22Ti2v(_Wan):
    """Wan2.2 TI2V 5B; the given frame is its first latent, which stays as it is."""

    name = "wan22_5b"
    defaults = Settings(
        weights="Wan-AI/Wan2.2-TI2V-5B-Diffusers",
        steps=50,
        guidance=5.0,
        frames=33,
        height=704,
        width=704,
        fps=24.0,
    )
    memory_gib = memory_gib(5.0, 0.7, _UMT5)
    size_step = 32
    causal = False  # it puts the given latent back after the last step, in a clip of full length


class Wan22A14b(_Wan):
    """Wan2.2 I2V A14B: one expert for high noise, one for low; a LoRA is a pair, high first."""

    name = "wan22_a14b"
    defaults = Settings(
        weights="Wan-AI/Wan2.2-I2V-A14B-Diffusers",
        steps=30,
        guidance=3.5,
        frames=25,
        height=624,
        width=624,
        fps=16.0,
    )
    memory_gib = memory_gib(2 * 14.29, _VAE, _UMT5)
    denoisers = ("transformer", "transformer_2")

    def add_lora(self, pipe: Any, paths: Sequence[str]) -> None:
        """Merge one LoRA into each expert."""
        if len(paths) != 2:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"'{self.name}' has two experts and needs two LoRAs, not {len(paths)}.",
                "Set lora=HIGH,LOW: the one for high noise, a comma, the one for low noise.",
            )
        pipe.load_lora_weights(paths[0], adapter_name="high")
        pipe.load_lora_weights(paths[1], adapter_name="low", load_into_transformer_2=True)
        pipe.transformer.fuse_lora(adapter_names=["high"])
        pipe.transformer_2.fuse_lora(adapter_names=["low"])
        pipe.unload_lora_weights()


class Wan21Model(VideoModel):
    """Wan2.1 I2V 14B: a clip from a view and the plan in words."""

    family = Wan21()


class Wan22Ti2vModel(VideoModel):
    """Wan2.2 TI2V 5B: a clip from a view and the plan in words."""

    family = Wan22Ti2v()


class Wan22A14bModel(VideoModel):
    """Wan2.2 I2V A14B, two experts: a clip from a view and the plan in words."""

    family = Wan22A14b()
