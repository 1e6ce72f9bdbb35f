"""Training of LTX-Video, image to video: flow matching (arXiv 2501.00103)."""

from __future__ import annotations

import math
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
)

_LEVELS = 1000.0


class LtxTraining(FlowTraining):
    """LTX-Video: the first latent frame is the given one, with time 0."""

    patch = (1, 1)

    def shift(self) -> float:
        """Return the sampler's shift, which grows with the number of latents."""
        pipe, at = self.pipe, self.pipe.scheduler.config
        rows, columns = (side // pipe.vae_spatial_compression_ratio for side in self.settings.size)
        frames = (self.settings.frames - 1) // pipe.vae_temporal_compression_ratio + 1
        few, many = at.get("base_image_seq_len", 256), at.get("max_image_seq_len", 4096)
        least, most = at.get("base_shift", 0.5), at.get("max_shift", 1.15)
        share = (frames * rows * columns - few) / (many - few)
        return math.exp(least + share * (most - least))

    def encode(self, lesson: Lesson) -> Encoded:
        """Return latents, whose first frame is that of the given frame alone, and the text."""
        pipe = self.pipe
        latents = encoded_clip(pipe, lesson.frames, drawn=True)
        clean = pipe._normalize_latents(latents, pipe.vae.latents_mean, pipe.vae.latents_std)
        text, mask, _, _ = pipe.encode_prompt(
            lesson.captions, do_classifier_free_guidance=False, device=clean.device
        )
        return Encoded(clean, first_given(clean), {"text": text, "mask": mask})

    def forward(self, denoiser: Any, encoded: Encoded, noised: Noised) -> torch.Tensor:
        """Return the velocity that the transformer says."""
        given, (frames, height, width) = encoded.given, encoded.clean.shape[2:]
        shown = (1.0 - encoded.asked) * encoded.clean + encoded.asked * noised.noisy
        asked = encoded.asked.expand(-1, -1, -1, height, width)
        time = noised.level[:, None] * _LEVELS * self._packed(asked)[..., 0]
        said = denoiser(
            hidden_states=self._packed(shown).to(given["text"].dtype),
            encoder_hidden_states=given["text"],
            timestep=time,
            encoder_attention_mask=given["mask"],
            num_frames=frames,
            height=height,
            width=width,
            rope_interpolation_scale=(
                self.pipe.vae_temporal_compression_ratio / self.settings.fps,
                self.pipe.vae_spatial_compression_ratio,
                self.pipe.vae_spatial_compression_ratio,
            ),
            return_dict=False,
        )[0]
        unpacked: torch.Tensor = self.pipe._unpack_latents(said, frames, height, width, *self._cut)
        return unpacked.float()

    def blocks(self, denoiser: Any) -> list[nn.Module]:
        """Return the transformer's blocks."""
        return list(denoiser.transformer_blocks)

    def _packed(self, latents: torch.Tensor) -> torch.Tensor:
        packed: torch.Tensor = self.pipe._pack_latents(latents, *self._cut)
        return packed

    @property
    def _cut(self) -> tuple[int, int]:
        pipe = self.pipe
        return pipe.transformer_spatial_patch_size, pipe.transformer_temporal_patch_size
