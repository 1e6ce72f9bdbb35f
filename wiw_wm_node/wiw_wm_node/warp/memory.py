"""The memory of past RGB-D views: one surface, and the pictures to read its colours from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Observation, Rgb, View
from wiw_core.rollouts import main_view
from wiw_wm_node import views
from wiw_wm_node.warp.depths import DepthOf
from wiw_wm_node.warp.lens import Floats, Lens, Mask
from wiw_wm_node.warp.mesh import Mesh, Patch

Image = npt.NDArray[Any]

AGREEMENT = 0.04
"""A guessed depth is right if a remembered view has that depth there, up to this share."""
_ROW = 1024


@dataclass(frozen=True)
class Keyframe:
    """One remembered view at the model's size.

    Attributes
    ----------
    pose : Pose2
        ``T_now_base``: where the robot was, in the ``base_link`` of now.
    depth : (H, W) float32
        Metres; 0 where unknown.
    bounds : (H, W, 2) float32
        Least and greatest depth around each pixel (3 x 3); inf and 0 where nothing is known.
    """

    lens: Lens
    pose: Pose2
    rgb: Rgb
    depth: Floats
    bounds: Floats

    @staticmethod
    def of(view: View, pose: Pose2, size: tuple[int, int]) -> Keyframe:
        """Return the keyframe of a view that has depth."""
        lens = Lens.of(view, size)
        nearest = cv2.resize(valid_depth(view), size[::-1], interpolation=cv2.INTER_NEAREST)
        depth = np.asarray(nearest, dtype=np.float32)
        rgb = views.resized(view.rgb, size)
        return Keyframe(lens, pose, rgb, depth, _bounds(depth, lens.wraps))

    def points(self) -> Floats:
        """Return the (H, W, 3) points in the ``base_link`` of now; unknown ones at the camera."""
        return moved(self.lens.points(self.depth), self.pose)

    def read(self, points: Floats) -> tuple[Rgb, Mask]:
        """Return the colour of each (N, 3) point of now, and whether this view really saw it."""
        x, y, seen = self._look(points)
        return self._sample(self.rgb, x, y, cv2.INTER_LINEAR).astype(np.uint8, copy=False), seen

    def saw(self, points: Floats) -> Mask:
        """Return which of the (N, 3) points of now this view really saw.

        A point was seen if it lies at the depth that the view measured in its direction: neither
        hidden behind something, nor in mid-air.
        """
        return self._look(points)[2]

    def _look(self, points: Floats) -> tuple[Floats, Floats, Mask]:
        """Return where this picture would show the points, and whether it really does."""
        x, y, depth = self.lens.project(moved(points, self.pose.inverse()))
        inside = self.lens.inside(x, y) & (depth > 0.0)
        x, y = np.where(inside, x, 0.0), np.clip(np.where(inside, y, 0.0), 0, self.lens.height - 1)
        bounds = self._sample(self.bounds, x, y, cv2.INTER_NEAREST)
        seen = inside & (depth > bounds[:, 0] * (1.0 - AGREEMENT))
        seen &= depth < bounds[:, 1] * (1.0 + AGREEMENT)
        return x, y, seen

    def _sample(self, image: Image, x: Floats, y: Floats, how: int) -> Image:
        """Read an (H, W, C) image at N places, in rows: ``cv2.remap`` takes no very long map."""
        rows = max(1, -(-len(x) // _ROW))
        maps = [np.resize(m.astype(np.float32, copy=False), (rows, _ROW)) for m in (x, y)]
        edge = cv2.BORDER_WRAP if self.lens.wraps else cv2.BORDER_REPLICATE
        out = cv2.remap(image, maps[0], maps[1], how, borderMode=edge)
        return np.asarray(out).reshape(rows * _ROW, -1)[: len(x)]


@dataclass(frozen=True)
class Memory:
    """The last views of one camera, newest first; their surfaces in the ``base_link`` of now."""

    keyframes: tuple[Keyframe, ...]
    mesh: Mesh

    @staticmethod
    def of(
        observations: tuple[Observation, ...],
        context: int,
        size: tuple[int, int],
        depth_of: DepthOf = lambda view: view,
    ) -> Memory:
        """Remember the last ``context`` observations; the newest one must have depth.

        Older ones of another episode, or without depth, add nothing. ``depth_of`` gives each view
        the depth to use.

        Raises
        ------
        WiwError
            ``DEPTH_REQUIRED`` if the newest view has no depth, or none that is finite and positive.
        """
        now = observations[-1]
        main = depth_of(main_view(now))
        if main.depth is None or not valid_depth(main).any():
            what = (
                "has no depth" if main.depth is None else "has no valid depth (all 0 or not finite)"
            )
            raise WiwError(
                ErrorCode.DEPTH_REQUIRED,
                f"The model 'warp' needs depth, and the view '{main.name}' {what}.",
                "Give the robot a depth camera, or choose a model that does without.",
            )
        keyframes = []
        for observation in reversed(observations[-context:]):
            view = observation.view(main.name)
            if view is None or view.projection is not main.projection:
                continue
            if observation.episode_id != now.episode_id:
                continue
            view = main if observation is now else depth_of(view)
            if view.depth is not None:
                pose = now.base_pose.inverse() * observation.base_pose
                keyframes.append(Keyframe.of(view, pose, size))
        return Memory(tuple(keyframes), _fused(keyframes))

    @property
    def now(self) -> Keyframe:
        """The newest view."""
        return self.keyframes[0]


def valid_depth(view: View) -> Floats:
    """Return the (H, W) depth of a view with 0 wherever it is not finite and positive."""
    depth = np.asarray(view.depth, dtype=np.float32)
    return np.where(np.isfinite(depth) & (depth > 0.0), depth, np.float32(0.0))


def moved(points: Floats, pose: Pose2) -> Floats:
    """Return (..., 3) points of the pose's frame in the frame that the pose is given in."""
    c, s = math.cos(pose.yaw_rad), math.sin(pose.yaw_rad)
    x, y = points[..., 0], points[..., 1]
    out = np.empty_like(points)
    out[..., 0] = c * x - s * y + pose.x_m
    out[..., 1] = s * x + c * y + pose.y_m
    out[..., 2] = points[..., 2]
    return out


def _fused(keyframes: list[Keyframe]) -> Mesh:
    """Return the surface of the newest keyframe, and what older ones saw that it did not."""
    now = keyframes[0]
    patches = []
    for keyframe in keyframes[1:]:
        points = keyframe.points()
        kept = _unseen(now, points) & (keyframe.depth > 0.0)
        patches.append(Patch.of(points, keyframe.depth, kept, keyframe.lens.wraps))
    return Mesh.of(now.points(), now.depth, now.lens.wraps, patches)


def _unseen(now: Keyframe, points: Floats) -> Mask:
    """Return which of (H, W, 3) points the view did not see.

    One in four is looked at first, then all that are beside one that was not seen.
    """
    coarse = points[::2, ::2]
    missed = ~now.saw(coarse.reshape(-1, 3)).reshape(coarse.shape[:2])
    near = cv2.dilate(missed.astype(np.uint8), np.ones((3, 3), dtype=np.uint8))
    out = np.repeat(np.repeat(near, 2, axis=0), 2, axis=1)[: len(points), : points.shape[1]] > 0
    out[out] = ~now.saw(points[out])
    return np.asarray(out)


def _bounds(depth: Floats, wraps: bool) -> Floats:
    edge = cv2.BORDER_WRAP if wraps else cv2.BORDER_REPLICATE
    padded = cv2.copyMakeBorder(depth, 1, 1, 1, 1, edge)
    kernel = np.ones((3, 3), dtype=np.uint8)
    least = cv2.erode(np.where(padded > 0.0, padded, np.float32(np.inf)), kernel)
    greatest = cv2.dilate(padded, kernel)
    return np.ascontiguousarray(np.stack([least, greatest], axis=-1)[1:-1, 1:-1], dtype=np.float32)
