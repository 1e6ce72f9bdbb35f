"""One imagined frame: splat the depth, then read colours where remembered views agree with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wiw_core.cameras.panorama import roll_yaw
from wiw_core.geometry import Pose2
from wiw_wm_node.warp.fill import Fill
from wiw_wm_node.warp.memory import Memory, moved
from wiw_wm_node.warp.splat import dense, splat, without_see_through
from wiw_wm_node.warp.warped import Frame, Warped


def render(memory: Memory, pose: Pose2, fill: Fill) -> Frame:
    """Return what the camera of now would see from ``pose``, given in the ``base_link`` of now.

    Where nothing at all was ever seen the frame is black and its confidence 0.
    """
    now = memory.now
    if now.lens.wraps and pose.x_m == 0.0 and pose.y_m == 0.0:
        return Frame(np.asarray(roll_yaw(now.rgb, pose.yaw_rad), dtype=np.uint8), 1.0)
    picture = warped(memory, pose)
    if not picture.seen.any():
        return Frame(picture.rgb, 0.0)
    return fill(picture)


def warped(memory: Memory, pose: Pose2) -> Warped:
    """Return what is remembered of the view from ``pose``, and where there are holes."""
    lens = memory.now.lens
    there = replace(memory.mesh, points=moved(memory.mesh.points, pose.inverse()))
    nearness = without_see_through(splat(there, lens), lens.wraps)
    depth, surface = dense(nearness, lens.wraps)
    points = moved(lens.points(depth), pose).reshape(-1, 3)
    newest, *older = memory.keyframes
    colours, seen = newest.read(points)
    seen &= surface.ravel()
    for keyframe in older:
        left = np.flatnonzero(surface.ravel() & ~seen)
        if not left.size:
            break
        colours[left], seen[left] = keyframe.read(points[left])
    colours[~seen] = 0
    rgb = colours.reshape(lens.height, lens.width, 3)
    return Warped(lens, rgb, seen.reshape(surface.shape), depth)
