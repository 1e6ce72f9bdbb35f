"""The arm's world model: one look at the table and tool poses in, the table after them out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import ClassVar

import numpy as np

from wiw_core.arm import target_of
from wiw_core.catalogue import ModelSheet
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Observation, Projection, View
from wiw_core.plans import Action
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_learn.weights import missing
from wiw_wm_node import views
from wiw_wm_node.arm.look import look_of
from wiw_wm_node.arm.path import Hand, Step, path_of

SIZE = 256
"""Height and width of its frames in pixels unless another size is asked for."""
_SMALLEST = 128


class ArmModel:
    """Imagines what a still camera sees after each tool pose of a plan.

    What is grasped or pushed is moved by the plan's geometry; a small network chooses, pixel by
    pixel, what is seen of the table as it was, of what has moved, and paints the rest: the arm and
    the table behind. It is given the picture with depth, the camera's calibration, and where the
    tool is and is sent; no state of the world. Every frame is imagined from the present look alone,
    so errors do not add up along a plan.

    Parameters
    ----------
    size : int
        Height and width of the frames in pixels.
    weights : str
        Empty for the weights that ship; else a path: see :func:`wiw_learn.weights.choose`.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for a size out of its range; ``MODEL_UNAVAILABLE`` without weights;
        ``RECORD_CORRUPT`` if they are not the card's.
    """

    sheet: ClassVar[ModelSheet] = ModelSheet(
        ("tool_poses",), SIZE, SIZE, missing=partial(missing, "wiw_wm_node", "arm")
    )

    def __init__(self, size: int = SIZE, weights: str = "") -> None:
        from wiw_wm_node.arm.painter import Painter

        if isinstance(size, bool) or not isinstance(size, int) or not _SMALLEST <= size <= 2048:
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"The frames cannot be {size!r} pixels high; 128 to 2048."
            )
        self._size = (size, size)
        self._painter = Painter(weights)

    @property
    def info(self) -> ModelInfo:
        """What it accepts and returns."""
        return ModelInfo(
            "arm",
            revision=self._painter.revision,
            controls=("tool_poses",),
            projection=Projection.PERSPECTIVE,
            height=self._size[0],
            width=self._size[1],
            needs_depth=True,
        )

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield one rollout per plan, in order.

        Raises
        ------
        WiwError
            ``DEPTH_REQUIRED`` without depth; ``BAD_IMAGE`` without a calibrated perspective view of
            equal height and width, or without a tool; ``UNKNOWN_ACTION`` for a plan that is not an
            arm's.
        """
        views.keep_going(request)
        start = time.monotonic()
        look = look_of(_view(request.now), self._size)
        hand = _hand(request.now)
        for index, plan in enumerate(request.plans):
            wanted = views.frames_wanted(request, index)
            steps = _steps(plan.actions)
            frames = np.empty((len(wanted), *self._size, 3), np.uint8)
            confidence = np.empty(len(wanted), np.float32)
            for i, k in enumerate(wanted):
                views.keep_going(request)
                frames[i], confidence[i] = self._painter.imagine(look, path_of(hand, steps[:k]))
            end = time.monotonic()
            yield Rollout(
                plan_index=index,
                frames=frames,
                frame_indices=wanted,
                projection=Projection.PERSPECTIVE,
                confidence=confidence,
                generation=request.generation,
                seconds=end - start,
            )
            start = time.monotonic()

    def close(self) -> None:
        """Nothing to free."""


def _view(now: Observation) -> View:
    """Return the first perspective view, or raise ``BAD_IMAGE``."""
    for view in now.views:
        if view.projection is Projection.PERSPECTIVE:
            if view.size[0] != view.size[1]:
                raise WiwError(
                    ErrorCode.BAD_IMAGE,
                    f"View '{view.name}' is {view.size[0]}x{view.size[1]}; 'arm' needs a square.",
                )
            return view
    raise WiwError(
        ErrorCode.BAD_IMAGE,
        "The model 'arm' imagines what a still camera sees, and there is no such view.",
        "Give the robot a perspective camera with depth.",
    )


def _hand(now: Observation) -> Hand:
    if now.tool_pose is None:
        raise WiwError(
            ErrorCode.BAD_IMAGE,
            "The model 'arm' needs to know where the tool is, and the observation does not tell.",
            "Use a robot that reports its tool's pose.",
        )
    return Hand(now.tool_pose.matrix(), now.gripper)


def _steps(actions: Sequence[Action]) -> list[Step]:
    targets = [target_of(action) for action in actions]
    return [Step(pose.matrix(), opened) for pose, opened in targets]
