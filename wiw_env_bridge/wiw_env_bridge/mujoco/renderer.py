"""Draws apartments in one dedicated thread: a GL context belongs to the thread that made it."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from wiw_core.cameras.boxes import target_box
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose2
from wiw_core.observation import Box, Depth, Rgb
from wiw_env_bridge.mujoco.apartment import Layout, lay_out
from wiw_env_bridge.mujoco.cameras import (
    CAMERA_HEIGHT_M,
    Mask,
    PanoramaCamera,
    PinholeCamera,
    strip_hw,
)
from wiw_env_bridge.mujoco.canvas import GlThread
from wiw_env_bridge.mujoco.stage import Stage
from wiw_env_bridge.mujoco.targets import Target

CACHED_SCENES = 3
"""Compiled apartments kept, newest first."""
_AIMED = 96
_WIDEST_HALF_RAD = math.radians(60.0)
_T = TypeVar("_T")


class Renderer:
    """All pictures of all apartments; every method may be called from any thread, one at a time.

    Parameters
    ----------
    panorama_hw : (int, int)
        Height and width of the robot's panorama in pixels.
    front_size : int
        Height and width of the robot's front image in pixels.
    """

    def __init__(self, panorama_hw: tuple[int, int], front_size: int) -> None:
        self.front = PinholeCamera(front_size)
        self.panorama = PanoramaCamera(*panorama_hw)
        self._panoramas = {panorama_hw: self.panorama}
        cameras = (self.front.buffer_hw, self.panorama.buffer_hw)
        self._buffer_hw = max(h for h, _ in cameras), max(w for _, w in cameras)
        self._thread = GlThread(self._buffer_hw)
        self._stages: OrderedDict[int, Stage] = OrderedDict()

    def layout(self, seed: int) -> Layout:
        """Return the layout of this seed; its scene is built and kept if it is new."""
        return self._run(lambda: self._stage(seed).layout)

    def front_view(self, seed: int, pose: Pose2) -> tuple[Rgb, Depth]:
        """Return the front image at a pose: colours, and metres along the optical axis."""
        return self._run(lambda: self.front.rgbd(self._stage(seed), pose))

    def panorama_view(self, seed: int, pose: Pose2) -> tuple[Rgb, Depth]:
        """Return the panorama at a pose: colours, and metres along the rays."""
        return self._run(lambda: self.panorama.rgbd(self._stage(seed), pose))

    def panorama_rgb(self, seed: int, pose: Pose2, height: int, width: int) -> Rgb:
        """Return colours of a panorama of any size not larger than the robot's."""
        camera = self._panorama(height, width)
        return self._run(lambda: camera.rgb(self._stage(seed), pose))

    def panorama_bodies(
        self, seed: int, pose: Pose2, height: int, width: int
    ) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
        """Return the body that each pixel of such a panorama shows, (H, W), and their names."""
        camera = self._panorama(height, width)

        def draw() -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
            stage = self._stage(seed)
            return camera.bodies(stage, pose), stage.body_names

        return self._run(draw)

    def panorama_census(self, seed: int, pose: Pose2, height: int, width: int) -> dict[str, int]:
        """Return how many pixels of such a panorama show each body that is seen, by name."""
        camera = self._panorama(height, width)

        def count() -> dict[str, int]:
            stage = self._stage(seed)
            pixels = np.bincount(camera.bodies(stage, pose).ravel(), minlength=1)
            names = stage.body_names
            return {names[k]: int(pixels[k]) for k in np.nonzero(pixels)[0] if k > 0}

        return self._run(count)

    def centre(self, seed: int, name: str) -> Array:
        """Return the middle of a body's bounding box, (3,) metres in the map frame."""

        def find() -> Array:
            stage = self._stage(seed)
            return stage.centre(stage.body(name))

        return self._run(find)

    def front_box(self, seed: int, pose: Pose2, target: Target) -> Box | None:
        """Return the target's box in the front image; None where it is not seen."""
        direction, angle = _bearing(pose, target)
        if not self.front.may_see(direction, angle):
            return None
        mask = self._run(lambda: self.front.mask(*self._on_stage(seed, pose, target)))
        return target_box(mask, wraps=False)

    def panorama_box(self, seed: int, pose: Pose2, target: Target) -> Box | None:
        """Return the target's box in the panorama; None where it is not seen."""
        return target_box(self._panorama_mask(seed, pose, target), wraps=True)

    def visible_fraction(self, seed: int, pose: Pose2, target: Target) -> float:
        """Return the share of the panorama's pixels that show the target."""
        return float(self._panorama_mask(seed, pose, target).mean())

    def share_seen(self, seed: int, pose: Pose2, target: Target) -> tuple[float, float]:
        """Return how much of the target is seen from a pose.

        Returns
        -------
        (float, float)
            The solid angle that shows it over the one that would with nothing in the way, and the
            pixels that show it in the robot's panorama (from the solid angle, so not whole).
        """
        direction, radius_rad = _bearing(pose, target)
        half_tangent = math.tan(min(radius_rad, _WIDEST_HALF_RAD))

        def count() -> tuple[int, int]:
            stage, at, body = self._on_stage(seed, pose, target)
            T_map_camera = at.matrix()
            T_map_camera[2, 3] = CAMERA_HEIGHT_M
            T_map_camera[:3, :3] = T_map_camera[:3, :3] @ _facing(direction)

            def pixels() -> int:
                stage.draw(T_map_camera, (0, 0, _AIMED, _AIMED), (half_tangent,) * 2, ids=True)
                return int((stage.read_bodies(_AIMED, _AIMED) == body).sum())

            seen = pixels()
            with stage.only(body):
                return seen, pixels() if seen else 1

        seen, whole = self._run(count)
        level = float(np.hypot(direction[0], direction[1]) / np.linalg.norm(direction))
        panorama_pixel = 2.0 * math.pi**2 / (self.panorama.height * self.panorama.width) * level
        return seen / whole, seen * (2.0 * half_tangent / _AIMED) ** 2 / panorama_pixel

    def close(self) -> None:
        """Free the GL context and end the thread; idempotent."""
        self._thread.close(self._free)

    def _panorama(self, height: int, width: int) -> PanoramaCamera:
        if any(need > have for need, have in zip(strip_hw(width), self._buffer_hw)):
            raise WiwError(
                ErrorCode.TOO_LARGE,
                f"A panorama of {height}x{width} does not fit the renderer's buffer.",
                f"Ask for at most {self.panorama.height}x{self.panorama.width}.",
            )
        if (height, width) not in self._panoramas:
            self._panoramas[height, width] = PanoramaCamera(height, width)
        return self._panoramas[height, width]

    def _panorama_mask(self, seed: int, pose: Pose2, target: Target) -> Mask:
        bearing = _bearing(pose, target)
        return self._run(lambda: self.panorama.mask(*self._on_stage(seed, pose, target), *bearing))

    def _on_stage(self, seed: int, pose: Pose2, target: Target) -> tuple[Stage, Pose2, int]:
        stage = self._stage(seed)
        return stage, pose, stage.body(target.name)

    def _stage(self, seed: int) -> Stage:
        if seed not in self._stages:
            self._stages[seed] = Stage(lay_out(seed), self._buffer_hw)
            if len(self._stages) > CACHED_SCENES:
                self._stages.popitem(last=False)[1].close()
        self._stages.move_to_end(seed)
        return self._stages[seed]

    def _free(self) -> None:
        while self._stages:
            self._stages.popitem()[1].close()

    def _run(self, job: Callable[[], _T]) -> _T:
        return self._thread.run(job)


def _facing(direction: Array) -> Array:
    """Return ``R_base_optical`` (3, 3) of a level camera that looks in a direction."""
    ahead = direction / np.linalg.norm(direction)
    right = np.cross(ahead, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(ahead, right), ahead], axis=1)


def _bearing(pose: Pose2, target: Target) -> tuple[Array, float]:
    """Return where a target is from the camera, in base axes, and the half angle that bounds it."""
    x, y, z = target.middle
    place = pose.inverse() * Pose2(x, y)
    direction = np.array([place.x_m, place.y_m, z - CAMERA_HEIGHT_M])
    distance = float(np.linalg.norm(direction))
    return direction, math.asin(min(1.0, target.radius_m / max(distance, 1e-6)))
