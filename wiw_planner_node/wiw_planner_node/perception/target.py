"""Where the boxed object is, now, later and in imagined frames.

The tracker knows no model: the box's middle, depth and colour give the object's place in the
odometry frame, and a camera path says where it will appear. There a patch of its colour is looked
for (the paper segments and tracks it, arXiv 2510.18135, appendix B.1), so that an object half
hidden at first is taken in whole once it shows whole. A model that really moves the camera (the
oracle, a warp) shows it there; the copy control shows whatever else its unmoved picture has at that
place, and the rotate control the same after an exact turn. So a model is credited only with frames
that agree with the plan.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose2
from wiw_core.observation import Observation, Projection, Rgb, View
from wiw_planner_node.perception.crops import (
    WIDEST_RAD,
    Gaze,
    gaze_after,
    gaze_at_box,
    gaze_within,
    holds,
    look,
    pixels_across,
    ranges,
)

_WIDE = 2.5
_WIDE_M = 0.6
"""The tracker looks for the object in a square this many times its size, and at least so wide."""
_FOLLOW_SIDE = 64
_SAME_HUE = 0.93
_SAME_CHROMA = (0.4, 1.8)
_GREY = 12.0
"""CIELAB chroma below which a colour has no hue to go by."""
_ABOUT = 2.0
_SEEDS = 7
_LEAST_FIT = 0.4
_ENLARGE = 1.15
_SAME_PLACE_M = 0.3

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Sighting:
    """The target in one view; ``pixels`` of the view are spanned by the gaze."""

    view: View
    gaze: Gaze

    @property
    def pixels(self) -> float:
        """How many pixels of the view the gaze spans."""
        return pixels_across(self.view, self.gaze)


@dataclass(frozen=True)
class TrackedTarget:
    """The target's place.

    Attributes
    ----------
    place : (3,) float64
        Its middle in odom; z is metres above the camera.
    size_m : float
        Extent of its box.
    colour : (2,) float64
        CIELAB a and b of the patch that fills its box; zeros if none does.
    """

    place: Array
    size_m: float
    colour: Array

    def gaze(self, base: Pose2) -> Gaze:
        """Return where it appears from a base pose in odom."""
        return gaze_after(self.place, self.size_m, base)

    def around(self, base: Pose2) -> Gaze:
        """Return a gaze that takes in the object and what is about it."""
        return gaze_after(self.place, max(_WIDE * self.size_m, _WIDE_M), base)

    def refined(self, new: TrackedTarget) -> TrackedTarget:
        """Return where it was seen anew, if that is near enough to be the same object."""
        if float(np.linalg.norm(new.place - self.place)) > _SAME_PLACE_M:
            return self
        return replace(new, colour=self.colour)


def sighting(observation: Observation) -> Sighting | None:
    """Return the boxed target in the view that shows it in most pixels; None without a box."""
    seen = [
        Sighting(view, gaze_at_box(view, view.target_box))
        for view in observation.views
        if view.target_box is not None
    ]
    return max(seen, key=lambda s: s.pixels, default=None)


def locate(seen: Sighting, base: Pose2) -> TrackedTarget:
    """Return the target's place, from a sighting at a base pose in odom.

    Raises
    ------
    WiwError
        ``DEPTH_REQUIRED`` if there is no valid depth where it is seen.
    """
    wide = Gaze(seen.gaze.direction, min(_ABOUT * seen.gaze.fov_rad, WIDEST_RAD))
    colours = _colours(look(seen.view, wide, _FOLLOW_SIDE))
    near = ranges(seen.view, wide, _FOLLOW_SIDE)
    box = _FOLLOW_SIDE * math.tan(seen.gaze.fov_rad / 2.0) / math.tan(wide.fov_rad / 2.0)
    own = _fills(colours, box)
    if own is None:  # no patch of one colour fills the box: go by its middle
        own = np.zeros(near.shape, np.bool_)
        low, high = (round(0.5 * _FOLLOW_SIDE + sign * 0.25 * box) for sign in (-1, 1))
        own[low:high, low:high] = True
        colour = np.zeros(2)
    else:
        colour = np.median(colours[own], axis=0)
    known = near[own & np.isfinite(near)]
    if len(known) == 0:
        raise WiwError(
            ErrorCode.DEPTH_REQUIRED,
            f"Following the target needs depth, and view '{seen.view.name}' has none there.",
            "Give the robot a depth view, or use score_by=value.",
        )
    range_m = float(np.median(known))
    x, y, z = seen.gaze.direction * range_m
    there = base * Pose2(float(x), float(y))
    size_m = 2.0 * range_m * math.tan(seen.gaze.fov_rad / 2.0)
    return TrackedTarget(np.array([there.x_m, there.y_m, z]), size_m, colour)


def follow(target: TrackedTarget, view: View, base: Pose2) -> Gaze | None:
    """Return the gaze that just takes in the target in a view; None where it is not seen.

    An object without a colour of its own is looked for at its place only, by geometry.

    Parameters
    ----------
    base : Pose2
        Where the view was taken, or imagined to be, in odom.
    """
    if float(np.hypot(*target.colour)) < _GREY:
        return target.gaze(base)
    around = target.around(base)
    alike = _alike(_colours(look(view, around, _FOLLOW_SIDE)), target.colour)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(alike.astype(np.uint8))
    # The object's own place is in the middle: what has its colour elsewhere is something else.
    reach = 0.5 * _FOLLOW_SIDE * math.tan(0.5 * target.gaze(base).fov_rad)
    reach /= math.tan(0.5 * around.fov_rad)
    low, high = (round(0.5 * _FOLLOW_SIDE + s * max(reach, 2.0)) for s in (-1, 1))
    areas = np.bincount(labels[low:high, low:high].ravel(), minlength=count)[1:]
    if not areas.any():
        return None
    x, y, w, h, _ = (float(v) for v in stats[1 + int(np.argmax(areas))])
    grow = (_ENLARGE - 1.0) / 2.0
    box = (x - grow * w, y - grow * h, x + (1.0 + grow) * w, y + (1.0 + grow) * h)
    x0, y0 = (max(0, math.floor(v)) for v in box[:2])
    x1, y1 = (min(_FOLLOW_SIDE, math.ceil(v)) for v in box[2:])
    return gaze_within(around, _FOLLOW_SIDE, (x0, y0, x1, y1))


def follow_within(target: TrackedTarget, view: View, base: Pose2) -> Gaze | None:
    """Return what :func:`follow` does; None in a perspective view that does not show all of it."""
    if not holds(view, target.gaze(base)):
        return None
    gaze = follow(target, view, base)
    return gaze if gaze is not None and holds(view, gaze) else None


def shown(target: TrackedTarget, view: View, gaze: Gaze) -> float:
    """Return the solid angle in steradians, for a small thing, that shows the target in a gaze."""
    if float(np.hypot(*target.colour)) < _GREY:
        return gaze.fov_rad**2
    alike = _alike(_colours(look(view, gaze, _FOLLOW_SIDE)), target.colour)
    return float(alike.mean()) * gaze.fov_rad**2


def follow_all(target: TrackedTarget, observation: Observation) -> Sighting | None:
    """Return the followed target in the view that shows all of it in most pixels, or None.

    Raises
    ------
    WiwError
        ``PANORAMA_REQUIRED`` if the observation has no panorama to look all round in.
    """
    around = [v for v in observation.views if v.projection is Projection.EQUIRECTANGULAR]
    if not around:
        raise WiwError(
            ErrorCode.PANORAMA_REQUIRED,
            "Following the target without its box needs a panorama.",
            "Give the robot one, or use a task that shows the box.",
        )
    gaze = follow(target, around[0], observation.base_pose)
    if gaze is None:
        return None
    seen = [Sighting(view, gaze) for view in observation.views if holds(view, gaze)]
    return max(seen, key=lambda s: s.pixels)


def _colours(rgb: Rgb) -> Array:
    """Return (H, W, 2): CIELAB a and b."""
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    return np.asarray(lab[..., 1:], np.float64)


def _fills(colours: Array, box: float) -> Mask | None:
    """Return the one-coloured patch (H, W) that fills a centred box best; None if none does.

    Half hidden, the object shares its box with what hides it; but only the object ends where its
    box does. ``box`` is the longer side of the enlarged box in pixels.
    """
    side = len(colours)
    inside = np.linspace(0.5 * (side - box), 0.5 * (side + box), _SEEDS + 2)[1:-1].astype(int)
    best, best_fit = None, _LEAST_FIT
    for row in inside:
        for column in inside:
            seed = colours[row, column]
            if float(np.hypot(*seed)) < _GREY or (best is not None and best[row, column]):
                continue
            _, labels = cv2.connectedComponents(_alike(colours, seed).astype(np.uint8))
            patch = labels == labels[row, column]
            rows, columns = (np.nonzero(patch.any(axis=k))[0] for k in (1, 0))
            extents = float(np.ptp(rows)) + 1.0, float(np.ptp(columns)) + 1.0
            longest, wanted = max(extents), box / _ENLARGE
            off = math.hypot(rows.mean() - 0.5 * (side - 1), columns.mean() - 0.5 * (side - 1))
            fit = min(longest, wanted) / max(longest, wanted) - 2.0 * off / wanted
            if fit > best_fit:
                best, best_fit = patch, fit
    return best


def _alike(colours: Array, wanted: Array) -> Mask:
    """Tell for each pixel (H, W) whether it is of the wanted hue, in light or in shade."""
    chroma = np.hypot(colours[..., 0], colours[..., 1])
    reference = float(np.hypot(*wanted))
    same_hue = colours @ wanted > _SAME_HUE * chroma * reference
    least, most = (share * reference for share in _SAME_CHROMA)
    return np.asarray(same_hue & (chroma > least) & (chroma < most))
