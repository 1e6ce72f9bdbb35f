"""What every part of a panorama shows, from its colours alone: for imagined pictures.

Detections and depth exist for real observations only. A small convolutional network names the
furniture at each of 72 x 128 places of the picture. It is trained on train-split apartments only;
data, seeds and how good it is are in ``weights/segmenter_v1.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.observation import Rgb
from wiw_planner_node.perception.questions.words import FOOTPRINT_M

WEIGHTS = "segmenter_v1.npz"
FURNITURE = tuple(FOOTPRINT_M)
CLASSES = ("", *FURNITURE, "small")
"""What a place may show: the home itself, a piece of furniture, any small object."""
Floats = npt.NDArray[np.float32]
_HW = (144, 256)
_MARGIN = 16
_LAYERS = 13
_HALVING = (0, 2, 4, 6)


class Segmenter:
    """Judges panoramas; make it with :meth:`shipped`.

    Nine layers of 3 x 3 convolutions halve the picture four times, three more double it again, each
    beside the layer of the same size on the way down; the last names each place. The panorama goes
    on across its left and right edge.

    Parameters
    ----------
    weights : mapping
        ``kernel00 (3, 3, in, out)``, ``bias00 (out,)`` and so on, to ``kernel12`` (1, 1, in, out).
    """

    def __init__(self, weights: Mapping[str, npt.NDArray[Any]]) -> None:
        self._layers = [
            tuple(np.asarray(weights[f"{part}{k:02d}"], np.float32) for part in ("kernel", "bias"))
            for k in range(_LAYERS)
        ]

    @classmethod
    def shipped(cls) -> Segmenter:
        """Return the one that comes with the package."""
        folder = resources.files("wiw_planner_node.perception") / "weights"
        with (folder / WEIGHTS).open("rb") as file, np.load(file, allow_pickle=False) as data:
            return cls({name: data[name] for name in data.files})

    def probabilities(self, image: Rgb) -> Floats:
        """Return the probability (72, 128, len(CLASSES)) of what each place of a panorama shows.

        Parameters
        ----------
        image : (H, W, 3) uint8
            A panorama of any size; it is looked at in 144 x 256 pixels.
        """
        if image.shape[:2] != _HW:
            image = np.asarray(cv2.resize(image, _HW[::-1], interpolation=cv2.INTER_AREA))
        around = np.arange(-_MARGIN, _HW[1] + _MARGIN) % _HW[1]
        x = image[:, around].astype(np.float32) / np.float32(255.0) - np.float32(0.5)
        kept = []
        for k in range(9):
            if k in _HALVING[1:]:
                kept.append(x)
            x = self._layer(k, x, 2 if k in _HALVING else 1)
        for k in range(9, _LAYERS - 1):
            large = np.repeat(np.repeat(x, 2, axis=0), 2, axis=1)
            x = self._layer(k, np.concatenate([large, kept.pop()], axis=2))
        kernel, bias = self._layers[-1]
        logits = (x @ kernel[0, 0] + bias)[:, _MARGIN // 2 : -_MARGIN // 2]
        logits -= logits.max(axis=2, keepdims=True)
        p = np.exp(logits)
        return np.asarray(p / p.sum(axis=2, keepdims=True), np.float32)

    def _layer(self, k: int, x: Floats, stride: int = 1) -> Floats:
        """Return a 3 x 3 convolution of (H, W, in), cut off below 0."""
        kernel, bias = self._layers[k]
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        height, width = x.shape[0] // stride, x.shape[1] // stride
        total = np.broadcast_to(bias, (height, width, len(bias))).copy()
        for row in range(3):
            for column in range(3):
                part = padded[row::stride, column::stride][:height, :width]
                total += part @ kernel[row, column]
        return np.maximum(total, np.float32(0.0))
