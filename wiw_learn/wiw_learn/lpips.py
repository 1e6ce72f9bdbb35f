"""LPIPS with an AlexNet, in plain torch: how unlike two pictures look (arXiv 1801.03924).

Each picture goes through the five convolutions of AlexNet. After each one, features are scaled to
unit length per pixel, their squared differences are weighed by one learned number per channel, and
averaged over the picture; the five averages are summed. World-in-World scores imagined frames with
it (arXiv 2510.18135, appendix B.2).

The weights are the authors'. The small heads come with torchmetrics; the backbone does not ship and
nothing stands in for it: give a file with the keys of torchvision's ``alexnet``
(``features.0.weight`` and so on). Other heads have those of the ``lpips`` package's
``weights/v0.1/alex.pth`` (``lin0.model.1.weight`` and so on).
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

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
_HEADS = "functional/image/lpips_models/alex.pth"
LEAST_SIDE = 64
"""Smaller pictures leave the last layers too little to look at."""
_ADVICE = (
    "Give the path of torchvision's AlexNet (alexnet-owt-7be5be79.pth) as backbone; the heads, of"
    " the lpips package's weights/v0.1/alex.pth, come with torchmetrics."
)


class Lpips:
    """The distance, with weights from two files (``.safetensors``, or torch's own without code).

    Parameters
    ----------
    backbone, heads : str
        Paths; see the module. Without ``heads`` those of torchmetrics are read.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` if a file is not there, ``RECORD_CORRUPT`` if it holds anything else.
    """

    def __init__(self, backbone: str, heads: str = "") -> None:
        wanted: dict[str, tuple[int, ...]] = {
            f"features.{number}.{part}": shape if part == "weight" else shape[:1]
            for (number, _, _), shape in zip(_CONVOLUTIONS, _SHAPES)
            for part in ("weight", "bias")
        }
        self._backbone = _read("backbone", backbone, wanted)
        lines: dict[str, tuple[int, ...]] = {
            f"lin{k}.model.1.weight": (1, shape[0], 1, 1) for k, shape in enumerate(_SHAPES)
        }
        with resources.as_file(resources.files("torchmetrics") / _HEADS) as shipped:
            self._heads = _read("heads", heads or str(shipped), lines)
        if any(bool((head < 0).any()) for head in self._heads.values()):
            raise WiwError(
                ErrorCode.RECORD_CORRUPT,
                f"The LPIPS heads '{heads}' hold negative weights; LPIPS has none.",
                _ADVICE,
            )

    def __call__(self, a: Rgb, b: Rgb) -> npt.NDArray[np.float64]:
        """Return (N,) distances of (N, H, W, 3) uint8 pictures, in pairs; see :meth:`features`."""
        return self.distance(self.features(a), self.features(b))

    def features(self, rgb: Rgb) -> list[torch.Tensor]:
        """Return the five unit features (N, C, h, w) float32 of pictures (N, H, W, 3) uint8.

        Raises
        ------
        WiwError
            ``BAD_IMAGE`` if they are smaller than 64 pixels.
        """
        import torch
        from torch.nn import functional

        if min(rgb.shape[1:3]) < LEAST_SIDE:
            raise WiwError(
                ErrorCode.BAD_IMAGE,
                f"LPIPS needs pictures of at least {LEAST_SIDE} pixels, not {rgb.shape[1:3]}.",
            )
        found = []
        with torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(rgb)).permute(0, 3, 1, 2).float()
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

    def distance(self, a: list[torch.Tensor], b: list[torch.Tensor]) -> npt.NDArray[np.float64]:
        """Return (N,) distances of pictures of one size by their :meth:`features`; at least 0."""
        import torch
        from torch.nn import functional

        with torch.inference_mode():
            total = torch.zeros(len(a[0]))
            for k, (x, y) in enumerate(zip(a, b)):
                head = self._heads[f"lin{k}.model.1.weight"]
                total += functional.conv2d((x - y).square(), head).mean(dim=(1, 2, 3))
        return np.asarray(total.numpy(), np.float64)


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
