"""What a set of episodes amounts to: success, SPL, cost; a fault is counted, never dropped."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wiw_core.decisions import Decision, EpisodeResult, EpisodeStatus
from wiw_core.errors import describe
from wiw_core.record_format import EpisodeRecord
from wiw_core.statistics import (
    Interval,
    Percentiles,
    mean_interval,
    percentiles,
    share_interval,
    wilson,
)

THINKING = ("glance", "propose", "imagine", "revise")
"""The stages of a decision during which the robot stands and thinks."""
MOST_SCORE = 100.0
"""Of an open answer, see :func:`answer_score`."""


@dataclass(frozen=True)
class Summary:
    """What a set of episodes amounts to.

    Attributes
    ----------
    n : int
        All episodes, faults included.
    faults : dict
        Episodes that ended in a fault or by the user, by code: ``{"2001 WM_DIED": 1}``.
    success, success_all : Interval
        Rate with Wilson interval: of the episodes without a fault, and of all, faults as failures.
    spl_actions, spl_metres : Interval
        Over the episodes without a fault; NaN for a task without a goal place.
    score, score_spl : Interval
        Mean answer score, 0 to 100, and the same weighted by path length, over the episodes
        without a fault; NaN for a task without open answers.
    actions, decisions, collisions, failures : Interval
        Means over the episodes without a fault, unsuccessful ones included.
    seconds : Percentiles
        Thinking time per decision, see :data:`THINKING`.
    seconds_by_stage : dict
        Percentiles of each stage over the decisions that had it.
    frames : Percentiles
        Frames imagined per decision.
    degraded : int
        Decisions taken under a named degradation.
    """

    n: int
    faults: dict[str, int]
    success: Interval
    success_all: Interval
    spl_actions: Interval
    spl_metres: Interval
    score: Interval
    score_spl: Interval
    actions: Interval
    decisions: Interval
    collisions: Interval
    failures: Interval
    seconds: Percentiles
    seconds_by_stage: dict[str, Percentiles]
    frames: Percentiles
    degraded: int


def is_fault(result: EpisodeResult) -> bool:
    """Return whether the episode was cut short, so that it proves nothing about the policy."""
    return result.status in (EpisodeStatus.ABORTED_FAULT, EpisodeStatus.ABORTED_USER)


def spl_actions(result: EpisodeResult) -> float:
    """Return success weighted by path length, lengths counted in actions (the paper's form).

    NaN for an answer that has a score: its reference path is known in metres only.
    """
    if math.isnan(result.shortest_m) or not math.isnan(result.score):
        return math.nan
    return _spl(float(result.success), result.shortest_actions, result.actions)


def spl_metres(result: EpisodeResult) -> float:
    """Return success weighted by path length in metres (Anderson et al. 2018)."""
    return _spl(float(result.success), result.shortest_m, result.path_m)


def answer_score(result: EpisodeResult) -> float:
    """Return the score of an open answer, 0 to 100: ``(sigma - 1) * 25``; NaN without one.

    No answer scores 0. (The paper, arXiv 2510.18135 appendix B.3, scores the guess of a language
    model that has seen nothing in its place.)
    """
    return result.score


def score_spl(result: EpisodeResult) -> float:
    """Return the answer score weighted by path length in metres, 0 to 100 (appendix B.3)."""
    return _spl(answer_score(result), result.shortest_m, result.path_m)


def _spl(worth: float, shortest: float, travelled: float) -> float:
    """Return ``S l / max(p, l)``; NaN where ``S``, ``l`` or ``p`` is.

    Nothing is worth 0, even where no way leads to the goal (``l`` infinite). A success that needed
    nothing (``l = p = 0``) counts whole, and so does one where ``p <= l``.
    """
    if math.isnan(worth) or math.isnan(shortest) or math.isnan(travelled):
        return math.nan
    if worth == 0.0:
        return 0.0
    return worth if travelled <= shortest else worth * shortest / travelled


def summarise(results: Sequence[EpisodeResult], decisions: Iterable[Decision]) -> Summary:
    """Return the summary of these episodes, and of all decisions taken in them."""
    whole = [r for r in results if not is_fault(r)]
    faults = Counter(describe(r.code) for r in results if is_fault(r))
    successes = sum(r.success for r in whole)
    taken = list(decisions)
    stages: dict[str, list[float]] = {}
    for decision in taken:
        for stage, seconds in decision.seconds.items():
            stages.setdefault(stage, []).append(seconds)
    return Summary(
        n=len(results),
        faults=dict(sorted(faults.items())),
        success=wilson(successes, len(whole)),
        success_all=wilson(successes, len(results)),
        spl_actions=share_interval([spl_actions(r) for r in whole]),
        spl_metres=share_interval([spl_metres(r) for r in whole]),
        score=share_interval([answer_score(r) for r in whole], most=MOST_SCORE),
        score_spl=share_interval([score_spl(r) for r in whole], most=MOST_SCORE),
        actions=mean_interval([r.actions for r in whole]),
        decisions=mean_interval([r.decisions for r in whole]),
        collisions=mean_interval([r.collisions for r in whole]),
        failures=mean_interval([r.failures for r in whole]),
        seconds=percentiles([thinking_seconds(d) for d in taken]),
        seconds_by_stage={stage: percentiles(values) for stage, values in stages.items()},
        frames=percentiles([d.frames_imagined for d in taken]),
        degraded=sum(d.degraded for d in taken),
    )


def thinking_seconds(decision: Decision) -> float:
    """Return how long the robot stood and thought."""
    return sum(decision.seconds.get(stage, 0.0) for stage in THINKING)


def summarise_records(records: Iterable[EpisodeRecord]) -> Summary:
    """Return the summary of complete records; one without a result is not complete."""
    kept = list(records)
    results = [r.result for r in kept if r.result is not None]
    if len(results) < len(kept):
        raise ValueError("an episode record without a result cannot be summarised")
    return summarise(results, [d.decision for r in kept for d in r.decisions])
