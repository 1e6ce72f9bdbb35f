"""Distances between pictures, uint8 (H, W, 3) of one size; exact where ties must be ties."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_core.observation import Rgb

MAX_PSNR_DB = 50.0
"""PSNR of equal pictures: errors of less than a level are none, and few exact frames do not drown
the mean (the paper's code gives 100)."""

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating[Any]]
_LUMA = np.array([0.299, 0.587, 0.114])


def squared_error(a: Rgb, b: Rgb) -> int:
    """Return the sum of squared differences, an exact whole number: equal pictures tie."""
    difference = a.astype(np.int32) - b.astype(np.int32)
    return int(np.square(difference).sum(dtype=np.int64))


def psnr(a: Rgb, b: Rgb, mask: Mask | None = None) -> float:
    """Return the peak signal-to-noise ratio in dB, at most 50; NaN if the mask is empty.

    Parameters
    ----------
    mask : (H, W) bool, optional
        The pixels that count.
    """
    if mask is not None:
        a, b = a[mask], b[mask]
    if not a.size:
        return math.nan
    return psnr_of(squared_error(a, b), a.size)


def psnr_of(error: int, size: int) -> float:
    """Return the PSNR of a :func:`squared_error` of pictures of ``size`` numbers."""
    return min(MAX_PSNR_DB, 10.0 * math.log10(255.0**2 * size / error)) if error else MAX_PSNR_DB


def ssim(a: Rgb, b: Rgb) -> Floats:
    """Return (N,) structural similarities (Wang et al. 2004) of (N, H, W, 3) pictures, in pairs.

    Gaussian window of 11 pixels, sigma 1.5, as in the paper's evaluation.
    """
    import torch
    from torchmetrics.functional.image import structural_similarity_index_measure

    first, second = (
        torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2))).float() for x in (a, b)
    )
    found = structural_similarity_index_measure(first, second, data_range=255.0, reduction="none")
    assert isinstance(found, torch.Tensor)
    return np.asarray(found.reshape(len(a)).numpy(), np.float64)


def sharpness(image: Rgb) -> float:
    """Return the mean absolute Laplacian of the lightness, in grey levels: low where it is smeared.

    The four-neighbour Laplacian, without the border.
    """
    grey = image @ _LUMA
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(np.abs(around - 4.0 * grey[1:-1, 1:-1]).mean())


def resized(frames: Rgb, size: tuple[int, int]) -> Rgb:
    """Return (N, H, W, 3) pictures at ``size`` (height, width); shrinking averages over areas."""
    if frames.shape[1:3] == size:
        return frames
    import torch
    from torch.nn.functional import interpolate

    planes = torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2))).float()
    if size[0] <= frames.shape[1] and size[1] <= frames.shape[2]:
        small = interpolate(planes, size, mode="area")
    else:
        small = interpolate(planes, size, mode="bilinear", align_corners=False)
    rounded = small.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    return np.asarray(rounded.contiguous().numpy(), np.uint8)


def changed(before: Rgb, after: Rgb, levels: int = 24) -> Mask:
    """Return (H, W) where some colour differs by more than ``levels``."""
    difference = np.abs(before.astype(np.int16) - after.astype(np.int16))
    return np.asarray(difference.max(axis=-1) > levels)


def off_on_average(a: Rgb, b: Rgb, levels: int) -> Mask:
    """Return (H, W) where red, green and blue differ by more than ``levels`` on average."""
    difference = np.abs(a.astype(np.int16) - b.astype(np.int16))
    return np.asarray(difference.sum(axis=-1) > 3 * levels)


def solid_angles(height: int) -> npt.NDArray[np.float64]:
    """Return (H,) the share of the sphere that a pixel in each row of a panorama covers."""
    weights = np.sin((np.arange(height) + 0.5) / height * np.pi)
    return np.asarray(weights / weights.sum())
