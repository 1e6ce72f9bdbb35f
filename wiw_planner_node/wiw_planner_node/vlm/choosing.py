"""The decision that a VLM's choice among plans comes to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.plans import Plan
from wiw_planner_node.vlm.showing import Shown


def adopted(
    context: DecisionContext,
    candidates: Sequence[Candidate],
    judged: Sequence[Shown],
    chosen: int,
    reason: str = "",
) -> Decision:
    """Return the decision to act on candidate ``chosen``, for a reason that the record keeps.

    It has score 1 and the others that were judged have 0: a VLM gives no finer scale.
    """
    scored = _scored(candidates, judged, chosen)
    scored[chosen] = replace(scored[chosen], score=1.0, reason=reason or scored[chosen].reason)
    return _act(context, scored[chosen].plan, chosen, scored)


def written(
    context: DecisionContext, candidates: Sequence[Candidate], judged: Sequence[Shown], plan: Plan
) -> Decision:
    """Return the decision to act on a plan that is none of the candidates."""
    return _act(context, plan, -1, _scored(candidates, judged, -1))


def _scored(
    candidates: Sequence[Candidate], judged: Sequence[Shown], chosen: int
) -> list[Candidate]:
    indices = {one.index for one in judged}
    return [
        replace(candidate, score=float(k == chosen))
        if k in indices
        else replace(candidate, score=math.nan, reason=candidate.reason or "it was not judged")
        for k, candidate in enumerate(candidates)
    ]


def _act(
    context: DecisionContext, plan: Plan, chosen: int, candidates: Sequence[Candidate]
) -> Decision:
    length = min(context.limits.execute, len(plan))
    return Decision(DecisionKind.ACT, plan, length, chosen=chosen, candidates=tuple(candidates))
