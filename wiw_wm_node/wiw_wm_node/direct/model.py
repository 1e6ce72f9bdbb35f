"""The direct world model: a panorama and an intended motion in, the panorama after it out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import ClassVar

import numpy as np

from wiw_core.cameras.panorama import roll_yaw
from wiw_core.catalogue import ModelSheet
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Observation, Projection, Rgb
from wiw_core.plans import camera_path
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_learn.weights import missing
from wiw_wm_node import views

_FRAMES_SHARED = 64  # frames kept for plans that begin alike


class DirectModel:
    """Predicts panoramas from the present one and each plan's motion; no depth, no memory.

    It is the baseline of the family: what learning alone makes of a plan. Only the heading is not
    left to the network, since a panorama can be turned exactly; a plan that only turns is exact.

    Parameters
    ----------
    height, width : int
        Size of the frames in pixels; ``width`` is a multiple of 16.
    weights : str
        Empty for the weights that ship; else a path: see :func:`wiw_learn.weights.choose`.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` without weights; ``RECORD_CORRUPT`` if they are not the card's.
    """

    sheet: ClassVar[ModelSheet] = ModelSheet(
        height=views.HEIGHT, width=views.WIDTH, missing=partial(missing, "wiw_wm_node", "direct")
    )

    def __init__(
        self, height: int = views.HEIGHT, width: int = views.WIDTH, weights: str = ""
    ) -> None:
        from wiw_wm_node.direct.predictor import Predictor

        self._size = views.checked_size(height, width)
        self._predictor = Predictor(weights)

    @property
    def info(self) -> ModelInfo:
        """What it accepts and returns."""
        return ModelInfo(
            "direct",
            revision=self._predictor.revision,
            height=self._size[0],
            width=self._size[1],
            needs_panorama=True,
        )

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield one rollout per plan, in order.

        Raises
        ------
        WiwError
            ``PANORAMA_REQUIRED`` without a panorama.
        """
        views.keep_going(request)
        start = time.monotonic()
        now = views.resized(_panorama(request.now), self._size)

        @lru_cache(maxsize=_FRAMES_SHARED)
        def frame_at(x_m: float, y_m: float) -> Rgb:
            return self._predictor.predict(now, (x_m, y_m)) if x_m or y_m else now

        for index, plan in enumerate(request.plans):
            wanted, poses = views.frames_wanted(request, index), camera_path(plan)
            frames = np.empty((len(wanted), *self._size, 3), dtype=np.uint8)
            for i, k in enumerate(wanted):
                views.keep_going(request)
                frames[i] = roll_yaw(frame_at(*_displacement(poses[k])), poses[k].yaw_rad)
            end = time.monotonic()
            yield Rollout(
                plan_index=index,
                frames=frames,
                frame_indices=wanted,
                generation=request.generation,
                seconds=end - start,
            )
            start = time.monotonic()

    def close(self) -> None:
        """Nothing to free."""


def _panorama(now: Observation) -> Rgb:
    for view in now.views:
        if view.projection is Projection.EQUIRECTANGULAR:
            return view.rgb
    raise WiwError(
        ErrorCode.PANORAMA_REQUIRED,
        "The model 'direct' predicts panoramas, and the observation has none.",
        "Give the robot a panoramic camera, or choose another model.",
    )


def _displacement(pose: Pose2) -> tuple[float, float]:
    """Return x and y in metres, so rounded that equal places are equal numbers."""
    return round(pose.x_m, 6) + 0.0, round(pose.y_m, 6) + 0.0
