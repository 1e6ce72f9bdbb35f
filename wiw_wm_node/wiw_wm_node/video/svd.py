"""Stable Video Diffusion as it was released: one image in, a clip out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video.adapter import Batch, Family
from wiw_wm_node.video.model import VideoModel
from wiw_wm_node.video.settings import Settings

if TYPE_CHECKING:
    import torch

HUB = "stabilityai/stable-video-diffusion-img2vid"
LICENCE = "Stability AI Community (free below USD 1M revenue)"


@dataclass(frozen=True)
class SvdSettings(Settings):
    """What SVD may be told beside the common settings.

    Attributes
    ----------
    motion_bucket : int
        How much motion, 0 to 255.
    noise_aug : float
        Strength of the noise added to the given frame.
    decode_frames : int
        Frames decoded together. Fewer take less memory, and spare decoding what nobody looks at;
        14 is the library's choice.
    """

    motion_bucket: int = 127
    noise_aug: float = 0.02
    decode_frames: int = 7

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low, high in (
            ("motion_bucket", 0, 255),
            ("noise_aug", 0.0, 10.0),
            ("decode_frames", 1, 257),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise WiwError(
                    ErrorCode.BAD_PARAMETER, f"'{name}' is {value}, outside [{low}, {high}]."
                )


class Svd(Family):
    """Stable Video Diffusion: one image in, a clip out; no plan reaches it."""

    name = "svd"
    pipeline = "StableVideoDiffusionPipeline"
    defaults: ClassVar[Settings] = SvdSettings(weights=HUB, guidance=3.0)
    controls = ()
    licence = LICENCE
    memory_gib = 12.0  # weights are 4.2 in bfloat16; activations are a guess
    denoisers = ("unet",)
    options = frozenset({"guidance", "quantise"})
    size_step = 8
    remembered = ("vae.encode", "image_encoder.forward")

    def generate(self, pipe: Any, batch: Batch) -> torch.Tensor:
        """Return the clips, decoded up to the last frame that anybody looks at."""
        return self.decoded(pipe, batch, self.latents(pipe, batch))

    def latents(self, pipe: Any, batch: Batch, noise: torch.Tensor | None = None) -> torch.Tensor:
        """Return (M, F, C, h, w) latents, of this noise or of the generators'."""
        settings = batch.settings
        assert isinstance(settings, SvdSettings)
        made = pipe(
            image=batch.images,
            height=settings.height,
            width=settings.width,
            num_frames=settings.frames,
            num_inference_steps=settings.steps,
            min_guidance_scale=min(1.0, settings.guidance),
            max_guidance_scale=settings.guidance,
            fps=round(settings.fps),
            motion_bucket_id=settings.motion_bucket,
            noise_aug_strength=settings.noise_aug,
            generator=batch.generators,
            latents=noise,
            output_type="latent",
            callback_on_step_end=batch.on_step,
        )
        latents: torch.Tensor = made.frames
        return latents

    def decoded(self, pipe: Any, batch: Batch, latents: torch.Tensor) -> torch.Tensor:
        """Return (M, F, 3, H, W).

        Chunks begin at fixed frames, and hold one clip each: a frame does not depend on how many
        are looked at, nor on the other clips.
        """
        import torch

        settings = batch.settings
        assert isinstance(settings, SvdSettings)
        step, clips = settings.decode_frames, []
        for first in range(0, batch.last + 1, step):
            batch.check()
            part = latents[:, first : first + step]
            frames = int(part.shape[1])
            clips.append(pipe.decode_latents(part, frames, frames))
        clip = torch.cat(clips, dim=2).permute(0, 2, 1, 3, 4)
        return clip / 2.0 + 0.5


class SvdModel(VideoModel):
    """Stable Video Diffusion (1.5 B): a clip from one image; it ignores the plan's actions."""

    family = Svd()
