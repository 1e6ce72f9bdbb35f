"""A small trained recogniser of "<colour> <shape>" labels, from a crop of the boxed object.

One hidden layer over colours and edges of the crop, with one output for colour and one for shape.
It is trained on train-split apartments only and calibrated, so that a confidence of 0.95 is right
about 95 times in 100; data, seeds, accuracy and calibration are in ``weights/recogniser_v1.md``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Rgb
from wiw_planner_node.perception.crops import SIDE

WEIGHTS = "recogniser_v1.npz"
_COARSE = 16
_CELL = 4
_DIRECTIONS = 8
FEATURES = _COARSE * _COARSE * 3 + (SIDE // _CELL) ** 2 * _DIRECTIONS + 1

Array = npt.NDArray[np.float32]


def features(crops: Rgb, pixels: npt.NDArray[np.float64]) -> Array:
    """Return (N, FEATURES) of (N, 32, 32, 3) crops: CIELAB colours, edge directions, resolution.

    Parameters
    ----------
    pixels : (N,) float64
        Pixels that the crop spans in its source: it tells the classifier how far to trust fine
        detail.
    """
    count = len(crops)
    unit = crops.reshape(count * SIDE, SIDE, 3).astype(np.float32) / 255.0
    lab = cv2.cvtColor(unit, cv2.COLOR_RGB2LAB).reshape(count, SIDE, SIDE, 3) / 100.0
    fine = SIDE // _COARSE
    coarse = lab.reshape(count, _COARSE, fine, _COARSE, fine, 3).mean(axis=(2, 4))
    size = np.log2(np.clip(pixels, 1.0, 512.0))[:, None] / 4.0 - 1.0
    parts = [coarse.reshape(count, -1), _edges(np.asarray(lab, np.float32)), size]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _edges(lab: Array) -> Array:
    """Return (N, cells * 8) of edge directions; each pixel takes its strongest channel."""
    count = len(lab)
    dx, dy = np.zeros_like(lab), np.zeros_like(lab)
    dx[:, :, 1:-1] = lab[:, :, 2:] - lab[:, :, :-2]
    dy[:, 1:-1] = lab[:, 2:] - lab[:, :-2]
    strength = np.hypot(dx, dy)
    strongest = strength.argmax(axis=-1)[..., None]
    weight = np.take_along_axis(strength, strongest, -1)[..., 0]
    angle = np.arctan2(dy, dx)
    angle = np.take_along_axis(angle, strongest, -1)[..., 0] % np.float32(math.pi)
    direction = (angle / math.pi * _DIRECTIONS).astype(np.int64) % _DIRECTIONS
    cells = SIDE // _CELL
    along = np.arange(SIDE) // _CELL
    cell = (along[:, None] * cells + along[None, :])[None]
    flat = (np.arange(count)[:, None, None] * cells**2 + cell) * _DIRECTIONS + direction
    histogram = np.bincount(flat.ravel(), weight.ravel(), count * cells**2 * _DIRECTIONS)
    return np.sqrt(histogram.reshape(count, -1)).astype(np.float32)


class Recogniser:
    """Probabilities of labels for crops; make it with :meth:`shipped`.

    Parameters
    ----------
    colours, shapes : sequence of str
        The words that labels are made of.
    weights : mapping
        ``mean, scale (F,)``, ``hidden (F, H)``, ``hidden_bias (H,)``, ``output (H, C + S)``,
        ``output_bias (C + S,)`` and ``temperature ()``.
    """

    def __init__(
        self, colours: Sequence[str], shapes: Sequence[str], weights: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        self.colours, self.shapes = tuple(colours), tuple(shapes)
        self._w = {name: np.asarray(value, np.float32) for name, value in weights.items()}

    @classmethod
    def shipped(cls) -> Recogniser:
        """Return the recogniser that comes with the package."""
        folder = resources.files("wiw_planner_node.perception") / "weights"
        with (folder / WEIGHTS).open("rb") as file, np.load(file, allow_pickle=False) as data:
            words = [str(w) for w in data["colours"]], [str(w) for w in data["shapes"]]
            weights = {k: data[k] for k in data.files if k not in ("colours", "shapes")}
        return cls(*words, weights)

    def check_labels(self, labels: Sequence[str]) -> None:
        """Raise ``BAD_PARAMETER`` unless every label is a colour, a shape, or both."""
        unknown = [label for label in labels if self._words(label) is None]
        if unknown or not labels:
            what = f"the labels {unknown[:5]}" if unknown else "an empty set of labels"
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The recogniser cannot choose from {what}.",
                f"It knows {', '.join(self.colours)}; {', '.join(self.shapes)}; and one of each.",
            )

    def probabilities(
        self, crops: Rgb, pixels: npt.NDArray[np.float64], labels: Sequence[str]
    ) -> npt.NDArray[np.float64]:
        """Return (N, len(labels)): for each crop, calibrated probabilities that sum to 1.

        Parameters
        ----------
        crops : (N, 32, 32, 3) uint8
        pixels : (N,) float64
            Of :func:`wiw_planner_node.perception.crops.pixels_across`.
        labels : sequence of str
            The closed set of answers.

        Raises
        ------
        WiwError
            As :meth:`check_labels`.
        """
        self.check_labels(labels)
        colour, shape = self.log_probabilities(features(crops, pixels))
        logs = np.zeros((len(crops), len(labels)))
        for column, label in enumerate(labels):
            c, s = self._words(label) or (None, None)
            logs[:, column] += 0.0 if c is None else colour[:, c]
            logs[:, column] += 0.0 if s is None else shape[:, s]
        return np.asarray(np.exp(logs - _log_sum_exp(logs)))

    def _words(self, label: str) -> tuple[int | None, int | None] | None:
        """Return the indices of a label's colour and shape, or None if it is of other words."""
        colour, _, shape = label.rpartition(" ")
        if not colour and shape in self.colours:
            colour, shape = shape, ""
        if (colour and colour not in self.colours) or (shape and shape not in self.shapes):
            return None
        if not colour and not shape:
            return None
        return (
            self.colours.index(colour) if colour else None,
            self.shapes.index(shape) if shape else None,
        )

    def log_probabilities(
        self, x: Array
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return log-probabilities of colours (N, C) and shapes (N, S) for features (N, F)."""
        w = self._w
        hidden = np.maximum(((x - w["mean"]) * w["scale"]) @ w["hidden"] + w["hidden_bias"], 0.0)
        logits = (hidden @ w["output"] + w["output_bias"]).astype(np.float64) / w["temperature"]
        colour, shape = np.split(logits, [len(self.colours)], axis=1)
        return colour - _log_sum_exp(colour), shape - _log_sum_exp(shape)


def _log_sum_exp(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    top = x.max(axis=1, keepdims=True)
    return np.asarray(top + np.log(np.exp(x - top).sum(axis=1, keepdims=True)))
