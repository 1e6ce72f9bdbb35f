"""The network of the depth estimator."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from wiw_wm_node.networks import PanoramaUNet

HEIGHT, WIDTH, WIDTHS = 144, 256, (32, 64, 96)
"""Inside size and channels, unless the config says otherwise."""
OPTIONS = ("height", "width", "widths")
"""The recipe's options that shape the network."""
FAN = 4
"""The trunk works at a quarter of the inside size, with 16 pixels to a place."""
NEAREST_M, FARTHEST_M = 0.05, 50.0
_TYPICAL_LOG_M = 0.6


class DepthNetwork(nn.Module):
    """Predicts the logarithm of the metres along each ray of a level panorama.

    Beside the colours it knows each row's height above the horizon: what it learns of the floor
    holds for cameras as high as those of its training.

    Parameters
    ----------
    height, width : int
        Inside size; multiples of 2^(levels).
    widths : sequence of int
        Channels of the trunk's levels.
    """

    def __init__(
        self, height: int = HEIGHT, width: int = WIDTH, widths: Sequence[int] = WIDTHS
    ) -> None:
        super().__init__()
        self.size = (height, width)
        self.trunk = PanoramaUNet(3 * FAN**2 + 2, FAN**2, widths)

    def forward(self, panorama: torch.Tensor) -> torch.Tensor:
        """Return (B, H, W) natural logarithms of metres, of (B, 3, H, W) colours from 0 to 1."""
        picture = F.pixel_unshuffle(panorama * 2.0 - 1.0, FAN)
        batch, _, height, width = picture.shape
        rows = torch.linspace(1.0, -1.0, height).to(picture)
        up = torch.stack([rows, torch.cos(rows * (torch.pi / 2))])
        heights = up[None, :, :, None].expand(batch, -1, -1, width)
        out = self.trunk(torch.cat([picture, heights], dim=1))
        return F.pixel_shuffle(out, FAN)[:, 0].float() + _TYPICAL_LOG_M
