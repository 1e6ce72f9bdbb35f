"""What every rollout request and every rollout must keep to, whoever made it."""

from __future__ import annotations

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Projection
from wiw_core.rollouts import MAX_FRAMES, MAX_PLANS, ModelInfo, Rollout, RolloutRequest


def check_request(request: RolloutRequest, info: ModelInfo) -> None:
    """Refuse what the model cannot do; see :class:`wiw_core.wrappers.Validated`."""
    plans, frames = request.plans, request.frames
    if not plans or not request.observations:
        raise WiwError(
            ErrorCode.CONTRACT_VIOLATION,
            "A rollout needs at least one plan and one observation.",
        )
    if len(plans) > min(info.max_plans, MAX_PLANS):
        raise WiwError(
            ErrorCode.TOO_LARGE,
            f"{len(plans)} plans were sent; '{info.name}' takes {min(info.max_plans, MAX_PLANS)}.",
        )
    if len(frames) != len(plans):
        raise WiwError(
            ErrorCode.BAD_FRAME_COUNT,
            f"{len(frames)} frame counts were sent for {len(plans)} plans.",
        )
    for index, (plan, wanted) in enumerate(zip(plans, frames)):
        if wanted > min(info.max_frames, MAX_FRAMES):
            raise WiwError(
                ErrorCode.TOO_LARGE,
                f"{wanted} frames are wanted of plan {index};"
                f" '{info.name}' gives at most {min(info.max_frames, MAX_FRAMES)}.",
            )
        if not 1 <= wanted <= len(plan):
            raise WiwError(
                ErrorCode.BAD_FRAME_COUNT,
                f"{wanted} frames are wanted of plan {index}, which has {len(plan)} actions.",
                "Ask for 1 frame to one per action.",
            )
    views = request.now.views
    if info.needs_panorama:
        views = tuple(v for v in views if v.projection is Projection.EQUIRECTANGULAR)
        if not views:
            raise WiwError(
                ErrorCode.PANORAMA_REQUIRED,
                f"World model '{info.name}' needs a panorama; the observation has none.",
            )
    if info.needs_depth and not any(v.depth is not None for v in views):
        raise WiwError(
            ErrorCode.DEPTH_REQUIRED,
            f"World model '{info.name}' needs depth; the observation has none.",
        )


def check_rollout(rollout: Rollout, request: RolloutRequest, info: ModelInfo) -> None:
    """Refuse a rollout that is not what was asked for; raises ``INVALID_FRAMES``."""
    wanted = request.frame_indices(rollout.plan_index)
    projection, height, width = info.frame_format(request.now)
    frames = rollout.frames
    problem = ""
    if frames.dtype != np.uint8:
        problem = f"its frames are {frames.dtype}, not uint8"
    elif frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
        problem = f"its frames have shape {frames.shape}, not (T, H, W, 3)"
    elif height and frames.shape[1:3] != (height, width):
        problem = f"its frames are {frames.shape[1:3]}, not {(height, width)}"
    elif frames.shape[0] != len(wanted):
        problem = f"it has {frames.shape[0]} frames, not {len(wanted)}"
    elif tuple(rollout.frame_indices) != wanted:
        problem = f"its frame indices are {rollout.frame_indices}, not {wanted}"
    elif rollout.projection is not projection:
        problem = f"its projection is {rollout.projection.name}, not {projection.name}"
    elif rollout.generation != request.generation:
        problem = f"it is of generation {rollout.generation}, not {request.generation}"
    elif info.gives_value and rollout.value is None:
        problem = "it has no value, which the model says it gives"
    for name in ("confidence", "value"):
        numbers = getattr(rollout, name)
        if numbers is None or problem:
            continue
        if numbers.shape != (len(wanted),):
            problem = f"its {name} has shape {numbers.shape}, not ({len(wanted)},)"
        elif not np.isfinite(numbers).all():
            problem = f"its {name} is not finite"
        elif name == "confidence" and not ((numbers >= 0) & (numbers <= 1)).all():
            problem = "its confidence is outside 0..1"
    if problem:
        raise WiwError(
            ErrorCode.INVALID_FRAMES,
            f"World model '{info.name}' gave a bad rollout of plan {rollout.plan_index}:"
            f" {problem}.",
        )
