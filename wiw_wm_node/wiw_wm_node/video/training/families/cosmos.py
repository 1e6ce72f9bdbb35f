"""Training of Cosmos-Predict2.5, video to world: flow matching (arXiv 2511.00062)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from wiw_wm_node.video.training.families.base import (
    Encoded,
    FlowTraining,
    Lesson,
    Noised,
    encoded_clip,
    first_given,
    normalised,
)

GIVEN_TIME = 1e-4
"""The noise level that the transformer is told of given frames, as the pipeline does."""


class CosmosTraining(FlowTraining):
    """Cosmos-Predict2.5, given one frame."""

    patch = (2, 2)

    def encode(self, lesson: Lesson) -> Encoded:
        """Return latents, the given frame's, and the text."""
        pipe = self.pipe
        clean = normalised(pipe, encoded_clip(pipe, lesson.frames))
        text, _ = pipe.encode_prompt(
            lesson.captions, do_classifier_free_guidance=False, device=clean.device
        )
        return Encoded(clean, first_given(clean), {"text": text})

    def forward(self, denoiser: Any, encoded: Encoded, noised: Noised) -> torch.Tensor:
        """Return the velocity that the transformer says."""
        text = encoded.given["text"]
        shown = (1.0 - encoded.asked) * encoded.clean + encoded.asked * noised.noisy
        mask = (1.0 - encoded.asked).expand(len(shown), 1, *shown.shape[2:])
        level = noised.level.view(-1, 1, 1, 1, 1)
        time = (1.0 - encoded.asked) * GIVEN_TIME + encoded.asked * level
        said: torch.Tensor = denoiser(
            hidden_states=shown.to(text.dtype),
            condition_mask=mask.to(text.dtype),
            timestep=time,
            encoder_hidden_states=text,
            padding_mask=shown.new_zeros(1, 1, *self.settings.size, dtype=text.dtype),
            return_dict=False,
        )[0]
        return said.float()

    def blocks(self, denoiser: Any) -> list[nn.Module]:
        """Return the transformer's blocks."""
        return list(denoiser.transformer_blocks)
