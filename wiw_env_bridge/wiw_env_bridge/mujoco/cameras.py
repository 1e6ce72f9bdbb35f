"""The robot's cameras: a level pinhole view and a full panorama, with depth and masks."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.cameras import cubemap, pinhole
from wiw_core.cameras.remap import across_edges
from wiw_core.geometry import T_BASE_OPTICAL, Array, Pose2
from wiw_core.observation import Depth, Rgb
from wiw_env_bridge.mujoco.canvas import metres
from wiw_env_bridge.mujoco.stage import Stage

CAMERA_HEIGHT_M = 1.0
"""Height of every camera above the floor (arXiv 2510.18135, appendix B)."""
_BORDER = 2

Mask = npt.NDArray[np.bool_]


def camera_pose() -> Array:
    """Return ``T_base_camera`` of every camera: straight ahead, ``CAMERA_HEIGHT_M`` up; (4, 4)."""
    pose = T_BASE_OPTICAL.copy()
    pose[2, 3] = CAMERA_HEIGHT_M
    return pose


class PinholeCamera:
    """A level camera that looks along base +x.

    Parameters
    ----------
    size : int
        Height and width in pixels.
    fov_rad : float
        Field of view, both ways.
    """

    def __init__(self, size: int, fov_rad: float = math.pi / 2) -> None:
        self.size = size
        self.intrinsics = pinhole.intrinsics(size, size, fov_rad)
        self.buffer_hw = (size, size)
        self._half_tangents = (math.tan(fov_rad / 2), math.tan(fov_rad / 2))

    def rgbd(self, stage: Stage, pose: Pose2) -> tuple[Rgb, Depth]:
        """Return colours (H, W, 3) and metres along the optical axis (H, W)."""
        return stage.rgbd(pose.matrix() @ camera_pose(), self.buffer_hw, self._half_tangents)

    def mask(self, stage: Stage, pose: Pose2, body: int) -> Mask:
        """Return where the body is seen, (H, W)."""
        self._draw(stage, pose, ids=True)
        return np.asarray(stage.read_bodies(self.size, self.size)[::-1] == body)

    def may_see(self, direction: Array, margin_rad: float) -> bool:
        """Tell whether a cone around a direction in ``base_link`` could be in the picture."""
        return _in_pyramid(T_BASE_OPTICAL[:3, :3], direction, self._half_tangents[0], margin_rad)

    def _draw(self, stage: Stage, pose: Pose2, *, ids: bool) -> None:
        viewport = (0, 0, self.size, self.size)
        stage.draw(pose.matrix() @ camera_pose(), viewport, self._half_tangents, ids=ids)


def strip_hw(width: int) -> tuple[int, int]:
    """Return height and width of the strip of faces that a panorama of this width is made from."""
    face = max(8, width // 4)
    return 6 * face, face


class PanoramaCamera:
    """Six cube faces drawn one above the other and read at once, then resampled to a panorama.

    Parameters
    ----------
    height, width : int
        Size in pixels.
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.buffer_hw = strip_hw(width)
        self.face = face = self.buffer_hw[1]
        map_x, map_y = cubemap.panorama_map(height, width, face, _BORDER)
        map_y = (6 * face - 1) - map_y  # the strip is read from its lowest row upwards
        self._map = map_x, map_y
        self._fast_map = cv2.convertMaps(map_x, map_y, cv2.CV_16SC2)
        self._nearest = np.rint(map_y).astype(np.int64) * face + np.rint(map_x).astype(np.int64)
        self._ray_lengths = cubemap.ray_lengths(height, width).astype(np.float32)
        self._half_tangent = face / (face - 2 * _BORDER)

    def rgb(self, stage: Stage, pose: Pose2) -> Rgb:
        """Return colours (H, W, 3)."""
        self._draw(stage, pose, range(6), ids=False)
        return self._colours(stage.read(*self.buffer_hw, depth=False)[0])

    def rgbd(self, stage: Stage, pose: Pose2) -> tuple[Rgb, Depth]:
        """Return colours (H, W, 3) and metres along the rays (H, W)."""
        self._draw(stage, pose, range(6), ids=False)
        rgb, inverse = stage.read(*self.buffer_hw, depth=True)
        assert inverse is not None
        smooth = metres(cv2.remap(inverse, *self._map, cv2.INTER_LINEAR))
        nearest = metres(inverse.ravel()[self._nearest])
        return self._colours(rgb), across_edges(smooth, nearest) * self._ray_lengths

    def mask(
        self, stage: Stage, pose: Pose2, body: int, direction: Array, radius_rad: float
    ) -> Mask:
        """Return where the body is seen, (H, W); only the faces that could show it are drawn.

        ``direction`` (3,) in the camera's levelled base axes and ``radius_rad`` bound the body.
        """
        faces = [
            k
            for k, rotation in enumerate(cubemap.ROTATIONS)
            if _in_pyramid(rotation, direction, self._half_tangent, radius_rad)
        ]
        self._draw(stage, pose, faces, ids=True)
        seen = (stage.read_bodies(*self.buffer_hw) == body).reshape(6, -1)
        drawn = np.zeros(6, np.bool_)
        drawn[[5 - k for k in faces]] = True  # the rest of the buffer is from an earlier picture
        seen &= drawn[:, None]
        return np.asarray(seen.ravel()[self._nearest])

    def bodies(self, stage: Stage, pose: Pose2) -> npt.NDArray[np.int32]:
        """Return the body each pixel shows, (H, W); 0 is floor, walls and doors."""
        self._draw(stage, pose, range(6), ids=True)
        return np.asarray(stage.read_bodies(*self.buffer_hw).ravel()[self._nearest])

    def _colours(self, strip: Rgb) -> Rgb:
        return np.asarray(cv2.remap(strip, *self._fast_map, cv2.INTER_LINEAR), np.uint8)

    def _draw(self, stage: Stage, pose: Pose2, faces: range | list[int], *, ids: bool) -> None:
        T_map_camera = pose.matrix()
        T_map_camera[2, 3] = CAMERA_HEIGHT_M
        rotation = T_map_camera[:3, :3].copy()
        for k in faces:
            T_map_camera[:3, :3] = rotation @ cubemap.ROTATIONS[k]
            viewport = (0, (5 - k) * self.face, self.face, self.face)
            stage.draw(T_map_camera, viewport, (self._half_tangent,) * 2, ids=ids)


def _in_pyramid(rotation: Array, direction: Array, half_tangent: float, margin_rad: float) -> bool:
    """Tell, erring on the side of yes, whether a cone of this half angle meets a square pyramid."""
    corner = math.atan(half_tangent * math.sqrt(2.0))
    cosine = float(np.clip(rotation[:, 2] @ direction / np.linalg.norm(direction), -1.0, 1.0))
    return math.acos(cosine) <= corner + margin_rad
