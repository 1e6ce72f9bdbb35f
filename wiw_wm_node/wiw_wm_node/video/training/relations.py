"""Token relation distillation: a student's tokens are to relate to one another as a teacher's do.

WoW (arXiv 2509.22642) names the loss and prints no formula; this is that of VideoREPA
(arXiv 2505.23656), where it comes from: the differences of cosine similarities beyond a margin,
between tokens of the same frame and of different frames. Only relations are compared, so the two
may have any number of channels, scale and rotation, and nothing between them has to be learnt.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True)
class Relations:
    """The loss and its settings.

    Attributes
    ----------
    margin : float
        Differences of a cosine up to this cost nothing.
    anchors : int
        Tokens that all tokens are compared with, drawn anew each time from torch's generator; 0
        for every token. Time and memory grow with tokens times anchors.
    """

    margin: float = 0.1
    anchors: int = 128

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Return (B,) float32: the spatial mean plus the temporal mean.

        Parameters
        ----------
        student : (B, T, H, W, D) floating point
        teacher : (B, T', H', W', D') floating point
            Both are brought to the coarser of the two grids. No gradient goes into it.
        """
        frames, height, width = map(min, zip(student.shape[1:4], teacher.shape[1:4]))
        grid = (frames, height, width)
        ours = _unit(_at(student.float(), grid))
        theirs = _unit(_at(teacher.detach().float(), grid))
        count, frame = ours.shape[1], height * width
        chosen = torch.arange(count, device=ours.device)
        if 0 < self.anchors < count:
            chosen = torch.randperm(count, device=ours.device)[: self.anchors]
        difference = _cosines(ours, chosen) - _cosines(theirs, chosen)
        excess = functional.relu(difference.abs() - self.margin)
        of_frame = torch.arange(count, device=ours.device) // frame
        same = of_frame[:, None] == of_frame[chosen][None]
        return _mean(excess, same) + _mean(excess, ~same)


def _at(tokens: torch.Tensor, grid: tuple[int, int, int]) -> torch.Tensor:
    """Return (B, D, T, H, W) tokens averaged over the cells of a coarser grid."""
    channels_first = tokens.permute(0, 4, 1, 2, 3)
    if channels_first.shape[2:] == grid:
        return channels_first
    return functional.adaptive_avg_pool3d(channels_first, grid)


def _unit(tokens: torch.Tensor) -> torch.Tensor:
    """Return (B, N, D) of length 1."""
    return functional.normalize(tokens.flatten(2).transpose(1, 2), dim=2)


def _cosines(tokens: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    return tokens @ tokens[:, chosen].transpose(1, 2)


def _mean(values: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """Return (B,): the mean of (B, N, K) over the (N, K) places, 0 if there is none."""
    return (values * where).sum(dim=(1, 2)) / where.sum().clamp(min=1)
