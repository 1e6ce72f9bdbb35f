"""What one panorama with depth says of the floor, the ceiling and what stands between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from wiw_core.cameras import panorama
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import T_BASE_OPTICAL, Pose2
from wiw_core.observation import Observation, Projection, View

Points = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

FLOOR_BELOW_M = 0.025
"""Seen points lower than this are floor."""
LOWEST_M, HIGHEST_M = 0.03, 1.10
"""Heights above the floor at which a thing is in the way of the robot (1.0 m tall): the foot of a
lamp is 4 cm high. A depth camera with more noise than a centimetre needs a higher least height."""
LINTEL_M, CEILING_M = 2.15, 2.52
"""What is seen between these heights is a wall, or the wall above a door; higher is ceiling."""
_ROWS = 288
_STEP_M = 0.04
_LONGEST_GAP_M = 0.8
_BESIDE_M = 0.25


@dataclass(frozen=True)
class Sweep:
    """Points (N, 2) in odom, metres: floor, ceiling, obstacles and walls that one panorama shows.

    What lies between neighbouring pixels of one kind is filled in, so that points are about 4 cm
    apart whatever the resolution.
    """

    floor: Points
    ceiling: Points
    obstacles: Points
    walls: Points


def sweep(observation: Observation) -> Sweep:
    """Return what the observation's panorama shows.

    Raises
    ------
    WiwError
        ``PANORAMA_REQUIRED`` without a panorama, ``DEPTH_REQUIRED`` if it has no valid depth.
    """
    points, valid = points_of(panorama_of(observation), observation.base_pose)
    z = points[..., 2]
    tall = valid & (z > LOWEST_M) & (z < HIGHEST_M)
    # A lone pixel at an edge mixes what is before and behind it: a thing covers several.
    tall &= np.roll(tall, 1, axis=0) | np.roll(tall, -1, axis=0)
    wall = valid & (z > LINTEL_M) & (z < CEILING_M)
    return Sweep(
        floor=_filled(points, valid & (z < FLOOR_BELOW_M)),
        ceiling=_filled(points, valid & (z >= CEILING_M)),
        obstacles=_filled(points, tall, _BESIDE_M),
        walls=_filled(points, wall, _BESIDE_M),
    )


def panorama_of(observation: Observation) -> View:
    """Return the observation's panorama; raises as :func:`sweep`."""
    for view in observation.views:
        if view.projection is Projection.EQUIRECTANGULAR:
            if view.depth is None or not (np.isfinite(view.depth) & (view.depth > 0.0)).any():
                raise WiwError(
                    ErrorCode.DEPTH_REQUIRED,
                    f"A map cannot be drawn from view '{view.name}', which has no depth.",
                    "Give the robot a panorama with depth.",
                )
            return view
    raise WiwError(
        ErrorCode.PANORAMA_REQUIRED,
        "A map is drawn from a panorama; this observation has none.",
        "Give the robot a panorama with depth.",
    )


def points_of(view: View, base: Pose2) -> tuple[Points, Mask]:
    """Return (rows, columns, 3) points in the frame of ``base``, and where they are valid.

    Every second or third row and column is taken where there are more than 288.
    """
    assert view.depth is not None
    height, width = view.size
    stride = max(1, height // _ROWS)
    depth = view.depth[::stride]
    valid = np.isfinite(depth) & (depth > 0.0)
    T_odom_camera = base.matrix() @ view.T_base_camera
    rotation = T_odom_camera[:3, :3].astype(np.float32)
    along = _rays(height, width, stride) @ rotation.T
    points = along * np.where(valid, depth, 0.0).astype(np.float32)[..., None]
    return points + T_odom_camera[:3, 3].astype(np.float32), valid


@lru_cache(maxsize=4)
def _rays(height: int, width: int, stride: int) -> Points:
    """Return (rows, columns, 3) unit rays in the optical frame."""
    rays = panorama.rays(height, width)[::stride] @ T_BASE_OPTICAL[:3, :3]
    return np.ascontiguousarray(rays, dtype=np.float32)


def _filled(points: Points, mask: Mask, longest_m: float = _LONGEST_GAP_M) -> Points:
    """Return the (N, 2) masked points, and those between neighbours that are both masked.

    Between vertical neighbours no more than ``longest_m`` apart, and between horizontal ones, the
    surface goes on, or one of them would not be seen.
    """
    flat = points[..., :2]
    above = _between(flat[:-1], flat[1:], mask[:-1] & mask[1:], longest_m)
    beside = _between(flat[:, :-1], flat[:, 1:], mask[:, :-1] & mask[:, 1:], _BESIDE_M)
    return np.concatenate([flat[mask], above, beside])


def _between(start: Points, end: Points, pair: Mask, longest_m: float) -> Points:
    """Return points every 4 cm between pairs that are farther apart than that."""
    start, end = start[pair], end[pair]
    gap = np.hypot(*(end - start).T)
    apart = (gap > _STEP_M) & (gap < longest_m)
    start, end, gap = start[apart], end[apart], gap[apart]
    count = np.ceil(gap / _STEP_M).astype(np.int64)
    which = np.repeat(np.arange(len(count)), count)
    share = (np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)) / count[which]
    between = start[which] + (end - start)[which] * share[:, None].astype(np.float32)
    return np.asarray(between, np.float32)
