"""The network: which layer every pixel shows at the path's end, and what is painted anew."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from wiw_wm_node.arm.layers import COUNT
from wiw_wm_node.arm.maps import FACTS, MAPS

OPTIONS = ("widths", "fine")
"""What of a recipe's options makes the network."""
_GROUPS = 8
_HIDDEN = -30.0
"""Added to the score of what shows nothing."""
_LAYER_CHANNELS = 3 + COUNT


class Painted(NamedTuple):
    """What the network says.

    ``scores`` (B, 3, H, W): of the picture as it was, of the new paint, of what has moved ·
    ``levels`` (B, COUNT): of each copy of what has moved, for the whole picture ·
    ``paint`` (B, 3, H, W) in [0, 1] · ``trust`` (B, 1, H, W): log-odds that the pixel is right.
    """

    scores: torch.Tensor
    levels: torch.Tensor
    paint: torch.Tensor
    trust: torch.Tensor


class Block(nn.Module):
    """Two convolutions beside a shortcut; the path's facts scale and shift in between (FiLM).

    FiLM: Perez et al. 2018, arXiv 1709.07871.
    """

    def __init__(self, channels: int, inputs: int = 0) -> None:
        super().__init__()
        inputs = inputs or channels
        self.first = nn.Conv2d(inputs, channels, 3, padding=1)
        self.norm = nn.GroupNorm(_GROUPS, channels)
        self.film = nn.Linear(FACTS, 2 * channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, channels, 1) if inputs != channels else nn.Identity()
        nn.init.zeros_(self.second.weight)

    def forward(self, image: torch.Tensor, facts: torch.Tensor) -> torch.Tensor:
        """Return (B, channels, H, W)."""
        inner = self.norm(self.first(image))
        scale, shift = self.film(facts)[..., None, None].chunk(2, dim=1)
        inner = F.silu(inner * (1.0 + scale) + shift)
        result: torch.Tensor = self.shortcut(image) + self.second(inner)
        return result


class ArmNetwork(nn.Module):
    """A U-Net whose body works at half the picture's size.

    Parameters
    ----------
    widths : sequence of int
        Channels at a half, a quarter, ... of the picture's size; multiples of 8.
    fine : int
        Channels before the last layer.
    """

    def __init__(self, widths: Sequence[int] = (24, 48, 80, 96), fine: int = 32) -> None:
        super().__init__()
        inputs = MAPS + _LAYER_CHANNELS
        self.entry = nn.Conv2d(inputs, widths[0], 4, stride=2, padding=1)
        self.down = nn.ModuleList(Block(width) for width in widths[:-1])
        self.shrink = nn.ModuleList(
            nn.Conv2d(fine_, coarse, 3, stride=2, padding=1)
            for fine_, coarse in zip(widths, widths[1:])
        )
        self.middle = nn.ModuleList(Block(widths[-1]) for _ in range(2))
        self.grow = nn.ModuleList(
            nn.Conv2d(coarse, fine_, 1) for fine_, coarse in zip(widths, widths[1:])
        )
        self.up = nn.ModuleList(Block(width, 2 * width) for width in widths[:-1])
        # Four pixels of the picture are said at each place of the body.
        self.last = nn.Conv2d(2 * widths[0], fine, 3, padding=1)
        self.exit = nn.Conv2d(fine, 4 * (3 + 3 + 1), 1)
        self.level = nn.Sequential(
            nn.Linear(widths[-1] + FACTS, fine), nn.SiLU(), nn.Linear(fine, COUNT)
        )

    def forward(
        self,
        maps: torch.Tensor,
        pictures: torch.Tensor,
        covers: torch.Tensor,
        facts: torch.Tensor,
    ) -> Painted:
        """Return what every pixel shows; arguments as :class:`~.maps.Inputs`, batched."""
        given = torch.cat([maps, pictures.amax(dim=1), covers], dim=1)
        entered = image = self.entry(given)
        kept = []
        for block, shrink in zip(self.down, self.shrink):
            image = block(image, facts)
            kept.append(image)
            image = shrink(F.silu(image))
        for block in self.middle:
            image = block(image, facts)
        levels = self.level(torch.cat([F.silu(image).mean(dim=(2, 3)), facts], dim=1))
        for block, grow, fine in zip(reversed(self.up), reversed(self.grow), reversed(kept)):
            image = F.interpolate(grow(image), scale_factor=2.0, mode="nearest")
            image = block(torch.cat([image, fine], dim=1), facts)
        image = F.silu(self.last(F.silu(torch.cat([image, entered], dim=1))))
        out = F.pixel_shuffle(self.exit(image), 2)
        scores, paint, trust = out[:, :3], out[:, 3:6], out[:, 6:]
        return Painted(scores, levels, torch.sigmoid(paint), trust)


def composed(
    painted: Painted,
    now: torch.Tensor,
    pictures: torch.Tensor,
    covers: torch.Tensor,
    *,
    decided: bool = False,
) -> torch.Tensor:
    """Return the pictures (B, 3, H, W) in [0, 1] of what every pixel shows.

    ``now`` (B, 3, H, W), ``pictures`` (B, COUNT, 3, H, W) and ``covers`` (B, COUNT, H, W) may be
    larger than what the network saw. ``decided``: of the copies only the likeliest is shown, and
    not a mixture of all, which training needs.
    """
    size = now.shape[-2:]
    scores, paint = painted.scores, painted.paint
    if scores.shape[-2:] != size:
        scores = F.interpolate(scores, size, mode="bilinear", align_corners=False)
        paint = F.interpolate(paint, size, mode="bilinear", align_corners=False)
    empty = 1.0 - covers.amax(dim=(2, 3))
    chance = torch.softmax(painted.levels.float() + _HIDDEN * empty, dim=1)
    if decided:
        chance = F.one_hot(chance.argmax(dim=1), COUNT).to(now.dtype)
    share = chance[:, :, None, None] * covers
    cover = share.sum(dim=1, keepdim=True)
    moved = (share[:, :, None] * pictures).sum(dim=1) / cover.clamp_min(1e-6)
    hidden = torch.log(cover.clamp_min(math.exp(_HIDDEN)))
    weights = torch.softmax(torch.cat([scores[:, :2], scores[:, 2:] + hidden], dim=1).float(), 1)
    return weights[:, :1] * now + weights[:, 1:2] * paint + weights[:, 2:] * moved
