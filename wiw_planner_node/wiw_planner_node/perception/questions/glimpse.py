"""Which things a panorama seems to show, from its colours alone: for imagined pictures.

Detections and depth exist for real observations only. Here windows all round the picture are judged
by a small trained classifier each: one hidden layer over the features of
:mod:`wiw_planner_node.perception.recognise`, one output per noun and colour. It is trained on
train-split apartments only; data, seeds and how good it is are in ``weights/glimpser_v1.md``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.cameras import panorama, pinhole
from wiw_core.geometry import T_BASE_OPTICAL
from wiw_core.observation import Rgb
from wiw_planner_node.perception.crops import SIDE
from wiw_planner_node.perception.questions.words import COLOURS, FOOTPRINT_M, SMALL
from wiw_planner_node.perception.recognise import features

WEIGHTS = "glimpser_v1.npz"
Floats = npt.NDArray[np.float32]
_STRIP_HW = (288, 512)


@dataclass(frozen=True)
class Scale:
    """How the windows of one classifier are laid out, and what it tells.

    Attributes
    ----------
    fov_rad : float
        Width and height of a window.
    headings : int
        Windows all round; ``pitches_rad`` of them one above the other, positive up.
    outputs : tuple of str
        Nouns, or colours, that a window may show.
    """

    name: str
    fov_rad: float
    headings: int
    pitches_rad: tuple[float, ...]
    outputs: tuple[str, ...]


FURNITURE = Scale(
    "furniture",
    math.radians(45.0),
    16,
    (math.radians(-5.0), math.radians(-35.0)),
    tuple(FOOTPRINT_M),
)
OBJECTS = Scale(
    "objects",
    math.radians(22.5),
    32,
    (math.radians(0.0), math.radians(-15.0), math.radians(-30.0)),
    (*SMALL, *COLOURS),
)


def windows(image: npt.NDArray[np.uint8], scale: Scale) -> Rgb:
    """Return the windows (N, 32, 32, C) of a panorama (H, W, C), pitch by pitch, turning right.

    A picture of another size than 288 x 512 is resized first.
    """
    height, width = _STRIP_HW
    if image.shape[:2] != _STRIP_HW:
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
    shift = width // scale.headings
    rows = []
    for map_x, map_y in _maps(scale):
        for k in range(scale.headings):
            x = (map_x + k * shift) % width
            rows.append(cv2.remap(image, x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))
    return np.stack(rows)


@lru_cache(maxsize=4)
def _maps(scale: Scale) -> tuple[tuple[panorama.Map, panorama.Map], ...]:
    rays = pinhole.rays(pinhole.intrinsics(SIDE, SIDE, scale.fov_rad), SIDE, SIDE)
    maps = []
    for pitch in scale.pitches_rad:
        c, s = math.cos(pitch), math.sin(pitch)
        up = np.array([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])
        maps.append(panorama.sample_map(rays @ (up @ T_BASE_OPTICAL[:3, :3]).T, _STRIP_HW))
    return tuple(maps)


def window_features(image: Rgb, scale: Scale) -> Floats:
    """Return the features (N, F) of a panorama's windows."""
    crops = windows(image, scale)
    pixels = scale.fov_rad * _STRIP_HW[0] / math.pi
    return np.asarray(features(crops, np.full(len(crops), pixels)), np.float32)


@dataclass(frozen=True)
class Glimpse:
    """What a picture seems to show, as probabilities.

    Attributes
    ----------
    furniture : mapping
        Per noun, the highest probability of all windows.
    objects : mapping
        Per small noun and colour, the highest joint probability of all windows.
    """

    furniture: Mapping[str, float]
    objects: Mapping[tuple[str, str], float]


class Glimpser:
    """Judges panoramas; make it with :meth:`shipped`.

    Parameters
    ----------
    weights : mapping
        For each of the two scales, under ``<scale>_``: ``mean, scale (F,)``, ``hidden (F, H)``,
        ``hidden_bias (H,)``, ``output (H, O)`` and ``output_bias (O,)``.
    """

    def __init__(self, weights: Mapping[str, npt.NDArray[Any]]) -> None:
        self._w = {name: np.asarray(value, np.float32) for name, value in weights.items()}

    @classmethod
    def shipped(cls) -> Glimpser:
        """Return the one that comes with the package."""
        folder = resources.files("wiw_planner_node.perception") / "weights"
        with (folder / WEIGHTS).open("rb") as file, np.load(file, allow_pickle=False) as data:
            return cls({name: data[name] for name in data.files})

    def seen(self, image: Rgb) -> Glimpse:
        """Return what a panorama (H, W, 3) seems to show; the robot's heading matters little."""
        furniture = self.probabilities(image, FURNITURE).max(axis=0)
        objects = self.probabilities(image, OBJECTS)
        nouns, colours = objects[:, : len(SMALL)], objects[:, len(SMALL) :]
        joint = np.sqrt(nouns[:, :, None] * colours[:, None, :]).max(axis=0)
        return Glimpse(
            dict(zip(FURNITURE.outputs, (float(p) for p in furniture))),
            {
                (noun, colour): float(joint[i, j])
                for i, noun in enumerate(SMALL)
                for j, colour in enumerate(COLOURS)
            },
        )

    def probabilities(self, image: Rgb, scale: Scale) -> Floats:
        """Return the probability (N, O) of each output in each window."""
        w = {key: self._w[f"{scale.name}_{key}"] for key in WEIGHT_NAMES}
        x = (window_features(image, scale) - w["mean"]) * w["scale"]
        hidden = np.maximum(x @ w["hidden"] + w["hidden_bias"], 0.0)
        logits = hidden @ w["output"] + w["output_bias"]
        return np.asarray(1.0 / (1.0 + np.exp(-logits)), np.float32)


WEIGHT_NAMES = ("mean", "scale", "hidden", "hidden_bias", "output", "output_bias")
