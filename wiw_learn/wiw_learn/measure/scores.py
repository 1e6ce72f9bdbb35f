"""What is measured in every kind of dataset: a model's frames against the truth, case by case."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from wiw_core.contracts import WorldModel
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Rgb
from wiw_core.rollouts import Rollout, RolloutRequest
from wiw_learn.measure import images
from wiw_learn.measure.cases import Case, Kind, Scores
from wiw_learn.measure.choice import credit, errors_to, rank

PATIENCE_S = 600.0
"""Deadline of one request: a slow model is measured, not refused."""

DEALS = 16
"""Ways to deal frames out by lot, averaged."""

Perceptual = Callable[[Rgb, Rgb], npt.NDArray[np.float64]]
"""``distance(a, b)``: (N,) distances of (N, H, W, 3) uint8 pictures, in pairs."""


@dataclass(frozen=True)
class Imagined:
    """What a model made of a case, at the size of the real pictures.

    Attributes
    ----------
    frames : (L, H, W, 3) uint8
        Of the executed plan.
    ends : (P, H, W, 3) uint8
        The last frame of every plan of the case.
    confidence, value : (L,), optional
        What the model says of its frames.
    """

    frames: Rgb
    ends: Rgb
    confidence: npt.NDArray[np.float32] | None
    value: npt.NDArray[np.float32] | None
    seconds_per_frame: float
    seconds_per_end: float


def imagine(model: WorldModel, case: Case, seed: int) -> Imagined:
    """Return what the model imagines: every frame of what was done, the ends of all plans.

    Raises
    ------
    WiwError
        What the model raises, or the code of a rollout that failed.
    """
    request = RolloutRequest(
        observations=case.observations[-max(1, model.info.context) :],
        plans=case.plans,
        frames=tuple(len(plan) for plan in case.plans),
        last_frame_only=True,
        seed=seed,
        deadline_s=time.monotonic() + PATIENCE_S,
    )
    ends, ends_s = _run(model, request)
    done = replace(request, plans=case.plans[:1], frames=request.frames[:1], last_frame_only=False)
    (whole,), whole_s = _run(model, done)
    size = case.real.shape[1], case.real.shape[2]
    return Imagined(
        frames=images.resized(whole.frames, size),
        ends=images.resized(np.concatenate([end.frames for end in ends]), size),
        confidence=whole.confidence,
        value=whole.value,
        seconds_per_frame=whole_s / len(whole.frames),
        seconds_per_end=ends_s / len(ends),
    )


def _run(model: WorldModel, request: RolloutRequest) -> tuple[list[Rollout], float]:
    start = time.perf_counter()
    found = {rollout.plan_index: rollout for rollout in model.rollout(request)}
    seconds = time.perf_counter() - start
    rollouts = [found[k] for k in range(len(request.plans))]
    for rollout in rollouts:
        if rollout.code is not ErrorCode.OK:
            raise WiwError(
                rollout.code,
                f"The model failed to imagine a plan: {rollout.message or 'no reason'}",
            )
    return rollouts, seconds


def score(
    kind: Kind,
    case: Case,
    imagined: Imagined,
    ends: Ends,
    perceptual: Perceptual | None = None,
) -> Scores:
    """Return everything that one case says of a model."""
    frames, real = imagined.frames, case.real
    mine = kind.score(case, frames)
    psnr = [images.psnr(frame, truth) for frame, truth in zip(frames, real)]
    values = {
        "psnr_db": float(np.mean(psnr)),
        "ssim": float(images.ssim(frames, real).mean()),
        "sharpness": _sharpness(frames, real),
        "seconds_per_frame": imagined.seconds_per_frame,
        "seconds_per_end": imagined.seconds_per_end,
        **ends.values(),
        **ends.diversity(),
    }
    if perceptual is not None:
        values["lpips"] = float(perceptual(frames, real).mean())
    pairs: dict[str, list[tuple[float, float]]] = {}
    if imagined.confidence is not None:
        right = [kind.right(frame, truth) for frame, truth in zip(frames, real)]
        pairs["confidence"] = list(zip(map(float, imagined.confidence), right))
    progress = getattr(case.truth, "progress", None)
    if imagined.value is not None and progress is not None:
        pairs["value"] = list(zip(map(float, imagined.value), map(float, progress)))
    return Scores({**values, **mine.values}, {"psnr_db": psnr, **mine.curves}, pairs)


class Ends:
    """The last frames of a case's plans, compared with the truth once.

    Parameters
    ----------
    frames : (P, H, W, 3) uint8
        In the order of the case's plans; the executed plan's is first.
    """

    def __init__(self, case: Case, frames: Rgb) -> None:
        truth = case.real[-1]
        self._choices, self._size = case.choices, truth.size
        self._errors = errors_to(truth, frames)
        views = np.concatenate([truth[None], case.others])
        asked = len(case.others) > 0
        self._futures = [credit(errors_to(f, views)) for f in frames] if asked else []
        self._frames = frames

    def values(self, order: Sequence[int] | None = None) -> dict[str, float]:
        """Return what the frames are worth; ``order`` deals them out to the plans anew."""
        dealt = list(range(len(self._errors)) if order is None else order)
        errors = [self._errors[k] for k in dealt]
        best = images.psnr_of(errors[0], self._size)
        values = {"psnr_last_db": best}
        if self._futures:
            values["future_choice"] = self._futures[dealt[0]]
        for name, plans in self._choices.items():
            values[name] = credit([errors[k] for k in plans])
        chosen = self._choices.get("action_choice", ())
        if chosen:
            values["action_rank"] = rank([errors[k] for k in chosen])
            gaps = [best - images.psnr_of(errors[k], self._size) for k in chosen[1:]]
            values["action_gap_db"] = float(np.mean(gaps))
        return values

    def shuffled(self, rng: np.random.Generator, times: int = DEALS) -> dict[str, float]:
        """Return the mean over as many ways to deal the frames out to the plans by lot.

        A rollout does not depend on the other plans of a request, so this is what the model would
        have imagined had it been given the actions in a wrong order.
        """
        found = [self.values(rng.permutation(len(self._errors)).tolist()) for _ in range(times)]
        return {name: float(np.mean([values[name] for values in found])) for name in found[0]}

    def diversity(self) -> dict[str, float]:
        """Return how different the ends are of the plans that are chosen among."""
        chosen = self._choices.get("action_choice", ())
        return {"diversity": _diversity(self._frames[list(chosen)])} if chosen else {}


def _sharpness(frames: Rgb, real: Rgb) -> float:
    truth = float(np.mean([images.sharpness(frame) for frame in real]))
    return float(np.mean([images.sharpness(f) for f in frames])) / truth if truth else math.nan


def _diversity(ends: Rgb) -> float:
    """Return the root mean square difference, in levels, over all pairs of pictures."""
    pairs = [images.squared_error(ends[a], ends[b]) for a, b in combinations(range(len(ends)), 2)]
    return math.sqrt(float(np.mean(pairs)) / ends[0].size)
