"""Which things a panorama seems to show, from its colours alone: for imagined pictures.

Detections and depth exist for real observations only. Furniture is told by a small trained
classifier of windows all round the picture: one hidden layer over the features of
:mod:`wiw_planner_node.perception.recognise`, one output per noun. It is trained on train-split
apartments only; data, seeds and how good it is are in ``weights/glimpser_v1.md``. Small objects are
patches of one strong colour that the recogniser then names: :mod:`.patches`.
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
from wiw_planner_node.perception.questions.patches import name_patches
from wiw_planner_node.perception.questions.words import FOOTPRINT_M
from wiw_planner_node.perception.recognise import Recogniser, features

WEIGHTS = "glimpser_v1.npz"
Floats = npt.NDArray[np.float32]
_STRIP_HW = (288, 512)


FOV_RAD = math.radians(45.0)
"""Width and height of a window."""
HEADINGS = 16
PITCHES_RAD = (math.radians(-5.0), math.radians(-35.0))
"""Windows: so many all round, at each of these pitches, positive up."""
OUTPUTS = tuple(FOOTPRINT_M)
"""The furniture that a window may show."""


def windows(image: npt.NDArray[np.uint8]) -> Rgb:
    """Return the windows (N, 32, 32, C) of a panorama (H, W, C), pitch by pitch, turning right.

    A picture of another size than 288 x 512 is resized first.
    """
    height, width = _STRIP_HW
    if image.shape[:2] != _STRIP_HW:
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
    shift = width // HEADINGS
    rows = []
    for map_x, map_y in _maps():
        for k in range(HEADINGS):
            x = (map_x + k * shift) % width
            rows.append(cv2.remap(image, x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))
    return np.stack(rows)


@lru_cache(maxsize=1)
def _maps() -> tuple[tuple[panorama.Map, panorama.Map], ...]:
    rays = pinhole.rays(pinhole.intrinsics(SIDE, SIDE, FOV_RAD), SIDE, SIDE)
    maps = []
    for pitch in PITCHES_RAD:
        c, s = math.cos(pitch), math.sin(pitch)
        up = np.array([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])
        maps.append(panorama.sample_map(rays @ (up @ T_BASE_OPTICAL[:3, :3]).T, _STRIP_HW))
    return tuple(maps)


def window_features(image: Rgb) -> Floats:
    """Return the features (N, F) of a panorama's windows."""
    crops = windows(image)
    pixels = FOV_RAD * _STRIP_HW[0] / math.pi
    return np.asarray(features(crops, np.full(len(crops), pixels)), np.float32)


@dataclass(frozen=True)
class Glimpse:
    """What a picture seems to show, as probabilities.

    Attributes
    ----------
    furniture : mapping
        Per noun, the highest probability of all windows.
    objects : mapping
        Per small noun and colour, the highest probability of all patches; absent without any.
    """

    furniture: Mapping[str, float]
    objects: Mapping[tuple[str, str], float]


class Glimpser:
    """Judges panoramas; make it with :meth:`shipped`.

    Parameters
    ----------
    weights : mapping
        ``mean, scale (F,)``, ``hidden (F, H)``, ``hidden_bias (H,)``, ``output (H, O)`` and
        ``output_bias (O,)``, of the furniture classifier.
    recogniser : Recogniser
        Names the small objects.
    """

    def __init__(self, weights: Mapping[str, npt.NDArray[Any]], recogniser: Recogniser) -> None:
        self._w = {name: np.asarray(value, np.float32) for name, value in weights.items()}
        self._recogniser = recogniser

    @classmethod
    def shipped(cls) -> Glimpser:
        """Return the one that comes with the package."""
        folder = resources.files("wiw_planner_node.perception") / "weights"
        with (folder / WEIGHTS).open("rb") as file, np.load(file, allow_pickle=False) as data:
            return cls({name: data[name] for name in data.files}, Recogniser.shipped())

    def seen(self, image: Rgb) -> Glimpse:
        """Return what a panorama (H, W, 3) seems to show; the robot's heading matters little."""
        furniture = self.furniture(image).max(axis=0)
        return Glimpse(
            dict(zip(OUTPUTS, (float(p) for p in furniture))),
            name_patches(image, self._recogniser),
        )

    def furniture(self, image: Rgb) -> Floats:
        """Return the probability (N, O) of each piece of furniture in each window."""
        w = self._w
        x = (window_features(image) - w["mean"]) * w["scale"]
        hidden = np.maximum(x @ w["hidden"] + w["hidden_bias"], 0.0)
        logits = hidden @ w["output"] + w["output_bias"]
        return np.asarray(1.0 / (1.0 + np.exp(-logits)), np.float32)
