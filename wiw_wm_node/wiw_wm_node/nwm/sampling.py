"""From noise to a latent frame, with a scheduler of diffusers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from wiw_wm_node.nwm.settings import SCHEDULERS, TRAINED_STEPS

BETAS = (1e-4, 2e-2)
"""DiT's noise: the variances of its steps rise in a straight line."""

Denoise = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Sampler:
    """Denoises a batch of latent frames; the same noise in gives the same frame out.

    Parameters
    ----------
    name : str
        Of :data:`SCHEDULERS`: ``ddim`` or ``unipc``, which need few steps, or ``ddpm``, the
        paper's, with 250.
    steps : int
        Denoising steps, 1 to 1000, each one run of the network.
    variance : bool
        Whether the network also predicts the variance of a step; only ``ddpm`` uses it.
    """

    def __init__(self, name: str, steps: int, variance: bool) -> None:
        self.steps = steps
        self._noisy = name == "ddpm"
        self._keeps_variance = self._noisy and variance
        self._scheduler = _scheduler(name, self._keeps_variance)

    def sample(
        self, denoise: Denoise, noise: torch.Tensor, seed: int, check: Callable[[], None]
    ) -> torch.Tensor:
        """Return (B, C, H, W) float32 latents, each as if it were alone.

        Parameters
        ----------
        denoise : callable
            The network: (B, C, H, W) float32 and (B,) times to its (B, C or 2 C, H, W) output.
        noise : (B, C, H, W) float32
        seed : int
            Of the noise that ``ddpm`` adds in each step, the same for every frame of the batch.
        check : callable
            Called before each step; raises to stop.
        """
        channels = noise.shape[1]
        self._scheduler.set_timesteps(self.steps, device=noise.device)
        options: dict[str, Any] = {}
        if self._noisy:
            options["generator"] = [torch.Generator().manual_seed(seed) for _ in noise]
        latents = noise
        for step in self._scheduler.timesteps:
            check()
            output = denoise(latents, step.expand(len(latents))).float()
            if not self._keeps_variance:
                output = output[:, :channels]
            latents = self._scheduler.step(output, step, latents, **options).prev_sample
        return latents


def _scheduler(name: str, variance: bool) -> Any:
    import diffusers

    options: dict[str, Any] = {
        "num_train_timesteps": TRAINED_STEPS,
        "beta_start": BETAS[0],
        "beta_end": BETAS[1],
        "beta_schedule": "linear",
        "timestep_spacing": "trailing",  # begins at pure noise, however few the steps
    }
    if name != "unipc":
        options["clip_sample"] = False  # latents are not limited to [-1, 1]
    if name == "ddpm":
        options["variance_type"] = "learned_range" if variance else "fixed_small"
    return getattr(diffusers, SCHEDULERS[name])(**options)
