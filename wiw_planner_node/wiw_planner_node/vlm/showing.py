"""What a language model is shown of rollouts: which can be looked at, and their frames as views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wiw_core.cameras import pinhole
from wiw_core.decisions import Candidate
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import T_BASE_OPTICAL
from wiw_core.observation import Box, Projection, View
from wiw_core.rollouts import Rollout
from wiw_planner_node.perception.crops import Gaze, look
from wiw_planner_node.vlm.pictures import CELL, FRONT_RAD, front

_IN_VIEW = 0.5


@dataclass(frozen=True)
class Shown:
    """A candidate that has frames to look at; ``index`` among all candidates."""

    index: int
    candidate: Candidate
    rollout: Rollout


def shown(candidates: Sequence[Candidate]) -> list[Shown]:
    """Return the candidates whose rollout has frames; none if nothing was imagined at all.

    Raises
    ------
    WiwError
        ``NO_VALID_SCORE`` if there are rollouts and none has frames.
    """
    found = [
        Shown(k, candidate, candidate.rollout)
        for k, candidate in enumerate(candidates)
        if candidate.rollout is not None
        and candidate.rollout.code is ErrorCode.OK
        and len(candidate.rollout.frames)
    ]
    if not found and any(candidate.rollout is not None for candidate in candidates):
        reasons = "; ".join(sorted({c.reason for c in candidates if c.reason}))
        raise WiwError(
            ErrorCode.NO_VALID_SCORE,
            f"No rollout has frames to show ({reasons or 'no reason given'}).",
            "See the world model's log.",
        )
    return found


def looked(view: View, gaze: Gaze, side: int) -> View:
    """Return the square look that a gaze takes, ``side`` pixels, as a pinhole view."""
    pose = T_BASE_OPTICAL.copy()
    pose[:3, :3] = gaze.rotation()
    k = pinhole.intrinsics(side, side, gaze.fov_rad)
    return View(view.name, look(view, gaze, side), intrinsics=k, T_base_camera=pose)


def ahead(view: View) -> View:
    """Return what lies straight ahead in a panorama as a pinhole view; another view as it is."""
    if view.projection is not Projection.EQUIRECTANGULAR:
        return view
    k = pinhole.intrinsics(CELL, CELL, FRONT_RAD)
    return View(view.name, front(view.rgb, view.projection), intrinsics=k)


def box_of(view: View, gaze: Gaze) -> Box | None:
    """Return the box in a pinhole view that a gaze takes in; None if less than half is in view."""
    half = np.tan(gaze.fov_rad / 2.0)
    corners = np.array([[x, y, 1.0] for x in (-half, half) for y in (-half, half)])
    rays = corners @ gaze.rotation().T @ view.T_base_camera[:3, :3]
    pixels = pinhole.project(rays, view.intrinsics)[0]
    if not np.isfinite(pixels).all():  # a corner lies behind the camera
        return None
    height, width = view.size
    low, high = np.floor(pixels.min(axis=0)), np.ceil(pixels.max(axis=0))
    x0, y0, x1, y1 = (int(v) for v in np.clip([low, high], 0, (width, height)).ravel())
    if (x1 - x0) * (y1 - y0) < _IN_VIEW * float(np.prod(high - low)):
        return None
    return x0, y0, x1, y1
