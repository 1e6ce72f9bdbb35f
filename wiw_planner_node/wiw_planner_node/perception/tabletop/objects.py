"""Where the things on a table are, from one RGB-D view: it stands in for the privilege."""

from __future__ import annotations

import cv2
import numpy as np

from wiw_core.cameras import pinhole
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose3
from wiw_core.observation import Observation, Projection, View
from wiw_planner_node.perception.tabletop.camera import TableCamera
from wiw_planner_node.perception.tabletop.colours import Mask, coloured, hsv, whiteness
from wiw_planner_node.perception.tabletop.patches import TABLE_M, hues, on_table

_LOW_M, _HIGH_M = TABLE_M - 0.003, 0.93
"""Heights between which things stand."""
_HAND_RADIUS_M, _TIP_M = 0.13, 0.02
"""So far around the tool, and so far above it, everything is hand and arm."""
_TOP_M, _SAME_AXIS_M = 0.012, 0.03
"""So thick is the top of a thing; things that stand nearer than this share an axis."""
_FEWEST_PIXELS = 12
_EDGE_PERCENT = 2.0


def objects_seen(now: Observation) -> list[Array]:
    """Return the middles (3,) in metres of the things on the table, in order of y.

    Each patch of one strong colour is a thing, and so is one pale patch; wood and grey are table
    and arm. A thing's middle is in line with that of its top, and half way up the surface that is
    seen, so that of a thing half hidden is off.

    Raises
    ------
    WiwError
        ``DEPTH_REQUIRED`` if no calibrated perspective view has depth.
    """
    view = next((v for v in now.views if _measures(v)), None)
    if view is None or view.depth is None:
        raise WiwError(
            ErrorCode.DEPTH_REQUIRED,
            "To see where things are takes a perspective view with depth, and there is none.",
            "Give the robot a depth camera, or use objects_from=centroids.",
        )
    camera, image = TableCamera.of(view), hsv(view.rgb)
    points = _points(view, view.depth)
    stands = on_table(camera) & (points[..., 2] > _LOW_M) & (points[..., 2] < _HIGH_M)
    stands &= ~_hand(points, now.tool_pose)
    masks = [coloured(image, colour) for colour in hues(image, camera)]
    masks.append(np.asarray(whiteness(image) > 0.5))
    middles = [m for mask in masks if (m := _middle(points, mask & stands)) is not None]
    return sorted(_aligned(middles), key=lambda m: (float(m[1]), float(m[0])))


def _measures(view: View) -> bool:
    calibrated = view.projection is Projection.PERSPECTIVE and view.intrinsics[0, 0] > 0.0
    return calibrated and view.depth is not None


def _points(view: View, depth: np.ndarray) -> Array:
    """Return (H, W, 3) points in the table's frame; NaN where depth is unknown."""
    known = np.where(np.isfinite(depth) & (depth > 0.0), depth, np.nan)
    local = pinhole.unproject(known, view.intrinsics)
    turn, place = view.T_base_camera[:3, :3], view.T_base_camera[:3, 3]
    return np.asarray(local @ turn.T + place, np.float64)


def _hand(points: Array, tool: Pose3 | None) -> Mask:
    """Return which points belong to the hand, by where the arm says that its tool is."""
    if tool is None:
        return np.zeros(points.shape[:2], bool)
    away = points - tool.position
    flat = np.hypot(away[..., 0], away[..., 1])
    return np.asarray((flat < _HAND_RADIUS_M) & (away[..., 2] > _TIP_M))


def _middle(points: Array, mask: Mask) -> Array | None:
    """Return the middle of the box around a mask's largest patch; None if there is none."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    if stats[largest, cv2.CC_STAT_AREA] < _FEWEST_PIXELS:
        return None
    patch = points[labels == largest]
    low, high = _box(patch)
    # The far side of a thing is hidden by itself, its top hardly ever is.
    top_low, top_high = _box(patch[patch[:, 2] > high[2] - _TOP_M])
    middle = (low + high) / 2.0
    middle[:2] = (top_low[:2] + top_high[:2]) / 2.0
    return np.asarray(middle, np.float64)


def _box(patch: Array) -> tuple[Array, Array]:
    low, high = np.percentile(patch, (_EDGE_PERCENT, 100.0 - _EDGE_PERCENT), axis=0)
    return low, high


def _aligned(middles: list[Array]) -> list[Array]:
    """Let what stands in another thing, or on it, lend it its place: the upper one hides less."""
    aligned = [middle.copy() for middle in middles]
    for middle in aligned:
        near = [m for m in middles if float(np.hypot(*(m - middle)[:2])) < _SAME_AXIS_M]
        middle[:2] = max(near, key=lambda m: float(m[2]))[:2]
    return aligned
