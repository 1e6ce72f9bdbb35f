"""A request on its way to its rollouts: which clips it takes, and what the plans get of them."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from wiw_core.errors import WiwError
from wiw_core.observation import Projection, Rgb
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_wm_node import views
from wiw_wm_node.video.course import Clip, Course, course_of
from wiw_wm_node.video.settings import Settings
from wiw_wm_node.video.start import Start
from wiw_wm_node.video.timing import native_frame

Film = dict[int, Rgb] | WiwError
"""The native frames that were asked for, (H, W, 3) each, or why there are none."""


@dataclass(frozen=True)
class Job:
    """A clip to be generated, which of its native frames are looked at, and the plans it serves."""

    clip: Clip
    frames: tuple[int, ...]
    plans: tuple[int, ...]


class Answer:
    """Turns a request into clips, and clips into rollouts.

    Attributes
    ----------
    start : Start
        The given frame.
    exact : list of int
        The plans that need no clip: every wanted frame is the real panorama, turned.
    jobs : list of Job
        Every other clip once, with all of its frames that somebody looks at.

    Raises
    ------
    WiwError
        What :class:`Start`, :func:`course_of` and :func:`wiw_wm_node.views.frames_wanted` raise.
    """

    def __init__(self, request: RolloutRequest, settings: Settings, info: ModelInfo) -> None:
        self._request, self._settings, self._info = request, settings, info
        self.start = Start(request.now, settings, info.name)
        self._wanted = [views.frames_wanted(request, k) for k in range(len(request.plans))]
        self._courses = [
            course_of(plan, wanted, request.now, settings, info.controls, self.start.turns)
            for plan, wanted in zip(request.plans, self._wanted)
        ]
        self.exact = [k for k, course in enumerate(self._courses) if course.clip is None]
        self.jobs = self._jobs()

    def turned(self, index: int) -> Rollout:
        """Return the rollout of a plan of :attr:`exact`."""
        begun = time.monotonic()
        frames = self._frames(index, {})
        return self._rollout(index, frames, time.monotonic() - begun, "")

    def imagined(self, index: int, film: Film, seconds: float, note: str) -> Rollout:
        """Return the rollout of a plan of one of the :attr:`jobs`.

        Parameters
        ----------
        film : dict or WiwError
            Of an error the rollout has the code and no frames.
        note : str
            What else is to be told of the clip; may be empty.
        """
        if isinstance(film, WiwError):
            return Rollout(
                plan_index=index,
                frames=np.empty((0, *self._settings.size, 3), np.uint8),
                frame_indices=(),
                projection=projection(self._settings),
                generation=self._request.generation,
                seconds=seconds,
                code=film.code,
                message=str(film),
            )
        notes = filter(None, (note, _held(self._courses[index])))
        return self._rollout(index, self._frames(index, film), seconds, " ".join(notes))

    def _jobs(self) -> list[Job]:
        alike: dict[bytes, tuple[Clip, list[int]]] = {}
        for index, course in enumerate(self._courses):
            if course.clip is not None:
                alike.setdefault(course.clip.key, (course.clip, []))[1].append(index)
        jobs = []
        for clip, plans in alike.values():
            moments = {m for k in plans for m in self._courses[k].moments.values()}
            frames = tuple(sorted({self._native(moment) for moment in moments}))
            jobs.append(Job(clip, frames, tuple(plans)))
        return jobs

    def _native(self, moment: int) -> int:
        return native_frame(moment, self._settings.actions, self._settings.frames)

    def _frames(self, index: int, film: dict[int, Rgb]) -> list[Rgb]:
        course = self._courses[index]
        return [
            film[self._native(course.moments[k])]
            if k in course.moments
            else self.start.frame(course.headings[k])
            for k in self._wanted[index]
        ]

    def _rollout(self, index: int, frames: list[Rgb], seconds: float, message: str) -> Rollout:
        return Rollout(
            plan_index=index,
            frames=np.stack(frames),
            frame_indices=self._wanted[index],
            projection=projection(self._settings),
            generation=self._request.generation,
            seconds=seconds,
            message=message,
        )


def projection(settings: Settings) -> Projection:
    """Return how the frames map rays to pixels."""
    return Projection.EQUIRECTANGULAR if settings.panoramic else Projection.PERSPECTIVE


def _held(course: Course) -> str:
    return f"Frames after action {course.held} repeat the last one." if course.held else ""
