"""How a clip is noised and what a denoiser is to say of it: flow matching, and EDM."""

from __future__ import annotations

from dataclasses import dataclass

import torch


def spread(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return (B,) values as (B, 1, ..., 1), with the axes of ``like``."""
    return values.reshape(-1, *[1] * (like.ndim - 1))


@dataclass(frozen=True)
class FlowMatching:
    """Rectified flow: the straight way from a clip to noise (Lipman et al., arXiv 2210.02747).

    Attributes
    ----------
    shift : float
        More than 1 trains more at high noise: ``s' = shift s / (1 + (shift - 1) s)``, as the
        sampler's schedule is shifted.
    low, high : float
        Noise levels are drawn between them: a model of two experts trains one at a time.
    """

    shift: float = 1.0
    low: float = 0.0
    high: float = 1.0

    def levels(self, count: int, device: torch.device) -> torch.Tensor:
        """Return (count,) noise levels: logit-normal (Esser et al., arXiv 2403.03206), shifted.

        Those of a range are drawn from the very same distribution, cut to the range.
        """
        # By the inverse of the distribution, as a cut by rejection would draw a varying number.
        bounds = torch.tensor([self.low, self.high], device=device)
        unshifted = bounds / (self.shift - (self.shift - 1.0) * bounds)
        low, high = torch.special.ndtr(torch.logit(unshifted)).tolist()
        share = low + (high - low) * torch.rand(count, device=device)
        level = torch.special.ndtri(share.clamp(1e-6, 1.0 - 1e-6)).sigmoid()
        shifted: torch.Tensor = self.shift * level / (1.0 + (self.shift - 1.0) * level)
        return shifted

    @staticmethod
    def mixed(clean: torch.Tensor, noise: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """Return the point of the way: clean at level 0, noise at level 1."""
        part = spread(level, clean)
        return (1.0 - part) * clean + part * noise

    @staticmethod
    def target(clean: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Return the velocity along the way."""
        return noise - clean


@dataclass(frozen=True)
class Edm:
    """The preconditioning and weights of EDM (Karras et al., arXiv 2206.00364) as SVD has them.

    Attributes
    ----------
    mean, deviation : float
        Of the logarithm of the noise level. 0.7 and 1.6 for SVD (arXiv 2311.15127), which the
        paper keeps.
    """

    mean: float = 0.7
    deviation: float = 1.6

    def levels(self, count: int, device: torch.device) -> torch.Tensor:
        """Return (count,) standard deviations of the noise."""
        return log_normal(self.mean, self.deviation, count, device)

    @staticmethod
    def given(noisy: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """Return what the network is given of a clip to which noise was added."""
        return noisy / (spread(level, noisy).square() + 1.0).sqrt()

    @staticmethod
    def time(level: torch.Tensor) -> torch.Tensor:
        """Return the time that the network is told, ``log(level) / 4``."""
        return 0.25 * level.log()

    @staticmethod
    def denoised(said: torch.Tensor, noisy: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """Return the clean clip that the network's answer (v-prediction) means."""
        sigma = spread(level, noisy)
        return noisy / (sigma.square() + 1.0) - said * sigma / (sigma.square() + 1.0).sqrt()

    @staticmethod
    def weight(level: torch.Tensor) -> torch.Tensor:
        """Return (B,), what the squared error of the clean clip counts: ``(s^2 + 1) / s^2``."""
        return (level.square() + 1.0) / level.square()


def log_normal(mean: float, deviation: float, count: int, device: torch.device) -> torch.Tensor:
    """Return (count,) numbers whose logarithm is normal."""
    return (mean + deviation * torch.randn(count, device=device)).exp()
