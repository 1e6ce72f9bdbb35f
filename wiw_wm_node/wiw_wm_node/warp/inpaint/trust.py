"""What it means that an imagined pixel is right."""

from __future__ import annotations

from torch import Tensor

TOLERANCE = 16.0 / 255.0
"""Greatest mean difference over red, green and blue of a pixel that is right; full range is 1."""


def right(frame: Tensor, truth: Tensor) -> Tensor:
    """Return where (B, 3, H, W) colours are right, (B, H, W) bool."""
    return (frame - truth).abs().mean(dim=1) <= TOLERANCE
