"""What a family's training must say: encode, noise, forward, target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from wiw_wm_node.video.settings import Settings
from wiw_wm_node.video.training.objectives import FlowMatching


@dataclass(frozen=True)
class Lesson:
    """A batch of clips on the training's device.

    Attributes
    ----------
    frames : (B, T, 3, H, W) float32
        From -1 to 1; frame 0 is given, the others are learnt.
    control : (B, T, 14) int64 or (B, T, 10) float32
        As in :class:`wiw_wm_node.video.training.clips.Clip`.
    turns : (B, T) int64
    captions : list of str
    """

    frames: torch.Tensor
    control: torch.Tensor
    turns: torch.Tensor
    captions: list[str]

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True)
class Encoded:
    """What the frozen parts of the pipeline make of a batch.

    Attributes
    ----------
    clean : (B, C, t, h, w) float32
        The clip's latents, as the sampler holds them.
    asked : (1, 1, t, 1, 1) float32
        1 for the latents that the denoiser has to say something of, 0 for those it was given.
    given : mapping
        The conditions.
    """

    clean: torch.Tensor
    asked: torch.Tensor
    given: Mapping[str, Any]


@dataclass(frozen=True)
class Noised:
    """A batch with its noise.

    Attributes
    ----------
    level : (B,) float32
    noise, noisy : (B, C, t, h, w) float32
    """

    level: torch.Tensor
    noise: torch.Tensor
    noisy: torch.Tensor


class FamilyTraining(ABC):
    """One family's training. All chance comes from torch's global generator.

    The inputs of the denoiser are those that the pipeline's own sampling gives it.

    Parameters
    ----------
    pipe : diffusers pipeline
        Its components are on the training's device when clips are encoded.
    settings : Settings
        Frames, size and frame rate.

    Attributes
    ----------
    part : str
        The pipeline's component that is trained.
    """

    part: ClassVar[str] = "transformer"

    def __init__(self, pipe: Any, settings: Settings) -> None:
        self.pipe, self.settings = pipe, settings

    @abstractmethod
    def encode(self, lesson: Lesson) -> Encoded:
        """Return latents and conditions; called without gradients."""

    @abstractmethod
    def noise(self, encoded: Encoded, lesson: Lesson) -> Noised:
        """Return the latents with noise of a level that is drawn."""

    @abstractmethod
    def forward(self, denoiser: Any, encoded: Encoded, noised: Noised) -> torch.Tensor:
        """Return (B, C, t, h, w) float32, what the denoiser says of the target."""

    @abstractmethod
    def target(self, encoded: Encoded, noised: Noised) -> torch.Tensor:
        """Return (B, C, t, h, w) float32, what it should say."""

    @abstractmethod
    def weight(self, noised: Noised) -> torch.Tensor:
        """Return (B,), what a squared error at this level counts."""

    @abstractmethod
    def blocks(self, denoiser: Any) -> list[nn.Module]:
        """Return the blocks whose output :meth:`tokens` understands, first to last."""

    @abstractmethod
    def tokens(self, output: Any, encoded: Encoded) -> torch.Tensor:
        """Return a block's output as (B, T, H, W, D) tokens."""

    def extras(self) -> dict[str, nn.Module]:
        """Return modules that are trained beside the denoiser, by name."""
        return {}


class FlowTraining(FamilyTraining):
    """A transformer that says the velocity from the clip to the noise.

    Parameters
    ----------
    low, high : float
        Noise levels are drawn between them.
    """

    patch: ClassVar[tuple[int, int]]
    """Rows and columns of latents in a token."""

    def __init__(self, pipe: Any, settings: Settings, low: float = 0.0, high: float = 1.0) -> None:
        super().__init__(pipe, settings)
        self.objective = FlowMatching(self.shift(), low, high)

    def shift(self) -> float:
        """Return how far the pipeline's own sampler is shifted to high noise."""
        return float(self.pipe.scheduler.config.get("flow_shift", 1.0) or 1.0)

    def noise(self, encoded: Encoded, lesson: Lesson) -> Noised:
        """Return latents on the straight way to the noise."""
        level = self.objective.levels(len(lesson), encoded.clean.device)
        noise = torch.randn_like(encoded.clean)
        return Noised(level, noise, self.objective.mixed(encoded.clean, noise, level))

    def target(self, encoded: Encoded, noised: Noised) -> torch.Tensor:
        """Return the velocity."""
        return self.objective.target(encoded.clean, noised.noise)

    def weight(self, noised: Noised) -> torch.Tensor:
        """Return 1 for every level: their distribution is the weight."""
        return torch.ones_like(noised.level)

    def tokens(self, output: Any, encoded: Encoded) -> torch.Tensor:
        """Return (B, N, D) in its grid."""
        frames, height, width = encoded.clean.shape[2:]
        rows, columns = self.patch
        grid: torch.Tensor = output.unflatten(1, (frames, height // rows, width // columns))
        return grid


def normalised(pipe: Any, latents: torch.Tensor) -> torch.Tensor:
    """Return (B, C, t, h, w) latents of a Wan VAE with mean 0 and deviation 1 in every channel."""
    mean, deviation = (
        torch.tensor(values).view(1, -1, 1, 1, 1).to(latents)
        for values in (pipe.vae.config.latents_mean, pipe.vae.config.latents_std)
    )
    return (latents - mean) / deviation


def encoded_clip(pipe: Any, frames: torch.Tensor, *, drawn: bool = False) -> torch.Tensor:
    """Return the VAE's (B, C, t, h, w) float32 latents of (B, T, 3, H, W) frames.

    Parameters
    ----------
    drawn : bool
        From their distribution, where the pipeline does so; else its mode.
    """

    def encode(clip: torch.Tensor) -> torch.Tensor:
        found = pipe.vae.encode(clip).latent_dist
        latents: torch.Tensor = found.sample() if drawn else found.mode()
        return latents

    return one_by_one(encode, frames.transpose(1, 2).to(pipe.vae.dtype)).float()


def one_by_one(make: Callable[[torch.Tensor], torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
    """Return the joined results for each row: an encoder of long clips needs the memory for one."""
    return torch.cat([make(batch[k : k + 1]) for k in range(len(batch))])


def pictures(frames: torch.Tensor) -> list[Any]:
    """Return (B, 3, H, W) frames from -1 to 1 as PIL images, as the pipelines' encoders want."""
    from PIL import Image

    levels = ((frames.float() + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return [Image.fromarray(row) for row in levels.permute(0, 2, 3, 1).cpu().numpy()]


def first_given(clean: torch.Tensor) -> torch.Tensor:
    """Return (1, 1, t, 1, 1), 0 for the first latent frame, which is given, and 1 for the rest."""
    asked = torch.ones(1, 1, clean.shape[2], 1, 1, device=clean.device)
    asked[:, :, 0] = 0.0
    return asked
