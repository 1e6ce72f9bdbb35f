"""Frames to latents and back, through a Stable Diffusion VAE."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Rgb
from wiw_wm_node.video.memo import Memo


class Codec:
    """Encodes and decodes one frame at a time, so that no frame's rounding depends on another.

    Attributes
    ----------
    vae : diffusers.AutoencoderKL
    memo : Memo
        Remembers what was encoded: a look is encoded once, for all decisions that recall it.
    """

    def __init__(self, vae: Any, memo_bytes: int) -> None:
        self.vae = vae
        self.memo = Memo(memo_bytes)
        self.memo.remember(vae, "encode")
        self._scale = float(vae.config.scaling_factor)

    def encode(self, frame: Rgb) -> torch.Tensor:
        """Return the (C, H / 8, W / 8) float32 latent of an (H, W, 3) uint8 frame.

        It is the middle of the encoder's distribution, not a draw from it.
        """
        pixels = torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1)))[None]
        pixels = pixels.to(self.vae.device, self.vae.dtype) / 127.5 - 1.0
        with torch.inference_mode():
            latent: torch.Tensor = self.vae.encode(pixels).latent_dist.mode()[0].float()
        return latent * self._scale

    def decode(self, latent: torch.Tensor) -> Rgb:
        """Return the (H, W, 3) uint8 frame of a (C, h, w) latent.

        Raises
        ------
        WiwError
            ``INVALID_FRAMES`` if the latent or the frame holds a number that is not finite.
        """
        with torch.inference_mode():
            latents = (latent[None] / self._scale).to(self.vae.dtype)
            frame = self.vae.decode(latents).sample[0].float()
            if not bool(torch.isfinite(latent).all() and torch.isfinite(frame).all()):
                raise WiwError(
                    ErrorCode.INVALID_FRAMES, "An imagined frame holds numbers that are not finite."
                )
            picture = ((frame.clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)
        return np.ascontiguousarray(picture.permute(1, 2, 0).cpu().numpy())
