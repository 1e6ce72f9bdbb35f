"""The inpainter: a U-Net of 0.2 million parameters that mends what smooth filling leaves."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = 6
"""Inputs per pixel; see :mod:`wiw_wm_node.warp.inpaint.features`."""
OPTIONS = ("width",)
"""Options of the recipe that shape the network."""


class Around(nn.Module):
    """A 3 x 3 convolution that sees across the sides of a panorama; other sides are repeated."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, padding=(1, 0))

    def forward(self, x: Tensor, wraps: Tensor) -> Tensor:
        """Return the convolution of (B, C, H, W); ``wraps`` is (B, 1, 1, 1) bool."""
        left = torch.where(wraps, x[..., -1:], x[..., :1])
        right = torch.where(wraps, x[..., :1], x[..., -1:])
        out: Tensor = self.conv(torch.cat([left, x, right], dim=-1))
        return out


class Inpainter(nn.Module):
    """What the holes of a warped frame hide, and where the frame is right.

    A U-Net on blocks of 2 x 2 pixels with added skips; it changes the smooth fill that it is given.

    Parameters
    ----------
    width : int
        Channels of the finest level; the next three have 2, 4 and 6 times as many.
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        w = (width, 2 * width, 4 * width, 6 * width)
        self.enter = Around(4 * CHANNELS, w[0])
        self.same = nn.ModuleList(Around(n, n) for n in w)
        self.down = nn.ModuleList(Around(a, b, 2) for a, b in zip(w, w[1:], strict=False))
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in zip(w, w[1:], strict=False))
        self.merge = nn.ModuleList(Around(n, n) for n in w[:-1])
        self.leave = Around(w[0], 4 * 4)
        for parameter in self.leave.parameters():  # begins as the smooth fill
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor, wraps: Tensor) -> tuple[Tensor, Tensor]:
        """Return colours and the logit that a pixel is right.

        Parameters
        ----------
        features : (B, CHANNELS, H, W) float, sides multiples of 16
            The first three are the colours filled smoothly, -0.5 to 0.5.
        wraps : (B, 1, 1, 1) bool
            The left and right edges meet.

        Returns
        -------
        colours : (B, 3, H, W)
            In the range of the input, not clipped.
        logit : (B, H, W)
        """
        x = functional.silu(self.enter(functional.pixel_unshuffle(features, 2), wraps))
        skips = []
        for same, down in zip(self.same, self.down, strict=False):
            x = functional.silu(same(x, wraps))
            skips.append(x)
            x = functional.silu(down(x, wraps))
        x = x + functional.silu(self.same[-1](x, wraps))
        for up, merge in zip(reversed(self.up), reversed(self.merge), strict=True):
            x = functional.interpolate(up(x), scale_factor=2.0, mode="nearest") + skips.pop()
            x = functional.silu(merge(x, wraps))
        out = functional.pixel_shuffle(self.leave(x, wraps), 2)
        return features[:, :3] + out[:, :3], out[:, 3]
