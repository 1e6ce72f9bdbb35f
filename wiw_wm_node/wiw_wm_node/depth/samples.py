"""What the depth estimator learns from: panoramas and what the sensor said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.observation import Rgb
from wiw_learn.dataset import Dataset
from wiw_wm_node import views


@dataclass(frozen=True)
class Look:
    """One panorama with its depth.

    Attributes
    ----------
    rgb : (H, W, 3) uint8
    depth : (H, W) float16
        Metres along the rays; 0 where unknown.
    """

    scene: int
    rgb: Rgb
    depth: npt.NDArray[np.float16]


def looks(data: Dataset, size: tuple[int, int], stride: int, *, judged: bool) -> list[Look]:
    """Return every ``stride``-th place of the scenes to train on, or of the held-out ones.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if the dataset is not of navigation, or has no such scene.
    """
    found = []
    for shard, arrays in data.part("navigation", judged=judged):
        for rgb, depth in zip(arrays["panorama"][::stride], arrays["depth"][::stride]):
            found.append(Look(shard.scene, views.resized(rgb, size), _nearest(depth, size)))
    return found


def _nearest(depth: npt.NDArray[np.float16], size: tuple[int, int]) -> npt.NDArray[np.float16]:
    if depth.shape == size:
        return depth
    metres = cv2.resize(depth.astype(np.float32), size[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(metres, dtype=np.float16)


class DepthSamples:
    """Panoramas, turned and mirrored at will, a little brighter or darker.

    Parameters
    ----------
    looks : sequence of Look
    varied : bool
        Turn, mirror and tint; else every panorama as it is.
    """

    def __init__(self, looks: Sequence[Look], *, varied: bool) -> None:
        self.looks, self._varied = looks, varied

    def __len__(self) -> int:
        return len(self.looks)

    def sample(self, index: int, rng: np.random.Generator) -> Mapping[str, Any]:
        """Return ``rgb`` (3, H, W) uint8 and ``depth`` (H, W) float32."""
        look = self.looks[index]
        rgb, depth = look.rgb, look.depth.astype(np.float32)
        if self._varied:
            columns = int(rng.integers(rgb.shape[1]))
            rgb, depth = np.roll(rgb, columns, axis=1), np.roll(depth, columns, axis=1)
            if rng.random() < 0.5:
                rgb, depth = rgb[:, ::-1], depth[:, ::-1]
            shades = np.linspace(0.0, 1.0, 256) ** np.exp(rng.uniform(-0.25, 0.25))
            rgb = np.rint(255.0 * shades).astype(np.uint8)[rgb]
        return {
            "rgb": np.ascontiguousarray(rgb.transpose(2, 0, 1)),
            "depth": np.ascontiguousarray(depth),
        }
