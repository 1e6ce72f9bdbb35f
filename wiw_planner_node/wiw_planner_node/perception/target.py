"""Where the boxed object is, now and in imagined frames.

The tracker knows no model: the box's middle and depth give the object's place in the odometry
frame, and a plan's camera path says where it will appear. A model that really moves the camera (the
oracle, a warp) shows the object there; the copy control shows whatever else its unmoved picture has
at that place, and the rotate control the same after an exact turn. So a model is credited only with
frames that agree with the plan.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose2
from wiw_core.observation import Box, Observation, View
from wiw_planner_node.perception.crops import (
    Gaze,
    gaze_after,
    gaze_at_box,
    pixels_across,
    range_in_box,
)


@dataclass(frozen=True)
class Sighting:
    """The target in one real view."""

    view: View
    box: Box
    gaze: Gaze
    pixels: float


@dataclass(frozen=True)
class TrackedTarget:
    """The target's place.

    Attributes
    ----------
    place : (3,) float64
        Its middle in odom; z is metres above the camera.
    size_m : float
        Extent of its box.
    """

    place: Array
    size_m: float

    def gaze(self, base: Pose2) -> Gaze:
        """Return where it appears from a base pose in odom."""
        return gaze_after(self.place, self.size_m, base)


def sighting(observation: Observation) -> Sighting | None:
    """Return the target in the view that shows it in most pixels; None if it is in no view."""
    seen = [
        Sighting(view, view.target_box, gaze, pixels_across(view, gaze))
        for view in observation.views
        if view.target_box is not None
        for gaze in (gaze_at_box(view, view.target_box),)
    ]
    return max(seen, key=lambda s: s.pixels, default=None)


def locate(seen: Sighting, base: Pose2) -> TrackedTarget:
    """Return the target's place, from a sighting at a base pose in odom.

    Raises
    ------
    WiwError
        ``DEPTH_REQUIRED`` if the box holds no valid depth.
    """
    range_m = range_in_box(seen.view, seen.box)
    if not math.isfinite(range_m):
        raise WiwError(
            ErrorCode.DEPTH_REQUIRED,
            f"Following the target needs depth, and its box in view '{seen.view.name}' has none.",
            "Give the robot a depth view, or use score_by=value.",
        )
    x, y, z = seen.gaze.direction * range_m
    there = base * Pose2(float(x), float(y))
    size_m = 2.0 * range_m * math.tan(seen.gaze.fov_rad / 2.0)
    return TrackedTarget(np.array([there.x_m, there.y_m, z]), size_m)
