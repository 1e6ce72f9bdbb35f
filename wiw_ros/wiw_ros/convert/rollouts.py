"""Videos, rollouts, rollout goals and model info."""

from __future__ import annotations

import array
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Projection, Rgb
from wiw_core.rollouts import MAX_FRAMES, MAX_PLANS, ModelInfo, Rollout, RolloutRequest
from wiw_msgs.action import Rollout as RolloutAction
from wiw_msgs.msg import ModelInfo as ModelInfoMsg
from wiw_msgs.msg import Rollout as RolloutMsg
from wiw_msgs.msg import Video
from wiw_ros.convert.checks import code_from_msg, enum_from_msg
from wiw_ros.convert.images import MAX_PIXELS, payload
from wiw_ros.convert.observations import episode_from_msg, observation_from_msg
from wiw_ros.convert.plans import plan_from_msg

JPEG_QUALITY = 90
MAX_DEADLINE_S = 3600.0
_BAD = ErrorCode.CONTRACT_VIOLATION
_OF_THE_VIEW = ModelInfoMsg.PROJECTION_OF_THE_VIEW


def video_to_msg(frames: Rgb, projection: Projection, encoding: str = "rgb8") -> Video:
    """Return frames (T, H, W, 3) uint8 as ``rgb8`` (exact) or ``jpeg`` (about 13 times smaller)."""
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
        raise WiwError(
            _BAD, f"Frames must be (T, H, W, 3) uint8, got {frames.shape} {frames.dtype}."
        )
    count, height, width = frames.shape[:3]
    message = Video(
        encoding=encoding, height=height, width=width, count=count, projection=int(projection)
    )
    if encoding == "rgb8":
        message.payload = payload(frames) if frames.size else array.array("B")
    else:
        parts = [_jpeg(frame) for frame in frames]
        message.sizes = array.array("I", [len(part) for part in parts])
        message.payload = array.array("B", b"".join(parts))
    return message


def video_from_msg(message: Video) -> Rgb:
    """Return (T, H, W, 3) uint8; raw ones look into the message. Raises ``CONTRACT_VIOLATION``."""
    count, height, width = message.count, message.height, message.width
    if count > MAX_FRAMES or height * width > MAX_PIXELS:
        raise WiwError(
            ErrorCode.TOO_LARGE, f"A video of {count} frames of {width}x{height} is too large."
        )
    if message.encoding not in ("rgb8", "jpeg"):
        raise WiwError(_BAD, f"A video has encoding '{message.encoding}'; allowed: rgb8, jpeg.")
    if message.encoding == "jpeg" and count:
        return _decode(message)
    expected = count * height * width * 3
    if len(message.payload) != expected:
        raise WiwError(
            _BAD,
            f"A video of {count} frames of {width}x{height} needs {expected} bytes,"
            f" got {len(message.payload)}.",
        )
    return np.frombuffer(message.payload, np.uint8).reshape(count, height, width, 3)


def rollout_to_msg(rollout: Rollout, mode: int = RolloutAction.Goal.RAW) -> RolloutMsg:
    """Return the rollout as a message: raw frames, JPEG frames, or no frames (``SCORES``)."""
    frames = rollout.frames
    if mode == RolloutAction.Goal.SCORES:
        frames = frames[:0]
    encoding = "jpeg" if mode == RolloutAction.Goal.JPEG else "rgb8"
    return RolloutMsg(
        plan_index=rollout.plan_index,
        generation=rollout.generation,
        video=video_to_msg(frames, rollout.projection, encoding),
        frame_indices=array.array("H", rollout.frame_indices),
        confidence=_floats(rollout.confidence),
        value=_floats(rollout.value),
        seconds=float(rollout.seconds),
        code=int(rollout.code),
        message=rollout.message,
    )


def rollout_from_msg(message: RolloutMsg) -> Rollout:
    """Return the rollout, raw frames looking into the message; raises ``CONTRACT_VIOLATION``.

    Without frames (``SCORES``) ``frames`` is (0, H, W, 3); ``frame_indices`` still says what the
    scores are of.
    """
    count = len(message.frame_indices)
    if message.video.count not in (0, count):
        raise WiwError(
            _BAD, f"A rollout has {message.video.count} frames and {count} frame indices."
        )
    return Rollout(
        plan_index=message.plan_index,
        frames=video_from_msg(message.video),
        frame_indices=tuple(message.frame_indices),
        projection=enum_from_msg(Projection, message.video.projection, "The projection", _BAD),
        confidence=_scores(message.confidence, count, "confidence"),
        value=_scores(message.value, count, "value"),
        generation=message.generation,
        seconds=message.seconds,
        code=code_from_msg(message.code),
        message=message.message,
    )


def request_from_goal(
    goal: RolloutAction.Goal, cancelled: Callable[[], bool] = lambda: False
) -> RolloutRequest:
    """Return what a rollout goal asks for; its deadline starts to run now.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER``, ``BAD_IMAGE``, ``EMPTY_PLAN``, ``BAD_FRAME_COUNT`` or ``TOO_LARGE``.
    """
    if not 0.0 < goal.deadline_s <= MAX_DEADLINE_S:  # also refuses NaN
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"deadline_s is {goal.deadline_s}; it must be above 0, at most {MAX_DEADLINE_S:g} s.",
        )
    if goal.return_mode not in (goal.RAW, goal.JPEG, goal.SCORES):
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"return_mode is {goal.return_mode}; allowed: 0 RAW, 1 JPEG, 2 SCORES.",
        )
    if not goal.observations:
        raise WiwError(ErrorCode.BAD_IMAGE, "The goal has no observation to imagine from.")
    _require_plans(goal)
    return RolloutRequest(
        observations=tuple(observation_from_msg(o) for o in goal.observations),
        plans=tuple(plan_from_msg(p) for p in goal.plans),
        frames=tuple(goal.frames),
        episode=episode_from_msg(goal.episode) if goal.episode.task else None,
        last_frame_only=goal.last_frame_only,
        seed=goal.seed,
        generation=goal.generation,
        deadline_s=time.monotonic() + goal.deadline_s,
        cancelled=cancelled,
    )


def model_info_to_msg(info: ModelInfo) -> ModelInfoMsg:
    """Return the model's description as a message."""
    return ModelInfoMsg(
        name=info.name,
        revision=info.revision,
        licence=info.licence,
        controls=list(info.controls),
        projection=_OF_THE_VIEW if info.projection is None else int(info.projection),
        height=info.height,
        width=info.width,
        max_frames=info.max_frames,
        max_plans=info.max_plans,
        fps=float(info.fps),
        context=info.context,
        needs_depth=info.needs_depth,
        needs_panorama=info.needs_panorama,
        gives_value=info.gives_value,
        privileges=list(info.privileges),
        alignment=info.alignment,
    )


def model_info_from_msg(message: ModelInfoMsg) -> ModelInfo:
    """Return the model's description; raises ``CONTRACT_VIOLATION`` for an unknown projection."""
    projection = None
    if message.projection != _OF_THE_VIEW:
        projection = enum_from_msg(Projection, message.projection, "The projection", _BAD)
    return ModelInfo(
        name=message.name,
        revision=message.revision,
        licence=message.licence,
        controls=tuple(message.controls),
        projection=projection,
        height=message.height,
        width=message.width,
        max_frames=message.max_frames,
        max_plans=message.max_plans,
        fps=message.fps,
        context=message.context,
        needs_depth=message.needs_depth,
        needs_panorama=message.needs_panorama,
        gives_value=message.gives_value,
        privileges=tuple(message.privileges),
        alignment=message.alignment,
    )


def _require_plans(goal: RolloutAction.Goal) -> None:
    count = len(goal.plans)
    if count == 0:
        raise WiwError(ErrorCode.EMPTY_PLAN, "The goal has no plans.", "Send at least one.")
    if count > MAX_PLANS:
        raise WiwError(ErrorCode.TOO_LARGE, f"The goal has {count} plans; at most {MAX_PLANS}.")
    if len(goal.frames) != count:
        raise WiwError(
            ErrorCode.BAD_FRAME_COUNT,
            f"The goal has {count} plans and {len(goal.frames)} frame counts.",
        )
    for index, (plan, frames) in enumerate(zip(goal.plans, goal.frames)):
        if not plan.actions:
            raise WiwError(ErrorCode.EMPTY_PLAN, f"Plan {index} has no actions.")
        if not 1 <= frames <= min(len(plan.actions), MAX_FRAMES):
            raise WiwError(
                ErrorCode.BAD_FRAME_COUNT,
                f"Plan {index} has {len(plan.actions)} actions and asks for {frames} frames.",
                f"Ask for 1 to the number of actions, at most {MAX_FRAMES}.",
            )


def _jpeg(frame: Rgb) -> bytes:
    bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise WiwError(ErrorCode.INTERNAL, f"A frame of {frame.shape} could not be coded as JPEG.")
    return bytes(data)


def _decode(message: Video) -> Rgb:
    if len(message.sizes) != message.count or sum(message.sizes) != len(message.payload):
        raise WiwError(_BAD, "A JPEG video's sizes do not add up to its payload.")
    shape = message.height, message.width, 3
    data = np.frombuffer(message.payload, np.uint8)
    frames: Rgb = np.empty((message.count, *shape), np.uint8)
    start = 0
    for index, size in enumerate(message.sizes):
        bgr: Any = cv2.imdecode(data[start : start + size], cv2.IMREAD_COLOR) if size else None
        if bgr is None or bgr.shape != shape:
            raise WiwError(
                _BAD, f"Frame {index} is not a JPEG of {message.width}x{message.height}."
            )
        cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=frames[index])
        start += size
    return frames


def _floats(values: npt.NDArray[np.float32] | None) -> array.array[float]:
    return array.array("f", () if values is None else np.asarray(values, np.float32).tobytes())


def _scores(values: array.array[float], count: int, what: str) -> npt.NDArray[np.float32] | None:
    if not len(values):
        return None
    scores = np.array(values, np.float32)
    if len(scores) != count or not np.isfinite(scores).all():
        raise WiwError(
            _BAD, f"A rollout's {what} needs {count} finite numbers, got {scores.tolist()[:8]}."
        )
    return scores
