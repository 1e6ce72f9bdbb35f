"""A panorama from pictures that one camera took while the base turned in place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from wiw_core.cameras import panorama, pinhole
from wiw_core.cameras.panorama import TURNS_PER_CIRCLE
from wiw_core.geometry import T_BASE_OPTICAL, Array
from wiw_core.observation import Depth, Projection, Rgb, View
from wiw_core.plans import TURN_RAD
from wiw_env_bridge.robot.sections import Panorama

NAME = "panorama"
_EDGE_PX = 0.5


@dataclass(frozen=True)
class Shot:
    """One perspective view, and how far the base had turned left by then."""

    view: View
    yaw_rad: float


def look_around(
    settings: Panorama,
    turn_to: Callable[[float], None],
    shoot: Callable[[], Shot],
    heading: Callable[[], float],
) -> View:
    """Return the panorama of one full turn to the left, which ends about where it began.

    Its centre is where the base looks in the end.

    Parameters
    ----------
    turn_to : callable
        Turns the base left to this angle from where it stood at first, radians; raises if it
        cannot. Each call is one turn further, at most 22.5 degrees.
    shoot : callable
        Takes a picture of the turned camera, the robot being still.
    heading : callable
        How far the base has really turned left, radians.
    """
    shots = []
    for step in range(TURNS_PER_CIRCLE):
        if step % (TURNS_PER_CIRCLE // settings.turns) == 0:
            shots.append(shoot())
        turn_to((step + 1) * TURN_RAD)
    end = heading()
    shots = [replace(shot, yaw_rad=shot.yaw_rad - end) for shot in shots]
    return stitch(shots, settings.height, settings.width)


def stitch(shots: Sequence[Shot], height: int, width: int) -> View:
    """Return an equirectangular view, centred on yaw 0, of pictures turned about the vertical.

    A ray takes its pixel from the picture whose axis is nearest to it. The camera's distance from
    the axis of turning is left out: nearby things are off by that parallax. What no picture shows
    is black, with depth 0. Depth is metres along the ray, from pictures with metres along the axis.
    """
    rays = panorama.rays(height, width)
    rgb: Rgb = np.zeros((height, width, 3), np.uint8)
    depth: Depth | None = None
    if all(shot.view.depth is not None for shot in shots):
        depth = np.zeros((height, width), np.float32)
    nearest = np.full((height, width), -1.0)
    for shot in shots:
        rotation = _turned(shot)
        optical = rays @ rotation
        pixels, along = pinhole.project(optical, shot.view.intrinsics)
        rows, columns = shot.view.size
        x, y = pixels[..., 0], pixels[..., 1]
        inside = (x >= -_EDGE_PX) & (x <= columns - 1 + _EDGE_PX)
        inside &= (y >= -_EDGE_PX) & (y <= rows - 1 + _EDGE_PX)
        better = inside & (along > nearest)
        nearest[better] = along[better]
        map_x = np.where(better, x, 0.0).astype(np.float32)
        map_y = np.where(better, y, 0.0).astype(np.float32)
        colours = cv2.remap(
            shot.view.rgb, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        rgb[better] = colours[better]
        if depth is not None and shot.view.depth is not None:
            axial = cv2.remap(
                shot.view.depth, map_x, map_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
            )
            depth[better] = (axial / np.maximum(along, 1e-6))[better]
    pose = T_BASE_OPTICAL.copy()
    pose[2, 3] = float(np.mean([shot.view.T_base_camera[2, 3] for shot in shots]))
    return View(NAME, rgb, Projection.EQUIRECTANGULAR, depth, T_base_camera=pose)


def _turned(shot: Shot) -> Array:
    """Return the rotation from the camera, at its yaw, to the base as it stood at the beginning."""
    c, s = math.cos(shot.yaw_rad), math.sin(shot.yaw_rad)
    level = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(level @ shot.view.T_base_camera[:3, :3])
