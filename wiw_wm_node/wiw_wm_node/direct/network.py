"""The network of the direct model: it never sees depth, and no camera model moves its pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from wiw_wm_node.networks import PanoramaUNet, enlarged, padded

HEIGHT, WIDTH, WIDTHS = 72, 128, (16, 48, 96)
"""Inside size and channels, unless the config says otherwise."""
OPTIONS = ("height", "width", "widths", "flow")
"""The recipe's options that shape the network."""
FAN = 2
"""The trunk works at half the inside size: 2 x 2 pixels are one place of 12 channels."""
_FEATURES = 8
_FLOW_SCALE = 0.05
_FARTHEST = 0.25
_TRUST = 2.0  # before training, pixels are rather fetched than painted


class DirectNetwork(nn.Module):
    """Predicts the panorama after a motion, seen with the old heading.

    Each pixel of the answer is a mixture of two: one fetched from elsewhere in the panorama, the
    network says from where (appearance flow: Zhou et al. 2016, arXiv 1605.03557), and one painted.
    It is told where each column looks relative to the motion, so a turned panorama and a turned
    motion give the turned answer.

    Parameters
    ----------
    height, width : int
        Inside size; multiples of 8.
    widths : sequence of int
        Channels of the trunk's levels.
    flow : bool
        False paints every pixel.
    """

    def __init__(
        self,
        height: int = HEIGHT,
        width: int = WIDTH,
        widths: Sequence[int] = WIDTHS,
        flow: bool = True,
    ) -> None:
        super().__init__()
        self.size, self._flow = (height, width), flow
        self.trunk = PanoramaUNet(3 * FAN**2 + 3, 3 * FAN**2 + 3, widths, 2 * _FEATURES)
        self.embed = nn.Sequential(
            nn.Linear(_FEATURES, 2 * _FEATURES), nn.SiLU(), nn.Linear(2 * _FEATURES, 2 * _FEATURES)
        )
        nn.init.normal_(self.trunk.exit.weights.weight, std=0.01)

    def forward(
        self, panorama: torch.Tensor, motion: torch.Tensor, full: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the predicted panorama, (B, 3, H, W) or of the size of ``full``, about 0 to 1.

        Parameters
        ----------
        panorama : (B, 3, H, W) float32
            Now, at the inside size, 0 to 1.
        motion : (B, 2) float32
            Intended displacement in metres, in ``base_link`` of now.
        full : (B, 3, H', W') float32, optional
            The same at a larger size, W' a multiple of the inside width: pixels are fetched there.
        """
        picture = F.pixel_unshuffle(panorama * 2.0 - 1.0, FAN)
        height, width = picture.shape[-2:]
        distance = motion.norm(dim=1)
        along = _bearings(motion, distance, height, width)
        condition = self.embed(_waves(distance))
        out = self.trunk(torch.cat([picture, along], dim=1), condition)
        source = panorama if full is None else full
        size = (source.shape[-2], source.shape[-1])
        painted = 0.5 + F.pixel_shuffle(out[:, 3:], FAN)
        if full is not None:
            painted = enlarged(painted, size)
        if not self._flow:
            return painted
        moves = enlarged(out[:, :3], size)
        fetched = _fetch(source, moves[:, :2] * _FLOW_SCALE)
        share = torch.sigmoid(moves[:, 2:] + _TRUST)
        return share * fetched + (1.0 - share) * painted


def _bearings(
    motion: torch.Tensor, distance: torch.Tensor, height: int, width: int
) -> torch.Tensor:
    """Return (B, 3, h, w): cosine and sine of column against motion, and the height looked at."""
    longitude = math.pi - _centres(width, motion) / width * (2.0 * math.pi)
    latitude = 0.5 - _centres(height, motion) / height
    unit = motion / distance.clamp_min(1e-6)[:, None]
    x, y = unit[:, :1], unit[:, 1:]
    cosine = x * torch.cos(longitude) + y * torch.sin(longitude)
    sine = x * torch.sin(longitude) - y * torch.cos(longitude)
    level = (2.0 * latitude)[None, :, None].expand(len(motion), height, width)
    columns = torch.stack([cosine, sine], dim=1)[:, :, None].expand(-1, -1, height, -1)
    return torch.cat([columns, level[:, None]], dim=1)


def _waves(distance: torch.Tensor) -> torch.Tensor:
    """Return (B, 8) of (B,) metres: the distance itself, and waves of 0.8 m to 6.4 m."""
    phase = distance[:, None] * (2.0 * math.pi / torch.tensor([0.8, 1.6, 3.2, 6.4]).to(distance))
    return torch.cat([torch.sin(phase), torch.cos(phase)[:, :3], distance[:, None]], dim=1)


def _fetch(source: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Return the (B, 3, H, W) source read at each pixel's place plus its flow.

    ``flow`` (B, 2, H, W): columns as a share of the width, rows as a share of the height.
    """
    height, width = source.shape[-2:]
    margin = round(width * _FARTHEST)
    x = _centres(width, flow) + flow[:, 0].clamp(-_FARTHEST, _FARTHEST) * width
    y = _centres(height, flow)[:, None] + flow[:, 1] * height
    grid = torch.stack(
        [2.0 * (x + margin) / (width + 2 * margin) - 1.0, 2.0 * y / height - 1.0], dim=-1
    )
    return F.grid_sample(padded(source, margin), grid, padding_mode="border", align_corners=False)


def _centres(count: int, like: torch.Tensor) -> torch.Tensor:
    """Return (count,) places of pixel centres, with the first edge at 0."""
    return torch.arange(count, device=like.device, dtype=like.dtype) + 0.5
