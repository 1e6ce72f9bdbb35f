"""The plans of one request: which clips they need, and their frames once those are there."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Projection, Rgb
from wiw_core.rollouts import Rollout, RolloutRequest
from wiw_wm_node import views
from wiw_wm_node.runway import clip
from wiw_wm_node.runway.request import ClipRequest, Terms, clip_request
from wiw_wm_node.video.course import Course, course_of
from wiw_wm_node.video.noise import seed_of
from wiw_wm_node.video.settings import Settings
from wiw_wm_node.video.start import Start
from wiw_wm_node.video.timing import native_frame

_SHAPE_OFF = 0.02  # sides are rounded to what encoders take


class Job:
    """Plans and clips of one request.

    Raises
    ------
    WiwError
        ``BAD_FRAME_COUNT``, ``TOO_LARGE`` or ``UNKNOWN_ACTION`` for plans that cannot be asked for;
        ``BAD_IMAGE`` without a view.
    """

    def __init__(self, request: RolloutRequest, settings: Settings, terms: Terms) -> None:
        self._request, self._settings = request, settings
        self._start = Start(request.now, settings, "runway")
        self._begun = time.monotonic()
        self._wanted = [views.frames_wanted(request, k) for k in range(len(request.plans))]
        self._courses = [
            course_of(plan, ks, request.now, settings, ("text",), self._start.turns)
            for plan, ks in zip(request.plans, self._wanted)
        ]
        seed = seed_of(request)
        self._plans: dict[ClipRequest, list[int]] = {}
        for index, course in enumerate(self._courses):
            if course.clip is not None:
                frame = self._start.frame(course.clip.heading)
                wish = clip_request(frame, course.clip.prompt, seed, terms)
                self._plans.setdefault(wish, []).append(index)

    @property
    def wishes(self) -> list[ClipRequest]:
        """The distinct clips that are needed."""
        return list(self._plans)

    def exact(self) -> Iterator[Rollout]:
        """Yield the rollouts that need no clip."""
        for index, course in enumerate(self._courses):
            if course.clip is None:
                yield self._rollout(index, self._frames(index, {}))

    def rollouts(self, wish: ClipRequest, made: bytes | WiwError, note: str) -> Iterator[Rollout]:
        """Yield the rollouts of the plans that share a clip; ``note`` is their message."""
        for index in self._plans[wish]:
            if isinstance(made, WiwError):
                yield self._failed(index, made)
                continue
            try:
                frames = self._frames(index, self._film(self._courses[index], made))
            except WiwError as error:
                yield self._failed(index, error)
            else:
                yield self._rollout(index, frames, note)

    def _film(self, course: Course, made: bytes) -> dict[int, Rgb]:
        """Return the clip's frames by the moment that they show."""
        count = clip.count_frames(made)
        moments = sorted(set(course.moments.values()))
        natives = [native_frame(m, self._settings.actions, count) for m in moments]
        frames = clip.frames_of(made, natives)
        size = self._settings.size
        height, width = frames[0].shape[:2]
        if abs(width / height * size[0] / size[1] - 1.0) > _SHAPE_OFF:
            raise WiwError(
                ErrorCode.INVALID_FRAMES,
                f"The clip has {width} x {height} pixels: another shape than was asked for.",
            )
        return {m: views.resized(frame, size) for m, frame in zip(moments, frames)}

    def _frames(self, index: int, film: dict[int, Rgb]) -> list[Rgb]:
        course = self._courses[index]
        return [
            film[course.moments[k]]
            if k in course.moments
            else self._start.frame(course.headings[k])
            for k in self._wanted[index]
        ]

    def _rollout(self, index: int, frames: list[Rgb], message: str = "") -> Rollout:
        return Rollout(
            plan_index=index,
            frames=np.stack(frames),
            frame_indices=self._wanted[index],
            projection=Projection.PERSPECTIVE,
            generation=self._request.generation,
            seconds=time.monotonic() - self._begun,
            message=message,
        )

    def _failed(self, index: int, error: WiwError) -> Rollout:
        return Rollout(
            plan_index=index,
            frames=np.empty((0, *self._settings.size, 3), np.uint8),
            frame_indices=(),
            projection=Projection.PERSPECTIVE,
            generation=self._request.generation,
            seconds=time.monotonic() - self._begun,
            code=error.code,
            message=str(error),
        )
