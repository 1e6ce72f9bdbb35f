"""One imagined frame: splat the depth, then read colours where remembered views agree with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wiw_core.cameras.panorama import roll_yaw
from wiw_core.geometry import Pose2
from wiw_core.observation import Rgb
from wiw_wm_node.warp.fill import Fill
from wiw_wm_node.warp.lens import Mask
from wiw_wm_node.warp.memory import Memory, moved
from wiw_wm_node.warp.mesh import Mesh
from wiw_wm_node.warp.splat import dense, splat, without_see_through


@dataclass(frozen=True)
class Frame:
    """An imagined frame.

    Attributes
    ----------
    rgb : (H, W, 3) uint8
    confidence : float
        Share of the view, by solid angle in a panorama, that was really seen and not filled.
    """

    rgb: Rgb
    confidence: float


def render(memory: Memory, pose: Pose2, fill: Fill) -> Frame:
    """Return what the camera of now would see from ``pose``, given in the ``base_link`` of now.

    Where nothing at all was ever seen the frame is black and its confidence 0.
    """
    now = memory.now
    if now.lens.wraps and pose.x_m == 0.0 and pose.y_m == 0.0:
        return Frame(np.asarray(roll_yaw(now.rgb, pose.yaw_rad), dtype=np.uint8), 1.0)
    lens = now.lens
    there = Mesh(moved(memory.mesh.points, pose.inverse()), memory.mesh.quads)
    nearness = without_see_through(splat(there, lens), lens.wraps)
    depth, surface = dense(nearness, lens.wraps)
    points = moved(lens.points(depth), pose).reshape(-1, 3)
    rgb = np.zeros((lens.height, lens.width, 3), dtype=np.uint8)
    seen = np.zeros((lens.height, lens.width), dtype=np.bool_)
    for keyframe in memory.keyframes:
        left = np.flatnonzero(surface & ~seen)
        if not left.size:
            break
        colours, valid = keyframe.read(points[left])
        rgb.reshape(-1, 3)[left[valid]] = colours[valid]
        seen.reshape(-1)[left] = valid
    if not seen.all() and seen.any():
        rgb = fill(rgb, seen, depth, lens.wraps)
    return Frame(rgb, _share(seen, lens.wraps))


def _share(seen: Mask, panoramic: bool) -> float:
    if not panoramic:
        return float(seen.mean())
    latitude = (np.arange(seen.shape[0]) + 0.5) / seen.shape[0] * np.pi
    return float(np.average(seen.mean(axis=1), weights=np.sin(latitude)))
