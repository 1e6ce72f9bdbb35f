"""The depth-warp world model: real pixels moved by real geometry, as in PathDreamer and SE3DS."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial
from typing import ClassVar

import numpy as np

from wiw_core.cameras.panorama import roll_yaw
from wiw_core.catalogue import ModelSheet
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.geometry import Pose2
from wiw_core.plans import FORWARD_M, Plan, camera_path
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_learn.weights import missing
from wiw_wm_node import views
from wiw_wm_node.warp.depths import make_depth
from wiw_wm_node.warp.fill import Fill, push_pull_fill
from wiw_wm_node.warp.memory import Memory
from wiw_wm_node.warp.obstacles import Places, obstacle_places, stopped_path
from wiw_wm_node.warp.render import render
from wiw_wm_node.warp.warped import Frame

MAX_CONTEXT = 64
FILLS = ("inpaint", "push_pull")
"""What the parameter ``fill`` may be."""
_REVISION = "2"
_FRAMES_SHARED = 64  # frames kept for plans that begin alike


class WarpModel:
    """Warps the last RGB-D views along each plan's camera path and fills what nobody has seen.

    The panorama is used where there is one, else the first view; it must have depth, from a sensor
    or estimated. All frames of all plans come from one surface, so errors do not add up along a
    plan; a panorama's frames at one place are the same frame, turned.

    Parameters
    ----------
    height, width : int
        Size of the frames in pixels; ``width`` is a multiple of 16.
    context : int
        How many of the last observations are remembered.
    stop_at_obstacles : bool
        Stop forward motion at contact, as the real robot does, instead of flying through walls.
    robot_radius_m, robot_height_m : float
        The upright cylinder that stops; a centimetre more than the real one is about right.
    fill : str
        How holes are filled: ``inpaint``, by a trained network, or ``push_pull``, smoothly. The
        confidence of a frame is the share of pixels expected to be right, or the share really seen.
    weights : str
        Of the network that fills: empty for those that ship; else a path: see
        :func:`wiw_learn.weights.choose`.
    depth : str
        ``sensor``, or ``estimated`` from the colours of a panorama, sensor or not.
    depth_weights : str
        Of the network that estimates depth, as ``weights``.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER``; ``MODEL_UNAVAILABLE`` without weights; ``RECORD_CORRUPT`` if they are not
        the card's.
    """

    sheet: ClassVar[ModelSheet] = ModelSheet(
        height=views.HEIGHT, width=views.WIDTH, missing=partial(missing, "wiw_wm_node", "warp")
    )

    def __init__(
        self,
        height: int = views.HEIGHT,
        width: int = views.WIDTH,
        context: int = 4,
        stop_at_obstacles: bool = True,
        robot_radius_m: float = 0.16,
        robot_height_m: float = 1.0,
        fill: str = "inpaint",
        weights: str = "",
        depth: str = "sensor",
        depth_weights: str = "",
    ) -> None:
        self._size = views.checked_size(height, width)
        if isinstance(context, bool) or not isinstance(context, int):
            raise WiwError(ErrorCode.BAD_PARAMETER, f"The context {context!r} is no whole number.")
        if not 1 <= context <= MAX_CONTEXT:
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"The context is {context}, outside 1 to {MAX_CONTEXT}."
            )
        for name, value in (("radius", robot_radius_m), ("height", robot_height_m)):
            if not (math.isfinite(value) and 0.0 < value <= 5.0):
                raise WiwError(
                    ErrorCode.BAD_PARAMETER, f"The robot's {name} is {value} m, outside 0 to 5 m."
                )
        self._context, self._stops = context, stop_at_obstacles
        self._radius_m, self._height_m = robot_radius_m, robot_height_m
        self._fill, self._revision = _make_fill(fill, weights)
        self._depth_of, self._senses = make_depth(depth, depth_weights), depth == "sensor"

    @property
    def info(self) -> ModelInfo:
        """What it accepts and returns."""
        return ModelInfo(
            "warp",
            revision=self._revision,
            height=self._size[0],
            width=self._size[1],
            context=self._context,
            needs_depth=self._senses,
            needs_panorama=not self._senses,
        )

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield one rollout per plan, in order."""
        views.keep_going(request)
        start = time.monotonic()
        memory = Memory.of(request.observations, self._context, self._size, self._depth_of)
        places = self._obstacles(memory, request.plans)
        panoramic = memory.now.lens.wraps

        @lru_cache(maxsize=_FRAMES_SHARED)
        def frame_at(pose: Pose2) -> Frame:
            return render(memory, pose, self._fill)

        def frame_of(pose: Pose2) -> Frame:
            if not panoramic:
                return frame_at(pose)
            there = frame_at(replace(pose, yaw_rad=0.0))  # turning a panorama is exact
            rgb = np.asarray(roll_yaw(there.rgb, pose.yaw_rad), dtype=np.uint8)
            return Frame(rgb, there.confidence)

        for index, plan in enumerate(request.plans):
            wanted = views.frames_wanted(request, index)
            poses = stopped_path(plan, places, self._radius_m) if self._stops else camera_path(plan)
            frames = np.empty((len(wanted), *self._size, 3), dtype=np.uint8)
            confidence = np.empty(len(wanted), dtype=np.float32)
            for i, k in enumerate(wanted):
                views.keep_going(request)
                frame = frame_of(poses[k])
                frames[i], confidence[i] = frame.rgb, frame.confidence
            now = time.monotonic()
            yield Rollout(
                plan_index=index,
                frames=frames,
                frame_indices=wanted,
                projection=memory.now.lens.projection,
                confidence=confidence,
                generation=request.generation,
                seconds=now - start,
            )
            start = time.monotonic()

    def close(self) -> None:
        """Nothing to free."""

    def _obstacles(self, memory: Memory, plans: tuple[Plan, ...]) -> Places:
        if not self._stops:
            return np.empty((0, 2))
        longest = max((len(plan) for plan in plans), default=0)
        reach_m = longest * FORWARD_M + self._radius_m
        return obstacle_places(memory.mesh.points, self._height_m, reach_m)


def _make_fill(name: str, weights: str) -> tuple[Fill, str]:
    """Return a way of filling holes, and the model's revision with it."""
    if name not in FILLS:
        raise unknown_name(ErrorCode.BAD_PARAMETER, "way to fill holes", name, FILLS)
    if name == "inpaint":
        from wiw_wm_node.warp.inpaint.fill import InpaintFill  # imports torch

        inpaint = InpaintFill(weights)
        return inpaint, f"{_REVISION}-{inpaint.revision}"
    if weights:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The fill '{name}' needs no weights, but '{weights}' are named.",
            "Leave weights empty, or choose fill=inpaint.",
        )
    return push_pull_fill, _REVISION
