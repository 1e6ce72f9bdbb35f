"""The control that only turns: real pixels, rolled by the exact yaw of the plan."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from wiw_core.arm import ARM
from wiw_core.cameras.panorama import roll_yaw
from wiw_core.catalogue import ModelSheet
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Projection
from wiw_core.plans import Plan, camera_path
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_wm_node import views


class RotateModel:
    """Control: rolls the current panorama by the plan's turns; moving forward changes nothing.

    It shows how much of a result comes from real pixels turned round, without any imagination. A
    plan that does not move the base (an arm's) turns nothing: its frames are the view as it is,
    and then a perspective view will do.

    Parameters
    ----------
    height, width : int
        Size of panoramas in pixels; ``width`` is a multiple of 16, so that every turn is exact. A
        perspective view keeps its shape, at that height.
    """

    sheet: ClassVar[ModelSheet] = ModelSheet(
        height=views.HEIGHT, width=views.WIDTH, source="nothing to load"
    )

    def __init__(self, height: int = views.HEIGHT, width: int = views.WIDTH) -> None:
        self._size = views.checked_size(height, width)

    @property
    def info(self) -> ModelInfo:
        """What it accepts and returns."""
        return views.info("rotate", self._size)

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield one rollout per plan, in order.

        Raises
        ------
        WiwError
            ``PANORAMA_REQUIRED`` if a plan moves the base and there is no panorama to turn.
        """
        projection, frame = views.frame_now(request.now, self.info)
        for index, plan in enumerate(request.plans):
            start = time.monotonic()
            wanted = views.frames_wanted(request, index)
            yaws = _yaws(plan, projection)
            frames = np.empty((len(wanted), *frame.shape), dtype=np.uint8)
            for i, k in enumerate(wanted):
                views.keep_going(request)
                frames[i] = roll_yaw(frame, yaws[k]) if yaws[k] else frame
            yield Rollout(
                plan_index=index,
                frames=frames,
                frame_indices=wanted,
                projection=projection,
                generation=request.generation,
                seconds=time.monotonic() - start,
            )

    def close(self) -> None:
        """Nothing to free."""


def _yaws(plan: Plan, projection: Projection) -> list[float]:
    """Return the base's heading after each action, in radians from now."""
    if all(name in ARM for name in plan.names):
        return [0.0] * (len(plan) + 1)
    poses = camera_path(plan)
    if projection is not Projection.EQUIRECTANGULAR:
        raise WiwError(
            ErrorCode.PANORAMA_REQUIRED,
            "The model 'rotate' turns a panorama, and the observation has none.",
            "Give the robot a panoramic camera, or choose 'copy' as the control.",
        )
    return [pose.yaw_rad for pose in poses]
