"""A small U-Net over panoramas: columns wrap round, and a condition may modulate every block."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn import functional as F

from wiw_core.errors import ErrorCode, WiwError
from wiw_learn.weights import choose

PACKAGE = "wiw_wm_node"
_GROUPS = 8
_Network = TypeVar("_Network", bound=nn.Module)


def _loaded(
    make: Callable[..., _Network],
    options: Sequence[str],
    tensors: Mapping[str, torch.Tensor],
    card: Mapping[str, Any],
) -> _Network:
    """Return the network of trained weights, in float32, ready to be asked.

    Parameters
    ----------
    make : callable
        Makes it from those of the card's options that are named in ``options``.

    Raises
    ------
    WiwError
        ``RECORD_CORRUPT`` if the weights are those of another network.
    """
    given = card.get("options", {})
    try:
        network = make(**{name: given[name] for name in options if name in given})
        network.load_state_dict({name: value.float() for name, value in tensors.items()})
    except (TypeError, ValueError, RuntimeError) as error:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT,
            f"The weights of the recipe '{card.get('recipe', '?')}' are not those of a"
            f" {getattr(make, '__name__', 'network')}.",
            "Name other weights, or train them again.",
        ) from error
    return network.eval()


def trained(
    make: Callable[..., _Network], options: Sequence[str], name: str, weights: str
) -> tuple[_Network, str]:
    """Return the network of this package's weights ``name``, or of others, and their revision.

    ``weights`` is as :func:`wiw_learn.weights.choose` takes it; ``make`` makes the network from
    those of the card's options that are named in ``options``.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` without weights; ``RECORD_CORRUPT`` if they are not the card's, or
        those of another network.
    """
    tensors, card = choose(PACKAGE, name, weights)
    return _loaded(make, options, tensors, card), str(card["sha256"])[:12]


def padded(image: torch.Tensor, columns: int, rows: int = 0) -> torch.Tensor:
    """Return (B, C, H, W) with columns added from the other edge, and the end rows repeated."""
    image = F.pad(image, (columns, columns, 0, 0), mode="circular")
    return F.pad(image, (0, 0, rows, rows), mode="replicate") if rows else image


def enlarged(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return (B, C, h, w) interpolated to ``size``, a whole multiple wide, across the seam too."""
    height, width = size
    times = width // image.shape[-1]
    wide = F.interpolate(
        padded(image, 1), (height, width + 2 * times), mode="bilinear", align_corners=False
    )
    return wide[..., times : times + width]


def solid_angle(height: int, width: int) -> torch.Tensor:
    """Return (H, W) float32 weights of a panorama's pixels by the solid angle, with mean 1."""
    latitude = (torch.arange(height) + 0.5) / height * math.pi - 0.5 * math.pi
    level = torch.cos(latitude)
    return (level / level.mean())[:, None].expand(height, width)


class Convolution(nn.Module):
    """A 3 x 3 convolution of a panorama."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.weights = nn.Conv2d(inputs, outputs, 3, stride)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (B, outputs, H / stride, W / stride)."""
        result: torch.Tensor = self.weights(padded(image, 1, 1))
        return result


class Block(nn.Module):
    """Two convolutions beside a shortcut; the condition scales and shifts in between (FiLM).

    FiLM: Perez et al. 2018, arXiv 1709.07871.
    """

    def __init__(self, inputs: int, outputs: int, condition: int) -> None:
        super().__init__()
        self.first = Convolution(inputs, outputs)
        self.norm = nn.GroupNorm(_GROUPS, outputs)
        self.film = nn.Linear(condition, 2 * outputs) if condition else None
        self.second = Convolution(outputs, outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.second.weights.weight)

    def forward(self, image: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        """Return (B, outputs, H, W)."""
        inner = self.norm(self.first(image))
        if self.film is not None:
            scale, shift = self.film(condition)[..., None, None].chunk(2, dim=1)
            inner = inner * (1.0 + scale) + shift
        result: torch.Tensor = self.shortcut(image) + self.second(F.silu(inner))
        return result


class PanoramaUNet(nn.Module):
    """A U-Net of one block per level and side, and two in the middle.

    A roll of the input by 2^(levels - 1) columns rolls the output by as many.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    widths : sequence of int
        Channels of each level, multiples of 8; each level has half the height and width of the one
        before, so the input's must be divisible.
    condition : int
        Length of the vector that modulates every block; 0 for none.
    """

    def __init__(
        self, inputs: int, outputs: int, widths: Sequence[int], condition: int = 0
    ) -> None:
        super().__init__()
        self.entry = Convolution(inputs, widths[0])
        self.down, self.shrink, self.grow, self.up = (nn.ModuleList() for _ in range(4))
        for fine, coarse in zip(widths, widths[1:]):
            self.down.append(Block(fine, fine, condition))
            self.shrink.append(Convolution(fine, coarse, stride=2))
            self.grow.append(nn.Conv2d(coarse, fine, 1))
            self.up.append(Block(2 * fine, fine, condition))
        self.middle = nn.ModuleList(Block(widths[-1], widths[-1], condition) for _ in range(2))
        self.exit = Convolution(widths[0], outputs)

    def forward(self, image: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """Return (B, outputs, H, W) of (B, inputs, H, W) and (B, condition)."""
        image = self.entry(image)
        kept = []
        for block, shrink in zip(self.down, self.shrink):
            image = block(image, condition)
            kept.append(image)
            image = shrink(image)
        for block in self.middle:
            image = block(image, condition)
        for block, grow, fine in zip(reversed(self.up), reversed(self.grow), reversed(kept)):
            image = enlarged(grow(image), (fine.shape[-2], fine.shape[-1]))
            image = block(torch.cat([image, fine], dim=1), condition)
        result: torch.Tensor = self.exit(F.silu(image))
        return result
