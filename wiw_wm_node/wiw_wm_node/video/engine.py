"""One batch of clips: call the pipeline, mind cancel and deadline, look at what came out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from time import monotonic
from typing import Any

import numpy as np
import torch
from PIL import Image

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.rollouts import RolloutRequest
from wiw_wm_node import views
from wiw_wm_node.video import speed
from wiw_wm_node.video.adapter import Batch, Family
from wiw_wm_node.video.answer import Film, Job
from wiw_wm_node.video.loading import load
from wiw_wm_node.video.memo import Memo
from wiw_wm_node.video.noise import generators, seed_of
from wiw_wm_node.video.settings import Settings
from wiw_wm_node.video.start import Start

_LOG = logging.getLogger(__name__)
PROGRESS_S = 2.0
"""Seconds between two words on how far a batch is."""


class Engine:
    """A loaded pipeline. Attributes ``pipe`` and ``memo`` are public for those who look inside.

    Raises
    ------
    WiwError
        As :func:`wiw_wm_node.video.loading.load` and :func:`wiw_wm_node.video.speed.make_ready`.
    """

    def __init__(self, family: Family, settings: Settings) -> None:
        self._family, self._settings = family, settings
        loaded = load(family, settings)
        self.pipe = loaded.pipe
        self.memo = Memo(settings.memo_mib * 2**20)
        for name in family.remembered:
            component, method = name.split(".")
            owner = getattr(self.pipe, component, None)
            if owner is not None:
                self.memo.remember(owner, method)
        speed.make_ready(loaded, family, settings)

    def make(self, jobs: Sequence[Job], start: Start, request: RolloutRequest) -> list[Film]:
        """Return the frames of every job, all generated in one call.

        Raises
        ------
        WiwError
            ``CANCELLED`` or ``DEADLINE_EXCEEDED``, at most one denoising step late.
        """
        count = len(jobs)
        if self._settings.compile:
            filled = speed.bucket(count, self._settings.batch)
            jobs = [*jobs, *[jobs[-1]] * (filled - count)]
        watch = _Watch(request, self._settings.steps, len(jobs))
        watch.check()
        try:
            with torch.no_grad():
                clips = self._family.generate(self.pipe, self._batch(jobs, start, request, watch))
        finally:  # an exception inside a step leaves hooks and caches half way
            self.pipe.maybe_free_model_hooks()
        watch.check()
        broken = watch.broken(len(jobs))
        return [
            self._film(clips[k], jobs[k], broken[k]) if k < len(clips) else _lost(k)
            for k in range(count)
        ]

    def _batch(
        self, jobs: Sequence[Job], start: Start, request: RolloutRequest, watch: _Watch
    ) -> Batch:
        clips, own = [job.clip for job in jobs], self._settings.noise == "own"
        return Batch(
            images=[Image.fromarray(start.frame(clip.heading)) for clip in clips],
            prompts=[clip.prompt for clip in clips],
            controls=[clip.numbers for clip in clips if clip.numbers is not None],
            turns=[clip.turns for clip in clips],
            generators=generators([seed_of(request, clip.key if own else b"") for clip in clips]),
            settings=self._settings,
            last=max(max(job.frames) for job in jobs),
            on_step=watch.on_step,
            check=watch.check,
        )

    def _film(self, clip: torch.Tensor, job: Job, broken: bool) -> Film:
        """Return the job's frames of a clip (F, 3, H, W), or why its numbers are no pixels."""
        frames = clip[list(job.frames)].detach().to("cpu", torch.float32).permute(0, 2, 3, 1)
        if tuple(frames.shape[1:]) != (*self._settings.size, 3):
            return _invalid(f"frames of {tuple(frames.shape[1:3])}, not {self._settings.size}")
        if broken or not bool(torch.isfinite(frames).all()):
            return _invalid("numbers that are not finite")
        pixels = (frames.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).numpy()
        return {k: np.ascontiguousarray(pixels[i]) for i, k in enumerate(job.frames)}


class _Watch:
    """Asks once per denoising step whether anybody still waits, and keeps the newest latents.

    Long work says now and then how far it is.
    """

    def __init__(self, request: RolloutRequest, steps: int, clips: int) -> None:
        self._request, self._steps, self._clips = request, steps, clips
        self._latents: torch.Tensor | None = None
        self._begun = self._said = monotonic()

    def check(self) -> None:
        views.keep_going(self._request)

    def on_step(self, pipe: Any, step: int, time: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        self._tell(step + 1)
        self.check()
        self._latents = kwargs.get("latents", self._latents)
        return kwargs

    def _tell(self, done: int) -> None:
        now = monotonic()
        if now - self._said < PROGRESS_S or not 0 < done < self._steps:
            return
        self._said = now
        left = (now - self._begun) / done * (self._steps - done)
        form = "step %d of %d, %d clips at once, about %.0f s left"
        _LOG.info(form, done, self._steps, self._clips, left)

    def broken(self, count: int) -> list[bool]:
        """Return for each candidate whether its latents ended up infinite or not a number.

        Decoding could hide it: infinity is clipped to white.
        """
        latents = self._latents
        if latents is None or latents.shape[0] != count:
            return [False] * count
        return [not bool(torch.isfinite(one).all()) for one in latents]


def _invalid(what: str) -> WiwError:
    return WiwError(
        ErrorCode.INVALID_FRAMES,
        f"The model gave {what}.",
        "Try dtype=bfloat16 or float32, and quantise=none.",
    )


def _lost(index: int) -> WiwError:
    return _invalid(f"no clip for candidate {index} of the batch")
