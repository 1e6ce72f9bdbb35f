"""From pixels of a calibrated, still camera to places on planes above a table, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wiw_core.cameras import pinhole
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array
from wiw_core.observation import Projection, View


@dataclass(frozen=True)
class TableCamera:
    """A camera that does not move, whatever size its frames have.

    Attributes
    ----------
    intrinsics : (3, 3) float64
        For frames of ``size`` (height, width).
    T_base_camera : (4, 4) float64
        Pose of its optical frame; metres.
    """

    intrinsics: Array
    size: tuple[int, int]
    T_base_camera: Array

    @classmethod
    def of(cls, view: View) -> TableCamera:
        """Return the camera of a view; raises ``BAD_IMAGE`` unless it is a calibrated pinhole."""
        if view.projection is not Projection.PERSPECTIVE or view.intrinsics[0, 0] <= 0.0:
            raise WiwError(
                ErrorCode.BAD_IMAGE,
                f"View '{view.name}' is no calibrated perspective view of the table.",
            )
        return cls(view.intrinsics, view.size, view.T_base_camera)

    def at(self, size: tuple[int, int]) -> TableCamera:
        """Return the same camera for frames of another (height, width)."""
        if size == self.size:
            return self
        scaled = pinhole.resized(self.intrinsics, self.size, size)
        return TableCamera(scaled, size, self.T_base_camera)

    def pixels(self, points: npt.ArrayLike) -> Array:
        """Return pixels (..., 2), column and row, of points (..., 3) in the table's frame."""
        T_camera_base = np.linalg.inv(self.T_base_camera)
        local = np.asarray(points, np.float64) @ T_camera_base[:3, :3].T + T_camera_base[:3, 3]
        return np.asarray(pinhole.project(local, self.intrinsics)[0], np.float64)

    def on_plane(self, pixels: npt.ArrayLike, z_m: float) -> Array:
        """Return x and y (..., 2) in metres of where pixels meet the level plane at ``z_m``."""
        uv = np.asarray(pixels, np.float64)
        ones = np.ones((*uv.shape[:-1], 1))
        rays = np.concatenate([uv, ones], -1) @ np.linalg.inv(self.intrinsics).T
        rays = rays @ self.T_base_camera[:3, :3].T
        eye = self.T_base_camera[:3, 3]
        scale = (z_m - eye[2]) / rays[..., 2:]
        return np.asarray(eye[:2] + scale * rays[..., :2])
