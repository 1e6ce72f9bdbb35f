"""Training of Wan 2.1 and 2.2, image to video: flow matching (arXiv 2503.20314)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video.settings import Settings
from wiw_wm_node.video.training.families.base import (
    Encoded,
    FlowTraining,
    Lesson,
    Noised,
    encoded_clip,
    first_given,
    normalised,
    pictures,
)

EXPERTS = ("high", "low")
"""Of a pipeline of two: for noise levels above its boundary, and below."""
_LEVELS = 1000.0
_TEXT = 512
"""Tokens of a prompt when the pipeline is called; fewer when only its encoder is."""


class WanTraining(FlowTraining):
    """Wan, whichever way the given frame enters: as channels, with CLIP, or as a frame of time 0.

    Parameters
    ----------
    expert : str
        ``high`` or ``low`` of a pipeline of two experts, each of which is a training of its own;
        empty for a pipeline of one.
    """

    patch = (2, 2)

    def __init__(self, pipe: Any, settings: Settings, expert: str = "") -> None:
        boundary = pipe.config.boundary_ratio
        if (boundary is None) == bool(expert) or expert not in ("", *EXPERTS):
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The expert '{expert}' does not fit a pipeline of"
                f" {'one' if boundary is None else 'two'}.",
                "Set options.expert to high or low for Wan2.2 A14B, and leave it empty otherwise.",
            )
        low, high = {"": (0.0, 1.0), "high": (boundary, 1.0), "low": (0.0, boundary)}[expert]
        super().__init__(pipe, settings, low, high)
        if expert == "low":
            self.part = "transformer_2"  # type: ignore[misc]  # of this object only
        self._tokens_of_time = bool(pipe.config.expand_timesteps)

    def encode(self, lesson: Lesson) -> Encoded:
        """Return latents, the given frame's condition, text, and the image where CLIP is used."""
        # The stock methods: our pipeline's take the candidates of one decision.
        from diffusers import WanImageToVideoPipeline as Stock

        clean = normalised(self.pipe, encoded_clip(self.pipe, lesson.frames))
        device, first = clean.device, lesson.frames[:, 0]
        text, _ = self.pipe.encode_prompt(
            lesson.captions,
            do_classifier_free_guidance=False,
            max_sequence_length=_TEXT,
            device=device,
        )
        image = None
        if self._denoiser.config.image_dim is not None:
            image = Stock.encode_image(self.pipe, pictures(first), device).to(text.dtype)
        prepared = [
            Stock.prepare_latents(
                self.pipe,
                first[k : k + 1],
                1,
                clean.shape[1],
                *self.settings.size,
                lesson.frames.shape[1],
                torch.float32,
                device,
                latents=clean[k : k + 1],
            )[1]
            for k in range(len(lesson))
        ]
        asked = first_given(clean) if self._tokens_of_time else torch.ones_like(clean[:1, :1])
        given = {"text": text, "image": image, "condition": torch.cat(prepared)}
        return Encoded(clean, asked, given)

    def forward(self, denoiser: Any, encoded: Encoded, noised: Noised) -> torch.Tensor:
        """Return the velocity that the transformer says."""
        given, dtype = encoded.given, encoded.given["text"].dtype
        time = noised.level * _LEVELS
        if self._tokens_of_time:
            shown = (1.0 - encoded.asked) * given["condition"] + encoded.asked * noised.noisy
            latents = encoded.clean.shape
            per_token = encoded.asked[0, 0].expand(latents[2], latents[3] // 2, latents[4] // 2)
            time = per_token.flatten()[None] * time[:, None]
        else:
            shown = torch.cat([noised.noisy, given["condition"]], dim=1)
        said: torch.Tensor = denoiser(
            hidden_states=shown.to(dtype),
            timestep=time,
            encoder_hidden_states=given["text"],
            encoder_hidden_states_image=given["image"],
            return_dict=False,
        )[0]
        return said.float()

    def blocks(self, denoiser: Any) -> list[nn.Module]:
        """Return the transformer's blocks."""
        return list(denoiser.blocks)

    @property
    def _denoiser(self) -> Any:
        return getattr(self.pipe, self.part)
