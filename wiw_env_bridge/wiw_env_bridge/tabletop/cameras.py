"""The five cameras of the table: where they are, and what they see."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import mujoco
import numpy as np

from wiw_core.cameras import pinhole
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array
from wiw_core.observation import Rgb, View
from wiw_env_bridge.mujoco.canvas import Canvas, GlThread
from wiw_env_bridge.tabletop import panda
from wiw_env_bridge.tabletop.scene import TableScene

MAX_SIZE = 2048
"""Greatest height and width of a picture in pixels."""


class Drawn(Protocol):
    """What a picture is taken of: a table, or a copy of its state."""

    @property
    def scene(self) -> TableScene:
        """What knows the colours."""
        ...

    @property
    def model(self) -> mujoco.MjModel:
        """What there is."""
        ...

    @property
    def data(self) -> mujoco.MjData:
        """Where it is."""
        ...


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with square pixels.

    Attributes
    ----------
    T_body_camera : (4, 4)
        Pose of the optical frame (z forward, x right, y down) in the frame of ``body``; metres.
    fov_rad : float
        Vertical field of view.
    body : str
        What it is mounted on; empty for the table's frame.
    """

    T_body_camera: Array
    fov_rad: float
    body: str = ""

    def pose(self, table: Drawn) -> Array:
        """Return ``T_base_camera``, (4, 4)."""
        if not self.body:
            return self.T_body_camera.copy()
        body = table.data.body(self.body)
        mount: Array = np.eye(4)
        mount[:3, :3], mount[:3, 3] = body.xmat.reshape(3, 3), body.xpos
        return mount @ self.T_body_camera

    def half_tangents(self, height: int, width: int) -> tuple[float, float]:
        """Return the tangents of half the horizontal and half the vertical field of view."""
        vertical = math.tan(self.fov_rad / 2)
        return vertical * width / height, vertical


def look_at(
    eye: Sequence[float], target: Sequence[float], up: Sequence[float] = (0.0, 0.0, 1.0)
) -> Array:
    """Return the pose of an optical frame at ``eye`` that looks at ``target``, (4, 4)."""
    place = np.asarray(eye, np.float64)
    forward = np.asarray(target) - place
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    pose: Array = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = place
    return pose


_MIDDLE = (0.2, 0.0, 0.8)
CAMERAS: dict[str, Camera] = {
    "front": Camera(look_at((1.3, 0.0, 1.55), (0.17, 0.0, 0.9)), math.radians(42)),
    "wrist": Camera(
        look_at((0.09, 0.0, 0.03), (0.04, 0.0, 0.2), up=(1.0, 0.0, 0.0)),
        math.radians(75),
        panda.HAND,
    ),
    "left_shoulder": Camera(look_at((-0.25, 0.75, 1.5), _MIDDLE), math.radians(45)),
    "right_shoulder": Camera(look_at((-0.25, -0.75, 1.5), _MIDDLE), math.radians(45)),
    "overhead": Camera(look_at((0.2, 0.0, 2.0), _MIDDLE, up=(1.0, 0.0, 0.0)), math.radians(45)),
}
"""By name; ``front`` faces the arm, the shoulders look over it, ``wrist`` moves with the hand."""


class TableRenderer:
    """Draws the table that is open; every method may be called from any thread, one at a time.

    Parameters
    ----------
    size : int
        Height and width in pixels of the largest picture that will be asked for.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._thread = GlThread((size, size))
        self._canvas: Canvas | None = None
        self._table: Drawn | None = None

    def open(self, table: Drawn) -> None:
        """From now on draw this table."""
        self._thread.run(lambda: self._open(table))

    def views(self, names: Sequence[str], size: int) -> tuple[View, ...]:
        """Return what these cameras see now, ``size`` pixels high and wide, with depth."""
        return self._thread.run(lambda: self._views(names, size))

    def picture(self, name: str, height: int, width: int) -> Rgb:
        """Return the colours of one camera, (height, width, 3).

        The vertical field of view stays. Raises ``TOO_LARGE`` beyond the renderer's size.
        """
        if max(height, width) > self.size:
            raise WiwError(
                ErrorCode.TOO_LARGE,
                f"A picture of {height}x{width} does not fit the renderer's buffer.",
                f"Ask for at most {self.size}x{self.size}.",
            )
        return self._thread.run(lambda: self._picture(name, height, width))

    def close(self) -> None:
        """Free the GL context and end the thread; idempotent."""
        self._thread.close(self._drop)

    def _open(self, table: Drawn) -> None:
        self._drop()
        self._canvas = Canvas(table.model, table.data, self._thread.buffer_hw)
        self._table = table

    def _drop(self) -> None:
        if self._canvas is not None:
            self._canvas.close()
        self._canvas = self._table = None

    def _now(self) -> tuple[Canvas, Drawn]:
        """Return the canvas with everything where it is now."""
        canvas, table = self._canvas, self._table
        if canvas is None or table is None:
            raise WiwError(ErrorCode.NO_EPISODE, "No table is open.", "Reset first.")
        table.scene.paint(table.model, table.data)
        canvas.update(table.data)
        return canvas, table

    def _views(self, names: Sequence[str], size: int) -> tuple[View, ...]:
        canvas, table = self._now()
        views = []
        for name in names:
            camera = CAMERAS[name]
            pose = camera.pose(table)
            rgb, depth = canvas.rgbd(pose, (size, size), camera.half_tangents(size, size))
            k = pinhole.intrinsics(size, size, camera.fov_rad)
            views.append(View(name, rgb, depth=depth, intrinsics=k, T_base_camera=pose))
        return tuple(views)

    def _picture(self, name: str, height: int, width: int) -> Rgb:
        canvas, table = self._now()
        camera = CAMERAS[name]
        canvas.draw(camera.pose(table), (0, 0, width, height), camera.half_tangents(height, width))
        rgb, _ = canvas.read(height, width, depth=False)
        return np.ascontiguousarray(rgb[::-1])


def check_size(size: int) -> None:
    """Raise ``BAD_PARAMETER`` unless a picture may have this height and width."""
    if not 16 <= size <= MAX_SIZE:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The table cannot have images of {size} pixels; they have 16 to {MAX_SIZE}.",
        )
