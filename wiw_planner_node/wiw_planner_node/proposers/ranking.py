"""What the searching proposers share: who is an elite, and what their parameters may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from wiw_core.decisions import Candidate
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import Plan
from wiw_planner_node.proposers.walks import DRAWS_PER_PLAN

MOST_ROUNDS = 64


def check_rounds(rounds: int, elites: int, smoothing: float) -> None:
    """Raise ``BAD_PARAMETER`` for numbers that no search can be made with."""
    for good, name, value, wanted in (
        (1 <= rounds <= MOST_ROUNDS, "rounds", rounds, f"1 to {MOST_ROUNDS}"),
        (elites >= 0, "elites", elites, "at least 0"),
        (0.0 <= smoothing < 1.0, "smoothing", smoothing, "at least 0 and below 1"),
    ):
        if not good:
            raise WiwError(ErrorCode.BAD_PARAMETER, f"{name} is {value}; it must be {wanted}.")


def elite(candidates: Sequence[Candidate], count: int) -> list[Candidate]:
    """Return the ``count`` best candidates by their finite scores, best first.

    Of equal ones those found earlier. None if all scores are the same: then none is better.
    """
    scored = [c for c in candidates if math.isfinite(c.score)]
    if len({c.score for c in scored}) < 2:
        return []
    return sorted(scored, key=lambda c: -c.score)[:count]


def default_elites(count: int) -> int:
    """Return how many elites a round of ``count`` plans makes: a quarter, at least 2."""
    return max(2, math.ceil(count / 4))


def new_plans(
    draw: Callable[[], Plan | None], candidates: Sequence[Candidate], count: int
) -> list[Plan]:
    """Return up to ``count`` distinct plans that were not weighed before, as they are drawn.

    ``draw`` may give None for a plan that cannot be. Where few plans are new there are fewer.
    """
    known = {candidate.plan.actions for candidate in candidates}
    plans: list[Plan] = []
    for _ in range(DRAWS_PER_PLAN * max(1, count)):
        plan = draw()
        if plan is not None and plan.actions not in known:
            known.add(plan.actions)
            plans.append(plan)
        if len(plans) >= count:
            break
    return plans
