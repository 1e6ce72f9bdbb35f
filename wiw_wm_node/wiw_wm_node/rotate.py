"""The control that only turns: real pixels, rolled by the exact yaw of the plan."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from wiw_core.cameras.panorama import roll_yaw
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import camera_path
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_wm_node import views


class RotateModel:
    """Control: rolls the current panorama by the plan's turns; moving forward changes nothing.

    It shows how much of a result comes from real pixels turned round, without any imagination.

    Parameters
    ----------
    height, width : int
        Size of the frames in pixels; ``width`` is a multiple of 16, so that every turn is exact.
    """

    def __init__(self, height: int = views.HEIGHT, width: int = views.WIDTH) -> None:
        self._size = views.checked_size(height, width)

    @property
    def info(self) -> ModelInfo:
        """What it accepts and returns."""
        return ModelInfo("rotate", height=self._size[0], width=self._size[1], needs_panorama=True)

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield one rollout per plan, in order."""
        view = views.panorama(request.now)
        if view is None:
            raise WiwError(
                ErrorCode.PANORAMA_REQUIRED,
                "The model 'rotate' turns a panorama, and the observation has none.",
                "Give the robot a panoramic camera, or choose 'copy' as the control.",
            )
        frame = views.resized(view.rgb, self._size)
        for index, plan in enumerate(request.plans):
            start = time.monotonic()
            wanted = views.frames_wanted(request, index)
            poses = camera_path(plan)
            frames = np.empty((len(wanted), *frame.shape), dtype=np.uint8)
            for i, k in enumerate(wanted):
                views.keep_going(request)
                frames[i] = roll_yaw(frame, poses[k].yaw_rad)
            yield Rollout(
                plan_index=index,
                frames=frames,
                frame_indices=wanted,
                generation=request.generation,
                seconds=time.monotonic() - start,
            )

    def close(self) -> None:
        """Nothing to free."""
