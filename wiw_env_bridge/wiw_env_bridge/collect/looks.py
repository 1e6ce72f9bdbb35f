"""What the samplers of apartments share: how a place is looked at, and how far places are apart."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Depth
from wiw_env_bridge.mujoco.navigation import FloorGrid
from wiw_env_bridge.mujoco.renderer import Renderer
from wiw_learn.dataset import Trajectory

_EDGE = 1.05


class Looks:
    """Looks at places of train apartments; the renderer is made when it is first needed.

    Parameters
    ----------
    height : int
        Rows of the panorama; it has twice as many columns.
    front_size : int
        Height and width of the picture of the goal camera, 90 degrees wide.
    oversample : int
        The renderer draws so many times larger, and colours are averaged: soft edges.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if a number is out of its range.
    """

    def __init__(self, height: int, front_size: int, oversample: int) -> None:
        check_range("height", height, 16, 1024)
        check_range("front_size", front_size, 16, 1024)
        check_range("oversample", oversample, 1, 8)
        if height % 8:
            raise WiwError(ErrorCode.BAD_PARAMETER, f"height is {height}, not a multiple of 8.")
        self._hw, self._front, self._oversample = (height, 2 * height), front_size, oversample
        self._renderer: Renderer | None = None

    def open(self) -> Renderer:
        """Return the renderer, which draws ``oversample`` times larger than what is kept."""
        if self._renderer is None:
            height, width = (self._oversample * n for n in self._hw)
            self._renderer = Renderer((height, width), self._oversample * self._front)
        return self._renderer

    def close(self) -> None:
        """Free the renderer; idempotent."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def at(self, scene: int, poses: Sequence[Pose2]) -> Trajectory:
        """Return ``panorama``, ``depth`` and ``front`` at poses, see :mod:`wiw_learn.dataset`."""
        looks = [self._look(scene, pose) for pose in poses]
        return {name: np.stack([look[name] for look in looks]) for name in looks[0]}

    def _look(self, scene: int, pose: Pose2) -> Trajectory:
        renderer = self.open()
        rgb, depth = renderer.panorama_view(scene, pose)
        front, _ = renderer.front_view(scene, pose)
        size = self._front, self._front
        return {
            "panorama": cv2.resize(rgb, self._hw[::-1], interpolation=cv2.INTER_AREA),
            "depth": reduced(depth, self._oversample).astype(np.float16),
            "front": cv2.resize(front, size, interpolation=cv2.INTER_AREA),
        }


def check_range(name: str, value: object, least: int, most: int) -> None:
    """Raise ``BAD_PARAMETER`` unless a value is an integer from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise WiwError(ErrorCode.BAD_PARAMETER, f"{name} is {value!r}; it is {least} to {most}.")


def in_odom(poses: Sequence[Pose2]) -> npt.NDArray[np.float64]:
    """Return poses ``T_map_base`` as x, y, yaw (N, 3) in the frame of the first."""
    to_odom = poses[0].inverse()
    return np.array([(p.x_m, p.y_m, p.yaw_rad) for p in (to_odom * pose for pose in poses)])


def reduced(depth: Depth, times: int) -> Depth:
    """Return depth (H, W) at 1 / ``times`` the size; no surface is invented across an edge.

    Inside a block that is one surface the mean of one over the depth is exact on planes; a block
    across an edge, or with an unknown depth, takes the median, the nearer of the two middle ones.
    """
    height, width = depth.shape[0] // times, depth.shape[1] // times
    blocks = depth.reshape(height, times, width, times).transpose(0, 2, 1, 3)
    blocks = np.sort(blocks.reshape(height, width, times**2), axis=2)
    flat = (blocks[..., 0] > 0.0) & (blocks[..., -1] < _EDGE * blocks[..., 0])
    mean = 1.0 / np.mean(1.0 / np.where(flat[..., None], blocks, 1.0), axis=2)
    return np.asarray(np.where(flat, mean, blocks[..., (times**2 - 1) // 2]), np.float32)


def between(grid: FloorGrid, poses: Sequence[Pose2]) -> npt.NDArray[np.float32]:
    """Return geodesic metres between every two places, (T+1, T+1), symmetric."""
    # Turns share a place, and the way back is as long as the way there.
    places, which = np.unique([(p.x_m, p.y_m) for p in poses], axis=0, return_inverse=True)
    metres = np.zeros((len(places), len(places)))
    for i, place in enumerate(places):
        to_place = grid.distances_to(*map(float, place))
        for j in range(i):
            metres[i, j] = metres[j, i] = to_place.metres(*map(float, places[j]))
    which = which.reshape(-1)
    return metres[np.ix_(which, which)].astype(np.float32)
