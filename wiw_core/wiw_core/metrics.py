"""What a set of episodes amounts to: success, SPL, cost; a fault is counted, never dropped."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wiw_core.decisions import Decision, EpisodeResult, EpisodeStatus
from wiw_core.errors import describe
from wiw_core.record_format import EpisodeRecord
from wiw_core.statistics import Interval, Percentiles, mean_interval, percentiles, wilson

THINKING = ("glance", "propose", "imagine", "revise")
"""The stages of a decision during which the robot stands and thinks."""


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
    actions, decisions : Interval
        Means over the episodes without a fault, failures included.
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
    actions: Interval
    decisions: Interval
    seconds: Percentiles
    seconds_by_stage: dict[str, Percentiles]
    frames: Percentiles
    degraded: int


def is_fault(result: EpisodeResult) -> bool:
    """Return whether the episode was cut short, so that it proves nothing about the policy."""
    return result.status in (EpisodeStatus.ABORTED_FAULT, EpisodeStatus.ABORTED_USER)


def spl_actions(result: EpisodeResult) -> float:
    """Return success weighted by path length, lengths counted in actions (the paper's form)."""
    if math.isnan(result.shortest_m):
        return math.nan
    return _spl(result.success, result.shortest_actions, result.actions)


def spl_metres(result: EpisodeResult) -> float:
    """Return success weighted by path length in metres (Anderson et al. 2018)."""
    return _spl(result.success, result.shortest_m, result.path_m)


def _spl(success: bool, shortest: float, travelled: float) -> float:
    """Return ``S l / max(p, l)``; NaN where ``l`` or ``p`` is.

    A failure is 0, even where no way leads to the goal (``l`` infinite). A success that needed
    nothing (``l = p = 0``) is 1, and so is one where ``p <= l``.
    """
    if math.isnan(shortest) or math.isnan(travelled):
        return math.nan
    if not success:
        return 0.0
    return 1.0 if travelled <= shortest else shortest / travelled


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
        spl_actions=mean_interval([spl_actions(r) for r in whole]),
        spl_metres=mean_interval([spl_metres(r) for r in whole]),
        actions=mean_interval([r.actions for r in whole]),
        decisions=mean_interval([r.decisions for r in whole]),
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
