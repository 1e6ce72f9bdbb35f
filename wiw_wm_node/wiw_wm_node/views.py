"""What models of real pixels share: the view they take, its size, and when to give up."""

from __future__ import annotations

import time

import cv2
import numpy as np

from wiw_core.cameras.panorama import TURNS_PER_CIRCLE
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Observation, Projection, Rgb
from wiw_core.rollouts import ModelInfo, RolloutRequest, main_view

HEIGHT, WIDTH = 288, 512
"""Default size of imagined frames: half of the panorama that the paper's rig gives (576 x 1024)."""
MAX_SIDE = 8192


def checked_size(height: int, width: int) -> tuple[int, int]:
    """Return the frame size; raises ``BAD_PARAMETER`` unless panoramas of it turn exactly."""
    for name, value in (("height", height), ("width", width)):
        if isinstance(value, bool) or not isinstance(value, int) or not 2 <= value <= MAX_SIDE:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The frame {name} is {value!r}; it must be a whole number from 2 to {MAX_SIDE}.",
            )
    if width % TURNS_PER_CIRCLE:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"Frames {width} pixels wide cannot be turned by 22.5 degrees exactly.",
            f"Choose a width that is a multiple of {TURNS_PER_CIRCLE}.",
        )
    return height, width


def info(name: str, size: tuple[int, int]) -> ModelInfo:
    """Return the description of a model that shows the view it is given, panorama or not."""
    return ModelInfo(name, projection=None, height=size[0], width=size[1])


def frame_now(now: Observation, model: ModelInfo) -> tuple[Projection, Rgb]:
    """Return the main view as a frame of the model; raises ``BAD_IMAGE`` if there is no view."""
    projection, height, width = model.frame_format(now)
    return projection, resized(main_view(now).rgb, (height, width))


def resized(rgb: Rgb, size: tuple[int, int]) -> Rgb:
    """Return the (H, W, 3) image at ``size`` (height, width); shrinking averages over areas."""
    height, width = size
    if rgb.shape[:2] == size:
        return rgb
    smaller = height <= rgb.shape[0] and width <= rgb.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=how), dtype=np.uint8)


def frames_wanted(request: RolloutRequest, plan_index: int) -> tuple[int, ...]:
    """Return the frame indices wanted of a plan; ``BAD_FRAME_COUNT`` unless the plan has them."""
    wanted, actions = request.frames[plan_index], len(request.plans[plan_index])
    if not 1 <= wanted <= actions:
        raise WiwError(
            ErrorCode.BAD_FRAME_COUNT,
            f"Plan {plan_index} has {actions} actions, so {wanted} frames cannot be imagined.",
            "Ask for at least one frame and at most one per action.",
        )
    return request.frame_indices(plan_index)


def keep_going(request: RolloutRequest) -> None:
    """Raise ``CANCELLED`` or ``DEADLINE_EXCEEDED`` once nobody waits for the answer."""
    if request.cancelled():
        raise WiwError(ErrorCode.CANCELLED, "The rollout was cancelled.")
    if time.monotonic() > request.deadline_s:
        raise WiwError(ErrorCode.DEADLINE_EXCEEDED, "The deadline passed during the rollout.")
