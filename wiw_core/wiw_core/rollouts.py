"""What a planner asks of a world model, and what comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode, Observation, Projection, Rgb, View
from wiw_core.plans import Plan

MAX_FRAMES = 256
"""Most frames per plan that any request may ask for."""
MAX_PLANS = 256
"""Most plans that any request may hold."""


def main_view(observation: Observation) -> View:
    """Return the first panorama, else the first view: what a model that takes any view imagines.

    Raises
    ------
    WiwError
        ``BAD_IMAGE`` if the observation has no view.
    """
    views = observation.views
    if not views:
        raise WiwError(ErrorCode.BAD_IMAGE, "The observation has no view to imagine from.")
    return next((v for v in views if v.projection is Projection.EQUIRECTANGULAR), views[0])


@dataclass(frozen=True)
class ModelInfo:
    """What a world model accepts, returns and costs; see ``wiw_msgs/msg/ModelInfo.msg``.

    Attributes
    ----------
    projection : Projection or None
        Of its frames; None: that of the observation's :func:`main_view`.
    height, width : int
        Pixels of its frames. Without a projection of its own they hold for panoramas, 0: as the
        view; frames of a perspective view have that height, and the view's shape. With one, 0 means
        any size.
    """

    name: str
    revision: str = "1"
    licence: str = "Apache-2.0"
    controls: tuple[str, ...] = ("camera",)
    projection: Projection | None = Projection.EQUIRECTANGULAR
    height: int = 0
    width: int = 0
    max_frames: int = MAX_FRAMES
    max_plans: int = MAX_PLANS
    fps: float = 0.0
    context: int = 1
    needs_depth: bool = False
    needs_panorama: bool = False
    gives_value: bool = False
    privileges: tuple[str, ...] = ()
    alignment: str = "frame k is the view after action k"

    def frame_format(self, now: Observation) -> tuple[Projection, int, int]:
        """Return projection, height and width of the frames it gives for ``now``.

        A 0 leaves that side open: a model of one projection may have no size of its own.

        Raises
        ------
        WiwError
            ``BAD_IMAGE`` if the format is the view's, and there is no view.
        """
        if self.projection is not None:
            return self.projection, self.height, self.width
        view = main_view(now)
        rows, columns = view.size
        height = self.height or rows
        if view.projection is Projection.EQUIRECTANGULAR:
            return view.projection, height, self.width or columns
        return view.projection, height, max(1, round(columns * height / rows))


@dataclass(frozen=True)
class RolloutRequest:
    """Imagine where each plan leads.

    Attributes
    ----------
    observations : tuple of Observation
        Oldest first; the last one is now.
    frames : tuple of int
        Per plan, frames wanted after now: 1 to the plan's length; never more than will be looked
        at.
    last_frame_only : bool
        Return only the last of those frames.
    deadline_s : float
        ``time.monotonic()`` instant after which nobody waits any more.
    cancelled : callable
        True once the caller has lost interest; a model asks between frames or denoising steps.
    """

    observations: tuple[Observation, ...]
    plans: tuple[Plan, ...]
    frames: tuple[int, ...]
    episode: Episode | None = None
    last_frame_only: bool = False
    seed: int = 0
    generation: int = 0
    deadline_s: float = field(default_factory=lambda: time.monotonic() + 60.0)
    cancelled: Callable[[], bool] = field(default_factory=lambda: threading.Event().is_set)

    @property
    def now(self) -> Observation:
        """The newest observation."""
        return self.observations[-1]

    def frame_indices(self, plan_index: int) -> tuple[int, ...]:
        """Return, for each frame to be returned, how many actions precede it."""
        last = self.frames[plan_index]
        return (last,) if self.last_frame_only else tuple(range(1, last + 1))


@dataclass(frozen=True)
class Rollout:
    """Where one plan leads, as a world model imagines it.

    Attributes
    ----------
    frames : (T, H, W, 3) uint8
    frame_indices : tuple of int
        For each frame, the number of actions executed before it.
    confidence : (T,) float32, optional
        0 to 1: how far the model trusts the frame.
    value : (T,) float32, optional
        Progress to the goal; higher is better, in the model's own unit.
    """

    plan_index: int
    frames: Rgb
    frame_indices: tuple[int, ...]
    projection: Projection = Projection.EQUIRECTANGULAR
    confidence: npt.NDArray[np.float32] | None = None
    value: npt.NDArray[np.float32] | None = None
    generation: int = 0
    seconds: float = 0.0
    code: ErrorCode = ErrorCode.OK
    message: str = ""
