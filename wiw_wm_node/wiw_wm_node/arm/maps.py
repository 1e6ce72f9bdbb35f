"""What the network is given: the look, how far the path's places are from it, the layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wiw_core.geometry import Array
from wiw_wm_node.arm.layers import layers, support
from wiw_wm_node.arm.look import TABLE_M, Floats, Look
from wiw_wm_node.arm.path import Path

SIZE = 128
"""Height and width in pixels of what the network sees."""
NEAR_M = 0.1
"""Distances to the path's places are told up to this."""
MAPS = 3 + 1 + 3 * 3 + 4 + 2
"""Channels: colours, height, offsets to grasp, release and lowest place, offsets in pixels to the
tool before and after, the pixel's own place."""
FACTS = 17
"""Length of the vector that tells of the path as a whole."""
_PIXELS_NEAR = 0.25


@dataclass(frozen=True)
class Inputs:
    """One sample of what the network is given.

    Attributes
    ----------
    maps : (MAPS, H, W) float32
    pictures : (COUNT, 3, H, W) float32
        What may have moved, drawn where it may be; 0 to 1.
    covers : (COUNT, H, W) float32
        1 where these show something.
    facts : (FACTS,) float32
    """

    maps: Floats
    pictures: Floats
    covers: Floats
    facts: Floats


def inputs_of(look: Look, path: Path) -> Inputs:
    """Return the network's inputs for a look of any size, at that size."""
    height, width = look.camera.size
    maps = np.empty((MAPS, height, width), np.float32)
    maps[:3] = look.rgb.transpose(2, 0, 1) / np.float32(255.0)
    maps[3] = np.clip(look.height_m / 0.2, -1.0, 2.0)
    places = (
        None if path.grasp is None else path.grasp[:3, 3],
        None if path.put is None else path.put[:3, 3],
        path.lowest,
    )
    for index, place in enumerate(places):
        maps[4 + 3 * index : 7 + 3 * index] = _offsets(look, place)
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=0).astype(np.float32)
    ends, _ = look.camera.pixels(np.stack([path.start.place, path.end.place]))
    for index, end in enumerate(np.nan_to_num(ends, nan=-width)):
        near = (grid - end[:, None, None].astype(np.float32)) / np.float32(_PIXELS_NEAR * width)
        maps[13 + 2 * index : 15 + 2 * index] = np.clip(near, -2.0, 2.0)
    maps[17] = grid[0] / width * 2.0 - 1.0
    maps[18] = grid[1] / height * 2.0 - 1.0
    pictures, covers = layers(look, path)
    return Inputs(
        maps,
        (pictures.transpose(0, 3, 1, 2) / np.float32(255.0)).astype(np.float32),
        covers.astype(np.float32),
        _facts(look, path),
    )


def _offsets(look: Look, place: Array | None) -> Floats:
    """Return (3, H, W): how far each pixel's point is from a place, in units of NEAR_M."""
    if place is None:
        return np.full((3, *look.camera.size), 1.5, np.float32)
    away = (look.points - place).transpose(2, 0, 1) / NEAR_M
    return np.clip(away, -1.5, 1.5).astype(np.float32)


def _facts(look: Look, path: Path) -> Floats:
    def placed(pose: Array) -> list[float]:
        x, y, z = pose[:3, 3] - np.array([0.2, 0.0, TABLE_M + 0.2])
        # The tool looks down, so its y axis tells the heading.
        return [4.0 * x, 4.0 * y, 4.0 * z, float(pose[0, 1]), float(pose[1, 1])]

    values = [
        *placed(path.end.pose),
        *placed(path.start.pose),
        path.end.gripper,
        path.start.gripper,
        float(path.grasp is not None),
        float(path.held),
        10.0 * (float(path.lowest[2]) - TABLE_M - 0.1),
        *(20.0 * metres for metres in support(look, path)),
    ]
    return np.clip(np.array(values, np.float32), -4.0, 4.0)
