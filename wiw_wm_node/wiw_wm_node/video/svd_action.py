"""SVD-dagger: Stable Video Diffusion with the paper's action conditioning (arXiv 2510.18135)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video.adapter import Batch
from wiw_wm_node.video.model import VideoModel
from wiw_wm_node.video.settings import TINY, Settings
from wiw_wm_node.video.svd import HUB, Svd, SvdSettings

if TYPE_CHECKING:
    import torch

_TINY_SEED = 20251018


@dataclass(frozen=True)
class SvdActionSettings(SvdSettings):
    """What SVD-dagger may be told beside SVD's settings.

    Attributes
    ----------
    control : str
        ``lowlevel``: navigation, 14 cumulative action ids per frame; ``tool_poses``: an arm, 10
        numbers of the tool's pose.
    unet : str
        Folder or file (.safetensors) of the UNet that the paper's authors published, action weights
        in it; empty if ``weights`` is a pipeline that WIW has trained.
    """

    control: str = "lowlevel"
    unet: str = ""


class SvdAction(Svd):
    """SVD-dagger: the clip follows the plan's actions."""

    name = "svd_action"
    tiny = "svd"
    aligned = True
    defaults: ClassVar[Settings] = SvdActionSettings(
        weights=HUB, guidance=3.0, view="panorama", height=576, width=1024
    )
    memory_gib = 18.0  # 2.6 times the pixels of SVD's default

    def controls_of(self, settings: Settings) -> tuple[str, ...]:
        """Return the control that the weights were trained with."""
        assert isinstance(settings, SvdActionSettings)
        return (settings.control,)

    def check(self, settings: Settings) -> None:
        """Raise ``BAD_PARAMETER``, also for a width at which noise cannot be turned."""
        from wiw_wm_node.video.action import width_of

        super().check(settings)
        assert isinstance(settings, SvdActionSettings)
        width_of(settings.control, settings.frames)
        if settings.panoramic and settings.width % 128:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"'{self.name}' turns noise with the panorama: a width of {settings.width} gives"
                " no whole number of latents per turn.",
                "Choose a multiple of 128.",
            )

    def extra_files(self, settings: Settings) -> Sequence[Path]:
        """Return the published UNet, if one is named."""
        assert isinstance(settings, SvdActionSettings)
        return [*super().extra_files(settings), *([Path(settings.unet)] if settings.unet else [])]

    def load(self, folder: Path, dtype: torch.dtype, settings: Settings) -> Any:
        """Return the pipeline, its action embedding in the attribute ``action_embedding``.

        Raises
        ------
        WiwError
            ``MODEL_UNAVAILABLE`` if there are no action weights: without them it would ignore every
            plan.
        """
        from wiw_wm_node.video import action, published

        assert isinstance(settings, SvdActionSettings)
        pipe = super().load(folder, dtype, settings)
        width = action.width_of(settings.control, settings.frames)
        channels = pipe.unet.time_embedding.linear_2.out_features
        if settings.unet:
            embedding = published.load(pipe.unet, settings.unet, width, channels)
        else:
            embedding = action.ActionEmbedding.load(folder) or _tiny(settings, width, channels)
        if embedding.config["width"] != width or embedding.config["channels"] != channels:
            raise WiwError(
                ErrorCode.MODEL_UNAVAILABLE,
                f"The action embedding is of {embedding.config}, and the settings need a width of"
                f" {width} and {channels} channels.",
                "Set control and frames to what the weights were trained with.",
            )
        pipe.action_embedding = embedding.eval().requires_grad_(False)
        return pipe

    def generate(self, pipe: Any, batch: Batch) -> torch.Tensor:
        """Return the clips; each candidate's noise is turned as its panorama is."""
        import torch

        from wiw_wm_node.video.action import conditioned, rolled_noise

        settings = batch.settings
        height, width = (side // pipe.vae_scale_factor for side in settings.size)
        shape = (settings.frames, pipe.unet.config.in_channels // 2, height, width)
        noise = [torch.randn(shape, generator=generator) for generator in batch.generators]
        if settings.panoramic:
            noise = [rolled_noise(one, turns) for one, turns in zip(noise, batch.turns)]
        control = torch.stack([torch.as_tensor(one) for one in batch.controls])
        with conditioned(pipe.unet, pipe.action_embedding, control):
            latents = self.latents(pipe, batch, torch.stack(noise).to(pipe.unet.dtype))
        return self.decoded(pipe, batch, latents)

    def missing(self) -> str:
        """Return why it cannot be loaded as it comes: the action weights have no public default."""
        return super().missing() or (
            "It needs action weights: unet=<folder of the published ones>, or weights=<a pipeline"
            " trained by WIW>."
        )


def _tiny(settings: SvdActionSettings, width: int, channels: int) -> Any:
    """Return a random embedding for the tiny pipeline; a fake, and refused for real weights."""
    import torch

    from wiw_wm_node.video.action import ActionEmbedding

    if settings.weights != TINY:
        raise WiwError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"'{settings.weights}' has no action weights, so every plan would be ignored.",
            "Set unet= to the published ones, or weights= to a pipeline that WIW has trained.",
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_TINY_SEED)
        return ActionEmbedding(width, channels=channels)


class SvdActionModel(VideoModel):
    """SVD-dagger (1.5 B): the paper's action-conditioned panorama model, also for the arm."""

    family = SvdAction()
