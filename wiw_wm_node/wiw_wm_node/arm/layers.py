"""Copies of what a path moves, drawn where it may end: the network says which one is real.

What was grasped is moved as the tool is from grasp to release, and let down to each of a few
levels: as commanded, on the table, on a plate or in a cup, in two cups, on top of a spoke. What is
pushed is moved until its near face is where the fingers end. Things that stay hide what is put
behind or into them. Nothing is recognised: all points near
the fingers are moved, and the network says which of them belong to the thing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wiw_core.geometry import Array
from wiw_core.observation import Rgb
from wiw_wm_node.arm.look import TABLE_M, Camera, Look
from wiw_wm_node.arm.path import Path, Push

LEVELS_M = (0.0, 0.025, 0.05, 0.104)
"""Heights above the table at which a thing that was let go may stand."""
COUNT = 1 + len(LEVELS_M)
"""Layers of every path."""

_ABOVE_M = 0.005
"""Points so little above the table may be the table's."""
_GRASP_RADIUS_M, _GRASP_BELOW_M, _GRASP_ABOVE_M = 0.1, 0.075, 0.03
_GAP_HALF_M = (0.03, 0.042, 0.03)
"""Half sides of the room in which something must be for the fingers to close on it, a misreading's
worth larger than the gap: across the fingers, along their way, and along the tool."""
_FINGER_HALF_M, _FINGER_FRONT_M = 0.021, 0.011
"""Half the width of the closed fingers across a push, and their front ahead of the tool."""
_PUSHED_HALF_M, _PUSHED_LENGTH_M, _PUSHED_TOP_M = 0.07, 0.12, 0.085
_FEWEST, _NEAR_PERCENT = 4, 4.0
_TALLEST_M, _BEHIND_M, _UNDER_M = 0.15, 0.002, 0.03
"""What is higher than the first is hand and arm, which goes away; what is nearer to the camera by
more than the second hides what is moved; so far around its middle things are under it."""

Mask = npt.NDArray[np.bool_]


def layers(look: Look, path: Path) -> tuple[Rgb, Mask]:
    """Return pictures (COUNT, H, W, 3) of what moves and where they show something (COUNT, H, W).

    The first is what moves as commanded, the others are the levels.
    """
    camera = look.camera
    pictures = np.zeros((COUNT, *camera.size, 3), np.uint8)
    covers = np.zeros((COUNT, *camera.size), np.bool_)
    stands = look.height_m > _ABOVE_M
    taken = _taken(look, path) & stands
    if path.grasp is not None and path.put is not None and taken.sum() >= _FEWEST:
        points, colours = look.points[taken], look.rgb[taken]
        front = _front(look, stands & ~taken)
        turn = path.put @ np.linalg.inv(path.grasp)
        moved = points @ turn[:3, :3].T + turn[:3, 3]
        pictures[0], covers[0] = drawn(moved, colours, camera, front)
        if not path.held:
            low = float(np.percentile(moved[:, 2], _NEAR_PERCENT)) - TABLE_M - _ABOVE_M
            for index, level in enumerate(LEVELS_M, start=1):
                down = np.array([0.0, 0.0, level - low])
                pictures[index], covers[index] = drawn(moved + down, colours, camera, front)
        return pictures, covers
    points = look.points.copy()
    touched = np.zeros(stands.shape, np.bool_)
    for push in path.pushes:
        touched |= _push(points, stands & (look.height_m < _PUSHED_TOP_M), push)
    if touched.any():
        pictures[0], covers[0] = drawn(points[touched], look.rgb[touched], camera)
    return pictures, covers


def support(look: Look, path: Path) -> tuple[float, float]:
    """Return how high things reach where a grasped thing is put, and how high its lowest point is.

    Metres above the table: what it may come to rest on, and on what it stood; 0 without a grasp.
    """
    stands = look.height_m > _ABOVE_M
    taken = _taken(look, path) & stands
    if path.grasp is None or path.put is None or taken.sum() < _FEWEST:
        return 0.0, 0.0
    points = look.points[taken]
    turn = path.put @ np.linalg.inv(path.grasp)
    low, high = np.percentile(points @ turn[:3, :3].T + turn[:3, 3], (5.0, 95.0), axis=0)
    away = look.points[..., :2] - 0.5 * (low + high)[:2]
    under = stands & ~taken & (look.height_m < _TALLEST_M)
    under &= np.hypot(away[..., 0], away[..., 1]) < _UNDER_M
    top = float(look.height_m[under].max()) if under.any() else 0.0
    return top, float(np.percentile(points[:, 2], _NEAR_PERCENT)) - TABLE_M


def drawn(
    points: Array, colours: Rgb, camera: Camera, front: Array | None = None
) -> tuple[Rgb, Mask]:
    """Return the picture (H, W, 3) of points (N, 3) with colours (N, 3), and what it covers.

    Each point covers 2 x 2 pixels; the nearest one is seen, unless it is behind ``front``, depths
    (H, W) in metres along the optical axis.
    """
    height, width = camera.size
    uv, depth = camera.pixels(points)
    good = np.isfinite(uv).all(axis=1)
    order = np.flatnonzero(good)[np.argsort(-depth[good], kind="stable")]
    corner = np.floor(uv[order]).astype(int)
    picture = np.zeros((height, width, 3), np.uint8)
    nearest = np.full((height, width), -1)
    for shift in ((0, 0), (1, 0), (0, 1), (1, 1)):
        columns, rows = corner[:, 0] + shift[0], corner[:, 1] + shift[1]
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        # Later entries are nearer; of one shift the last write wins, of several the maximum.
        rank = np.full((height, width), -1)
        rank[rows[inside], columns[inside]] = np.flatnonzero(inside)
        nearest = np.maximum(nearest, rank)
    cover = nearest >= 0
    if front is not None:
        cover[cover] = depth[order[nearest[cover]]] < front[cover] + _BEHIND_M
    picture[cover] = colours[order[nearest[cover]]]
    return picture, np.asarray(cover)


def _front(look: Look, stands: Mask) -> Array:
    """Return the depth (H, W) of the things that stay where they are; infinite elsewhere."""
    stays = stands & (look.height_m < _TALLEST_M)
    front = np.full(look.camera.size, np.inf)
    front[stays] = look.camera.pixels(look.points[stays])[1]
    return front


def _taken(look: Look, path: Path) -> Mask:
    """Return which points are near the closed fingers, (H, W); none if they close on nothing."""
    nothing = np.zeros(look.camera.size, np.bool_)
    if path.grasp is None:
        return nothing
    away = look.points - path.grasp[:3, 3]
    inside = (np.abs(away @ path.grasp[:3, :3]) < _GAP_HALF_M).all(axis=-1)
    if not (inside & (look.height_m > _ABOVE_M)).any():
        return nothing
    flat = np.hypot(away[..., 0], away[..., 1])
    near = (away[..., 2] > -_GRASP_BELOW_M) & (away[..., 2] < _GRASP_ABOVE_M)
    return np.asarray((flat < _GRASP_RADIUS_M) & near)


def _push(points: Array, stands: Mask, push: Push) -> Mask:
    """Move the points that the fingers push on, in place; return which these are."""
    way = (push.end - push.start)[:2]
    length = float(np.hypot(*way))
    ahead = way / length
    away = points[..., :2] - push.start[:2]
    along, across = away @ ahead, away @ np.array([-ahead[1], ahead[0]])
    hit = stands & (np.abs(across) < _FINGER_HALF_M) & (along > 0.0)
    hit &= along < length + _FINGER_FRONT_M
    if hit.sum() < _FEWEST:
        return np.zeros(stands.shape, np.bool_)
    face = float(np.percentile(along[hit], _NEAR_PERCENT))
    pushed = stands & (np.abs(across) < _PUSHED_HALF_M)
    pushed &= (along > face - 0.02) & (along < face + _PUSHED_LENGTH_M)
    points[pushed, :2] += (length + _FINGER_FRONT_M - face) * ahead
    return np.asarray(pushed)
