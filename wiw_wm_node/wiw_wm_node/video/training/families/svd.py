"""Training of SVD-dagger: Stable Video Diffusion that is told its actions (arXiv 2510.18135).

Loss and augmentation as in the paper's recipe (appendix D and the released code): EDM weights, the
given frame with noise of its own, conditions left out at random, noise rolled along with turns.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from wiw_wm_node.video import action
from wiw_wm_node.video.settings import Settings
from wiw_wm_node.video.training.families.base import (
    Encoded,
    FamilyTraining,
    Lesson,
    Noised,
    one_by_one,
    pictures,
)
from wiw_wm_node.video.training.objectives import Edm, log_normal, spread

GIVEN_NOISE = (-3.0, 0.5)
"""Mean and deviation of the logarithm of the noise that the given frame gets."""
DROPOUT = 0.1
"""Share of clips without the image embedding, without the given frame's latents, without both."""
MOTION_BUCKET = 127
EMBEDDING = "action_embedding"


class SvdTraining(FamilyTraining):
    """SVD-dagger, whole: the U-Net and the embedding of the actions.

    Parameters
    ----------
    embedding : action.ActionEmbedding
        Its width says what it is told: an action id per frame, or 10 numbers of a tool pose.
    dropout : float
        See ``DROPOUT``.
    """

    part = "unet"

    def __init__(
        self,
        pipe: Any,
        settings: Settings,
        embedding: action.ActionEmbedding,
        dropout: float = DROPOUT,
    ) -> None:
        super().__init__(pipe, settings)
        pipe.unet.requires_grad_(True)
        embedding.requires_grad_(True)
        self.objective, self._embedding, self._dropout = Edm(), embedding, dropout

    def extras(self) -> dict[str, nn.Module]:
        """Return the embedding."""
        return {EMBEDDING: self._embedding}

    def encode(self, lesson: Lesson) -> Encoded:
        """Return scaled latents, the given frame's unscaled ones, and its CLIP embedding."""
        pipe, first = self.pipe, lesson.frames[:, 0]
        count, device = len(lesson), first.device
        latents = one_by_one(self._latents, lesson.frames.flatten(0, 1))
        latents = latents * pipe.vae.config.scaling_factor
        clean = latents.unflatten(0, (count, -1)).transpose(1, 2)
        blur = log_normal(*GIVEN_NOISE, count, device)
        shown = self._latents(first + spread(blur, first) * torch.randn_like(first))
        image = pipe._encode_image(pictures(first), device, 1, False).float()
        # Below 2 p no image embedding, from p to 3 p no latents: each of the three cases has p.
        share = torch.rand(count, device=device)
        image = image * spread(share >= 2.0 * self._dropout, image)
        left_out = (share >= self._dropout) & (share < 3.0 * self._dropout)
        shown = shown * spread(~left_out, shown)
        told = torch.stack(
            [
                torch.full_like(blur, self.settings.fps - 1.0),
                torch.full_like(blur, float(MOTION_BUCKET)),
                blur,
            ],
            dim=1,
        )
        asked = torch.ones_like(clean[:1, :1])
        given = {"shown": shown, "image": image, "told": told, "control": lesson.control}
        return Encoded(clean, asked, given)

    def noise(self, encoded: Encoded, lesson: Lesson) -> Noised:
        """Return noisy latents; a turn's frame has the noise of the frame before, rolled."""
        level = self.objective.levels(len(lesson), encoded.clean.device)
        noise = torch.randn_like(encoded.clean)
        if self.settings.panoramic:
            rolled = [
                action.rolled_noise(clip.transpose(0, 1), turns.tolist()).transpose(0, 1)
                for clip, turns in zip(noise, lesson.turns)
            ]
            noise = torch.stack(rolled)
        return Noised(level, noise, encoded.clean + spread(level, noise) * noise)

    def forward(self, denoiser: Any, encoded: Encoded, noised: Noised) -> torch.Tensor:
        """Return the clean latents that the U-Net's answer means."""
        given, edm = encoded.given, self.objective
        frames = encoded.clean.shape[2]
        noisy = edm.given(noised.noisy, noised.level).transpose(1, 2)
        shown = given["shown"][:, None].expand(-1, frames, -1, -1, -1)
        dtype = next(denoiser.parameters()).dtype
        with action.conditioned(denoiser, self._embedding, given["control"]):
            said = denoiser(
                torch.cat([noisy, shown], dim=2).to(dtype),
                edm.time(noised.level),
                encoder_hidden_states=given["image"].to(dtype),
                added_time_ids=given["told"].to(dtype),
                return_dict=False,
            )[0]
        return edm.denoised(said.float().transpose(1, 2), noised.noisy, noised.level)

    def target(self, encoded: Encoded, noised: Noised) -> torch.Tensor:
        """Return the clean latents."""
        return encoded.clean

    def weight(self, noised: Noised) -> torch.Tensor:
        """Return EDM's weight."""
        return self.objective.weight(noised.level)

    def blocks(self, denoiser: Any) -> list[nn.Module]:
        """Return the U-Net's levels: down, middle, up."""
        return [*denoiser.down_blocks, denoiser.mid_block, *denoiser.up_blocks]

    def tokens(self, output: Any, encoded: Encoded) -> torch.Tensor:
        """Return the (B T, D, H, W) features of a level as tokens."""
        features = output[0] if isinstance(output, tuple) else output
        grid: torch.Tensor = features.unflatten(0, (len(encoded.clean), -1))
        return grid.permute(0, 1, 3, 4, 2)

    def _latents(self, frames: torch.Tensor) -> torch.Tensor:
        vae = self.pipe.vae
        latents: torch.Tensor = vae.encode(frames.to(vae.dtype)).latent_dist.mode()
        return latents.float()
