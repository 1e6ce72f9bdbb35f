"""The control that imagines nothing: every frame is what the robot sees now."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from wiw_core.catalogue import ModelSheet
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_wm_node import views


class CopyModel:
    """Control: repeats the current panorama, or the first view where there is no panorama.

    A world model must beat it to be worth anything.

    Parameters
    ----------
    height, width : int
        Size of panoramas in pixels; ``width`` is a multiple of 16. A perspective view keeps its
        shape, at that height.
    """

    sheet: ClassVar[ModelSheet] = ModelSheet(
        height=views.HEIGHT, width=views.WIDTH, source="nothing to load"
    )

    def __init__(self, height: int = views.HEIGHT, width: int = views.WIDTH) -> None:
        self._size = views.checked_size(height, width)

    @property
    def info(self) -> ModelInfo:
        """What it accepts and returns."""
        return views.info("copy", self._size)

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield one rollout per plan, in order."""
        projection, frame = views.frame_now(request.now, self.info)
        for index in range(len(request.plans)):
            views.keep_going(request)
            start = time.monotonic()
            wanted = views.frames_wanted(request, index)
            yield Rollout(
                plan_index=index,
                frames=np.repeat(frame[None], len(wanted), axis=0),
                frame_indices=wanted,
                projection=projection,
                generation=request.generation,
                seconds=time.monotonic() - start,
            )

    def close(self) -> None:
        """Nothing to free."""
