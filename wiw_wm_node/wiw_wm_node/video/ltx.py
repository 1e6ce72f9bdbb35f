"""LTX-Video and LTX-2, of Lightricks."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video.adapter import Batch, Family
from wiw_wm_node.video.calls import arguments, memory_gib
from wiw_wm_node.video.model import VideoModel
from wiw_wm_node.video.settings import Settings

if TYPE_CHECKING:
    import torch

_DECODE_TIME, _DECODE_NOISE = 0.05, 0.025
"""What the model card asks for with a VAE that is conditioned on a time (0.9.1 and later)."""


class Ltx(Family):
    """``LTXImageToVideoPipeline``; not ``LTXCondition``, where images in a list are one clip's."""

    name = "ltx"
    pipeline = "LTXImageToVideoPipeline"
    defaults = Settings(
        weights="a-r-r-o-w/LTX-Video-0.9.1-diffusers",
        steps=50,
        guidance=3.0,
        frames=33,
        fps=25.0,
    )
    licence = "LTX-Video Open Weights License 0.X"
    memory_gib = memory_gib(1.92, 0.93, 4.76)  # transformer, VAE, T5-XXL
    frame_step = 8
    size_step = 32

    def generate(self, pipe: Any, batch: Batch) -> torch.Tensor:
        """Return the M clips, (M, F, 3, H, W), 0 to 1.

        Stock code cannot decode a batch of candidates with a generator each when the VAE is
        conditioned on a time, so that the decoding is done here.
        """
        import torch
        from diffusers.utils.torch_utils import randn_tensor

        at = batch.settings
        given = arguments(batch) | {"frame_rate": at.fps, "output_type": "latent"}
        latents = pipe._unpack_latents(
            pipe(**given).frames,
            (at.frames - 1) // pipe.vae_temporal_compression_ratio + 1,
            at.height // pipe.vae_spatial_compression_ratio,
            at.width // pipe.vae_spatial_compression_ratio,
            pipe.transformer_spatial_patch_size,
            pipe.transformer_temporal_patch_size,
        )
        vae, time = pipe.vae, None
        latents = pipe._denormalize_latents(
            latents, vae.latents_mean, vae.latents_std, vae.config.scaling_factor
        ).to(vae.dtype)
        with torch.no_grad():
            if vae.config.timestep_conditioning:
                noise = randn_tensor(latents.shape, batch.generators, latents.device, latents.dtype)
                latents = (1 - _DECODE_NOISE) * latents + _DECODE_NOISE * noise
                time = latents.new_full((len(batch),), _DECODE_TIME)
            video = vae.decode(latents, time, return_dict=False)[0]
        frames: torch.Tensor = pipe.video_processor.postprocess_video(video, output_type="pt")
        return frames


class Ltx2(Family):
    """``LTX2ImageToVideoPipeline``, with classifier-free guidance alone.

    The other two guidances that its pipeline knows (of blocks left out, of sound and picture apart)
    would cost one more evaluation per step each, and are off. The sound is generated, because the
    picture attends to it, and thrown away.
    """

    name = "ltx2"
    pipeline = "LTX2ImageToVideoPipeline"
    defaults = Settings(weights="Lightricks/LTX-2", steps=40, guidance=4.0, frames=33, fps=24.0)
    licence = "LTX-2 Community License"
    memory_gib = memory_gib(18.88, 1.22, 0.11, 1.43, 12.19)  # ..., connectors, Gemma 3 12B
    options = Family.options - {"step_cache"}  # its transformer is not known to the cache
    frame_step = 8
    size_step = 32

    def check(self, settings: Settings) -> None:
        """Raise ``BAD_PARAMETER`` for settings that it cannot honour; its decoder mirrors edges."""
        super().check(settings)
        if min(settings.size) < 2 * self.size_step:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"'{self.name}' generates at least {2 * self.size_step} x {2 * self.size_step}"
                f" pixels, not {settings.width} x {settings.height}.",
            )

    def prepare(self, pipe: Any, settings: Settings) -> None:
        """Raise ``MODEL_UNAVAILABLE`` without PyAV, which compresses the given frame."""
        if find_spec("av") is None:
            raise WiwError(
                ErrorCode.MODEL_UNAVAILABLE,
                "LTX-2 compresses the given frame as in its training, with the package 'av'.",
                "pip install av",
            )

    def generate(self, pipe: Any, batch: Batch) -> torch.Tensor:
        """Return the M clips, (M, F, 3, H, W), 0 to 1."""
        frames: torch.Tensor = pipe(
            **arguments(batch)
            | {
                "image": [_compressed(pipe, image) for image in batch.images],
                "image_crf": 0,  # done; stock code does it for one image only
                "frame_rate": batch.settings.fps,
                "stg_scale": 0.0,
                "audio_stg_scale": 0.0,
                "modality_scale": 1.0,
                "audio_modality_scale": 1.0,
                "audio_guidance_scale": batch.settings.guidance,
                # Stock default is that of LTX-2.3 and later, which have this modulation.
                "use_cross_timestep": bool(pipe.transformer.config.cross_attn_mod),
            }
        ).frames
        return frames


def _compressed(pipe: Any, image: Any) -> Any:
    """Return the image after one H.264 compression, as the model's training images were."""
    import numpy as np
    from diffusers.pipelines.ltx2.utils import (
        apply_image_conditioning_crf,
        resolve_default_image_crf,
    )
    from PIL import Image

    quality = resolve_default_image_crf(pipe.text_encoder)
    return Image.fromarray(apply_image_conditioning_crf(np.array(image.convert("RGB")), quality))


class LtxModel(VideoModel):
    """LTX-Video 2B: a clip from a view and the plan in words; the lightest of its kind."""

    family = Ltx()


class Ltx2Model(VideoModel):
    """LTX-2 19B: a clip from a view and the plan in words; its sound is thrown away."""

    family = Ltx2()
