"""The 3-D Haar transform of a video, and a squared error weighted by its bands.

One level, orthonormal: along time, rows and columns in turn, each pair (a, b) becomes its low part
``(a + b) / sqrt(2)`` and its high part ``(a - b) / sqrt(2)``. Energy is kept, so that a squared
error in the bands, all weights 1, is the squared error of the pixels. WoW (arXiv 2509.22642) puts
its capacity into the bands that change; here the bands of a residual are weighted for that.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import torch

from wiw_core.errors import ErrorCode, WiwError, unknown_name

BANDS = tuple("".join(letters) for letters in itertools.product("LH", repeat=3))
"""Low or high along time, rows and columns, as the bands are stacked: LLL, LLH, ..., HHH."""
GROUPS: Mapping[str, tuple[str, ...]] = {
    "scene": ("LLL",),
    "detail": ("LLH", "LHL", "LHH"),
    "motion": ("HLL", "HLH", "HHL", "HHH"),
}
"""What weights are given to: the coarse still scene, its edges, and whatever changes over time."""
_ROOT_HALF = 0.5**0.5
_AXES = (-3, -2, -1)


def transform(clip: torch.Tensor) -> torch.Tensor:
    """Return the bands (8, ..., T/2, H/2, W/2) of (..., T, H, W), in the order of ``BANDS``.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for an odd number of frames, rows or columns.
    """
    if any(clip.shape[axis] % 2 for axis in _AXES):
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"A clip of {tuple(clip.shape[-3:])} frames, rows and columns has no Haar bands.",
            "Make all three even, as `padded` does.",
        )
    bands = [clip]
    for axis in _AXES:
        bands = [part for band in bands for part in _split(band, axis)]
    return torch.stack(bands)


def inverse(bands: torch.Tensor) -> torch.Tensor:
    """Return the (..., T, H, W) clip of (8, ..., T/2, H/2, W/2) bands."""
    parts: list[torch.Tensor] = list(bands)
    for axis in reversed(_AXES):
        parts = [_join(low, high, axis) for low, high in zip(parts[::2], parts[1::2])]
    return parts[0]


def padded(clip: torch.Tensor) -> torch.Tensor:
    """Return (..., T, H, W) with a zero frame, row or column added where their number is odd."""
    time, height, width = (clip.shape[axis] % 2 for axis in _AXES)
    return torch.nn.functional.pad(clip, (0, width, 0, height, 0, time))


def band_weights(given: Mapping[str, float]) -> tuple[float, ...]:
    """Return a weight for each of ``BANDS``, 1 for what is not named.

    Parameters
    ----------
    given : mapping
        Weights by the name of a group or a band; a band's own goes before its group's.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for another name, or a weight that is not a finite number, 0 or more.
    """
    for name, weight in given.items():
        if name not in (*GROUPS, *BANDS):
            raise unknown_name(ErrorCode.BAD_PARAMETER, "Haar band", name, (*GROUPS, *BANDS))
        if isinstance(weight, bool) or not isinstance(weight, (int, float)):
            raise WiwError(ErrorCode.BAD_PARAMETER, f"The weight of '{name}' is no number.")
        if not 0.0 <= weight < float("inf"):
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"The weight of '{name}' is {weight}, not 0 or more."
            )
    groups = {band: given.get(name, 1.0) for name, bands in GROUPS.items() for band in bands}
    return tuple(float(given.get(band, groups[band])) for band in BANDS)


def weighted_squares(residual: torch.Tensor, weights: tuple[float, ...]) -> torch.Tensor:
    """Return (B,), the sum over the bands of a (B, C, T, H, W) residual's weighted squares.

    With all weights 1, the sum of the residual's squares.
    """
    squares = transform(padded(residual)).square().flatten(2).sum(dim=2)
    return torch.tensor(weights).to(squares) @ squares


def _split(clip: torch.Tensor, axis: int) -> tuple[torch.Tensor, torch.Tensor]:
    pairs: torch.Tensor = clip.unflatten(axis, (-1, 2))  # type: ignore[no-untyped-call]
    even, odd = pairs.unbind(axis)
    return (even + odd) * _ROOT_HALF, (even - odd) * _ROOT_HALF


def _join(low: torch.Tensor, high: torch.Tensor, axis: int) -> torch.Tensor:
    pair = torch.stack([low + high, low - high], dim=axis) * _ROOT_HALF
    return pair.flatten(axis - 1, axis)
