"""The network at work: the next latent frame of several beginnings of plans at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from wiw_wm_node.nwm.network import CDiT
from wiw_wm_node.nwm.sampling import Sampler
from wiw_wm_node.video.batches import Batches, Outcome
from wiw_wm_node.video.noise import generators

RELATIVE_TIME = 1.0 / 128.0
"""Time from a frame to the next, as World-in-World runs NWM (arXiv 2510.18135, released code)."""


@dataclass(frozen=True)
class Job:
    """A frame to be made.

    Attributes
    ----------
    context : (4, C, h, w) float32
        Latents of the frames before it, oldest first.
    move : (float, float, float)
        dx, dy, dyaw from the last of them, as :func:`wiw_core.action_api.body_deltas`.
    """

    context: torch.Tensor
    move: tuple[float, float, float]


class Predictor:
    """Runs the sampler around the network.

    Attributes
    ----------
    batches : Batches
        How many frames are made at once.
    steps : int
        Denoising steps run so far.
    """

    def __init__(self, network: CDiT, sampler: Sampler, batch: int) -> None:
        self.network, self._sampler = network, sampler
        self.batches = Batches(batch)
        self.steps = 0

    def frames(
        self, jobs: Sequence[Job], seed: int, check: Callable[[], None]
    ) -> Iterator[Outcome[Job, torch.Tensor]]:
        """Yield the (C, h, w) float32 latent of each job, in order, or why there is none.

        All start from the same noise, so that plans are compared with the same luck.

        Parameters
        ----------
        check : callable
            Called before every denoising step; raises to stop.
        """
        yield from self.batches.run(jobs, lambda batch: self._made(batch, seed, check))

    def _made(
        self, batch: Sequence[Job], seed: int, check: Callable[[], None]
    ) -> list[torch.Tensor]:
        weight = self.network.positions
        context = torch.stack([job.context for job in batch]).to(weight)
        moves = torch.tensor([job.move for job in batch], device=weight.device)
        relative = torch.full((len(batch),), RELATIVE_TIME, device=weight.device)
        (chance,) = generators([seed])
        shape = context.shape[-3:]
        noise = torch.randn((1, *shape), generator=chance).expand(len(batch), *shape)

        def denoise(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
            self.steps += 1
            result: torch.Tensor = self.network(
                noisy.to(weight.dtype), time, context, moves, relative
            )
            return result

        with torch.inference_mode():
            latents = self._sampler.sample(
                denoise, noise.contiguous().to(weight.device), seed, check
            )
        return list(latents)
