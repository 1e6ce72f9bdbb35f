"""Is a decision the same as another? In plain words: where they first differ."""

from __future__ import annotations

import math
from collections.abc import Sequence

from wiw_core.decisions import Decision, DecisionKind
from wiw_core.plans import Plan

TOLERANCE = 1e-4
"""Scores and actions' numbers may differ by so much, relative to the greater one, or absolutely
below 1: another number of threads adds in another order."""


def first_difference(recorded: Decision, now: Decision, tolerance: float = TOLERANCE) -> str:
    """Return in what ``now`` differs from what was recorded; empty if they are the same.

    Seconds, pictures, reasons and transcripts are no part of a decision.
    """
    if recorded.kind is not now.kind:
        return f"{_what(now)} instead of {_what(recorded)}"
    if not _same_plan(recorded.plan, now.plan, tolerance):
        return f"{_words(now.plan)} instead of {_words(recorded.plan)}"
    if recorded.prefix_length != now.prefix_length:
        return f"executes {now.prefix_length} actions instead of {recorded.prefix_length}"
    if recorded.answer != now.answer:
        return f"answer '{now.answer}' instead of '{recorded.answer}'"
    if not _close(recorded.confidence, now.confidence, tolerance):
        return f"confidence {now.confidence:.6g} instead of {recorded.confidence:.6g}"
    if recorded.degraded is not now.degraded:
        return "degraded" if now.degraded else "not degraded any more"
    return _in_candidates(recorded, now, tolerance)


def acts_alike(recorded: Decision, now: Decision, tolerance: float = TOLERANCE) -> bool:
    """Whether the robot would have done the same, or given the same answer, whatever the scores."""
    before = recorded.plan.prefix(recorded.prefix_length)
    after = now.plan.prefix(now.prefix_length)
    same = (recorded.kind, recorded.answer) == (now.kind, now.answer)
    return same and _same_plan(before, after, tolerance)


def _in_candidates(recorded: Decision, now: Decision, tolerance: float) -> str:
    if len(recorded.candidates) != len(now.candidates):
        return f"{len(now.candidates)} candidates instead of {len(recorded.candidates)}"
    for place, (before, after) in enumerate(zip(recorded.candidates, now.candidates)):
        if before.round != after.round or not _same_plan(before.plan, after.plan, tolerance):
            return f"candidate {place}: {_words(after.plan)} instead of {_words(before.plan)}"
        if before.code is not after.code:
            return f"candidate {place}: {after.code.name} instead of {before.code.name}"
        if not _close(before.score, after.score, tolerance):
            return f"score of candidate {place}: {after.score:.6g} instead of {before.score:.6g}"
    if recorded.chosen != now.chosen:
        return f"candidate {now.chosen} instead of {recorded.chosen}"
    return ""


def _same_plan(a: Plan, b: Plan, tolerance: float) -> bool:
    return a.names == b.names and all(
        _all_close(x.values, y.values, tolerance) for x, y in zip(a.actions, b.actions)
    )


def _all_close(a: Sequence[float], b: Sequence[float], tolerance: float) -> bool:
    return len(a) == len(b) and all(_close(x, y, tolerance) for x, y in zip(a, b))


def _close(a: float, b: float, tolerance: float) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


def _what(decision: Decision) -> str:
    if decision.kind is DecisionKind.ACT:
        return _words(decision.plan)
    if decision.kind is DecisionKind.ANSWER:
        return f"the answer '{decision.answer}'"
    return "stop"


def _words(plan: Plan) -> str:
    """Return a plan in short: ``forward x3, turn_left``, with the numbers of other actions."""
    words: list[list[str | int]] = []
    for action in plan.actions:
        numbers = ", ".join(f"{value:.3g}" for value in action.values)
        name = f"{action.name}({numbers})" if numbers else action.name
        if words and words[-1][0] == name:
            words[-1][1] = int(words[-1][1]) + 1
        else:
            words.append([name, 1])
    return ", ".join(f"{n} x{k}" if k != 1 else str(n) for n, k in words) or "no actions"
