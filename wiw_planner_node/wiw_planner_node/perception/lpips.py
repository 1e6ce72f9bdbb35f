"""LPIPS with an AlexNet, in plain torch: how unlike two pictures look (arXiv 1801.03924).

Each picture goes through the five convolutions of AlexNet. After each one, features are scaled to
unit length per pixel, their squared differences are weighed by one learned number per channel, and
averaged over the picture; the five averages are summed. World-in-World scores imagined frames with
it (arXiv 2510.18135, appendix B.2).

The weights are the authors' and do not ship: a backbone with the keys of torchvision's
``alexnet`` (``features.0.weight`` and so on), and the heads with those of the ``lpips`` package's
``weights/v0.1/alex.pth`` (``lin0.model.1.weight`` and so on).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Rgb

if TYPE_CHECKING:
    import torch

    Tensors = dict[str, torch.Tensor]

_CONVOLUTIONS = ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1))
"""Number in ``features``, stride and padding of each."""
_POOLED_BEFORE = (1, 2)
_SHAPES = ((64, 3, 11, 11), (192, 64, 5, 5), (384, 192, 3, 3), (256, 384, 3, 3), (256, 256, 3, 3))
_MIDDLE, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Of the pictures the backbone was trained on, for pixels from -1 to 1."""
_EPSILON = 1e-10
LEAST_SIDE = 64
"""Smaller pictures leave the last layers too little to look at."""
_ADVICE = (
    "Give the paths of torchvision's AlexNet (alexnet-owt-7be5be79.pth) as backbone and of the"
    " lpips package's weights/v0.1/alex.pth as heads, or use metric=colour."
)


class Lpips:
    """The distance, with weights from two files (``.safetensors``, or torch's own without code).

    Parameters
    ----------
    backbone, heads : str
        Paths; see the module.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` if a file is not there, ``RECORD_CORRUPT`` if it holds anything else.
    """

    def __init__(self, backbone: str, heads: str) -> None:
        wanted: dict[str, tuple[int, ...]] = {
            f"features.{number}.{part}": shape if part == "weight" else shape[:1]
            for (number, _, _), shape in zip(_CONVOLUTIONS, _SHAPES)
            for part in ("weight", "bias")
        }
        self._backbone = _read("backbone", backbone, wanted)
        self._heads = _read(
            "heads",
            heads,
            {f"lin{k}.model.1.weight": (1, shape[0], 1, 1) for k, shape in enumerate(_SHAPES)},
        )
        if any(bool((head < 0).any()) for head in self._heads.values()):
            raise WiwError(
                ErrorCode.RECORD_CORRUPT,
                f"The LPIPS heads '{heads}' hold negative weights; LPIPS has none.",
                _ADVICE,
            )

    def features(self, rgb: Rgb) -> list[torch.Tensor]:
        """Return the five unit features (1, C, h, w) float32 of a picture (H, W, 3) uint8.

        Raises
        ------
        WiwError
            ``BAD_IMAGE`` if it is smaller than 64 pixels.
        """
        import torch
        from torch.nn import functional

        if min(rgb.shape[:2]) < LEAST_SIDE:
            raise WiwError(
                ErrorCode.BAD_IMAGE,
                f"LPIPS needs pictures of at least {LEAST_SIDE} pixels, not {rgb.shape[:2]}.",
            )
        found = []
        with torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].float()
            middle, scale = (torch.tensor(v).reshape(1, 3, 1, 1) for v in (_MIDDLE, _SCALE))
            x = (pixels / 127.5 - 1.0 - middle) / scale
            for k, (number, stride, padding) in enumerate(_CONVOLUTIONS):
                if k in _POOLED_BEFORE:
                    x = functional.max_pool2d(x, 3, 2)
                weight, bias = (
                    self._backbone[f"features.{number}.{p}"] for p in ("weight", "bias")
                )
                x = functional.conv2d(x, weight, bias, stride, padding).relu()
                found.append(x / (x.square().sum(1, keepdim=True).sqrt() + _EPSILON))
        return found

    def distance(self, a: list[torch.Tensor], b: list[torch.Tensor]) -> float:
        """Return the distance of two pictures of one size by their :meth:`features`; at least 0."""
        import torch
        from torch.nn import functional

        with torch.inference_mode():
            layers = (
                functional.conv2d((x - y).square(), self._heads[f"lin{k}.model.1.weight"]).mean()
                for k, (x, y) in enumerate(zip(a, b))
            )
            return float(sum(layers, torch.zeros(())))


def _read(what: str, where: str, wanted: dict[str, tuple[int, ...]]) -> Tensors:
    """Return the wanted tensors of a file in float32."""
    path = Path(where)
    if not where or not path.is_file():
        said = f"'{where}' is not a file" if where else "no path is given"
        raise WiwError(
            ErrorCode.MODEL_UNAVAILABLE, f"LPIPS has no {what} weights: {said}.", _ADVICE
        )
    held = _tensors(path)
    for key, shape in wanted.items():
        problem = ""
        if key not in held:
            problem = f"it has no '{key}'"
        elif tuple(held[key].shape) != shape:
            problem = f"'{key}' has shape {tuple(held[key].shape)}, not {shape}"
        elif not bool(held[key].isfinite().all()):
            problem = f"'{key}' holds a number that is not finite"
        if problem:
            raise WiwError(
                ErrorCode.RECORD_CORRUPT, f"'{where}' is no LPIPS {what}: {problem}.", _ADVICE
            )
    return {key: held[key].float() for key in wanted}


def _tensors(path: Path) -> Tensors:
    import torch
    from safetensors.torch import load_file

    try:
        held = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except Exception as error:  # readers raise many kinds, all of them mean the same here
        raise WiwError(
            ErrorCode.RECORD_CORRUPT, f"The weights '{path}' cannot be read: {error}.", _ADVICE
        ) from error
    if not isinstance(held, dict):
        raise WiwError(ErrorCode.RECORD_CORRUPT, f"'{path}' holds no named tensors.", _ADVICE)
    return {str(key): v for key, v in held.items() if isinstance(v, torch.Tensor)}
