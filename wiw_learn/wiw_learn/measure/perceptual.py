"""LPIPS (Zhang et al. 2018) with AlexNet, where its weights are; without them there is none.

The small linear heads come with torchmetrics. The ImageNet weights of AlexNet do not, and nothing
stands in for them: give the file, as torchvision publishes it, and the metric is there.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Rgb

UNAVAILABLE = "needs AlexNet's ImageNet weights: give their file with --lpips"
_LAYERS = (
    (0, 4, 2, False),
    (3, 1, 2, True),
    (6, 1, 1, True),
    (8, 1, 1, False),
    (10, 1, 1, False),
)
"""Number in torchvision's ``features``, stride, padding, whether a pooling comes before."""
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


class Lpips:
    """The learned perceptual distance of pictures; 0 for equal ones.

    Parameters
    ----------
    file : Path
        AlexNet's state as torchvision publishes it; read as tensors only.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` if it cannot be read, or is not AlexNet's.
    """

    def __init__(self, file: Path) -> None:
        import torch

        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
            self._layers = [
                (state[f"features.{n}.weight"].float(), state[f"features.{n}.bias"].float(), *rest)
                for n, *rest in _LAYERS
            ]
        except Exception as error:  # what torch raises for a file that is something else varies
            raise WiwError(
                ErrorCode.MODEL_UNAVAILABLE,
                f"'{file}' does not hold AlexNet's weights ({type(error).__name__}).",
                "It is torchvision's alexnet-owt-7be5be79.pth.",
            ) from error
        heads = resources.files("torchmetrics") / "functional/image/lpips_models/alex.pth"
        with resources.as_file(heads) as path:
            lines = torch.load(path, map_location="cpu", weights_only=True)
        self._heads = [lines[f"lin{k}.model.1.weight"].float() for k in range(len(_LAYERS))]

    def __call__(self, a: Rgb, b: Rgb) -> npt.NDArray[np.float64]:
        """Return (N,) distances of (N, H, W, 3) uint8 pictures, in pairs."""
        import torch

        with torch.no_grad():
            total = torch.zeros(len(a))
            for head, x, y in zip(self._heads, self._features(a), self._features(b)):
                apart = (_unit(x) - _unit(y)).square()
                total += torch.nn.functional.conv2d(apart, head).mean(dim=(1, 2, 3))
        return np.asarray(total.numpy(), np.float64)

    def _features(self, images: Rgb) -> list[Any]:
        import torch
        from torch.nn.functional import conv2d, max_pool2d

        planes = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float()
        x = planes / 127.5 - 1.0
        x = (x - torch.tensor(_SHIFT).view(1, 3, 1, 1)) / torch.tensor(_SCALE).view(1, 3, 1, 1)
        found = []
        for weight, bias, stride, padding, pooled in self._layers:
            x = max_pool2d(x, 3, 2) if pooled else x
            x = conv2d(x, weight, bias, stride=stride, padding=padding).relu()
            found.append(x)
        return found


def _unit(x: Any) -> Any:
    return x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)
