"""The promises of a proposer, a reviser and a task."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from wiw_core.conformance.examples import legal_plans
from wiw_core.conformance.promise import promise, succeeds
from wiw_core.contracts import DecisionContext, Proposer, Refiner, Reviser, Task, WorldModel
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.plans import Action, Plan, check_proposals
from wiw_core.rollouts import RolloutRequest
from wiw_core.wrappers import Validated

_MOST_ROUNDS = 100


def check_proposer(proposer: Proposer, make_context: Callable[[], DecisionContext]) -> None:
    """Check every promise of :class:`wiw_core.contracts.Proposer`, and of ``Refiner`` if it is one.

    Parameters
    ----------
    make_context : callable
        Returns a fresh context, its generator seeded the same each time.
    """
    promise(isinstance(proposer, Proposer), f"{type(proposer).__name__} has no propose().")
    proposals = {count: _propose(proposer, make_context(), count) for count in (1, 2, 4)}
    firsts = {plans[0] for plans in proposals.values()}
    promise(len(firsts) == 1, "The first plan must not depend on how many are asked for.")
    again = _propose(proposer, make_context(), 4)
    promise(again == proposals[4], "The same context must give the same plans.")
    if isinstance(proposer, Refiner):
        first, second = (_refine(proposer, make_context()) for _ in range(2))
        promise(first == second, "The same scores must give the same plans in every round.")


def _refine(proposer: Refiner, context: DecisionContext) -> list[tuple[Action, ...]]:
    """Return the plans of all rounds, where later ones of a round score better, one not at all."""
    fresh: list[Plan] = proposer.propose(context, 4)
    weighed: list[Candidate] = []
    for _ in range(_MOST_ROUNDS):
        weighed += [Candidate(plan, score=float(k)) for k, plan in enumerate(fresh)]
        weighed[-1] = replace(weighed[-1], score=math.nan)
        fresh = succeeds("refine()", partial(proposer.refine, context, tuple(weighed), 4))
        known = [candidate.plan.actions for candidate in weighed]
        if not fresh:
            return known
        check = partial(check_proposals, fresh, context.actions, 4, context.limits.horizon)
        succeeds("A further round", check)
        promise(all(p.actions not in known for p in fresh), "A round must hold new plans alone.")
    raise AssertionError("The rounds must end.")


def _propose(proposer: Proposer, context: DecisionContext, count: int) -> list[tuple[Action, ...]]:
    plans: list[Plan] = succeeds("propose()", lambda: proposer.propose(context, count))
    succeeds(
        f"A proposal of {count}",
        lambda: check_proposals(plans, context.actions, count, context.limits.horizon),
    )
    return [plan.actions for plan in plans]


def check_reviser(
    reviser: Reviser,
    make_context: Callable[[], DecisionContext],
    model: WorldModel | None = None,
) -> None:
    """Check every promise of :class:`wiw_core.contracts.Reviser`.

    Parameters
    ----------
    model : WorldModel, optional
        What makes the rollouts; without it only the behaviour without rollouts is checked.
    """
    promise(isinstance(reviser, Reviser), f"{type(reviser).__name__} lacks a method of Reviser.")
    promise(
        reviser.frames in ("none", "last", "all"),
        f"frames is 'none', 'last' or 'all', not '{reviser.frames}'.",
    )
    context = make_context()
    plans = legal_plans(context)
    bare = [Candidate(plan) for plan in plans]
    decision = _decide(reviser, context, bare)
    if decision.kind is DecisionKind.ACT:
        promise(
            decision.plan.actions == plans[0].actions,
            "Without rollouts the first plan must be taken.",
        )
    if model is None or reviser.frames == "none":
        return
    request = RolloutRequest(
        observations=context.history,
        plans=plans,
        frames=tuple(len(plan) for plan in plans),
        episode=context.episode,
        last_frame_only=reviser.frames == "last",
    )
    imagined = list(bare)
    for rollout in Validated(model).rollout(request):
        imagined[rollout.plan_index] = replace(bare[rollout.plan_index], rollout=rollout)
    first = _decide(reviser, make_context(), imagined)
    second = _decide(reviser, make_context(), imagined)
    promise(
        (first.kind, first.plan.actions, first.answer)
        == (second.kind, second.plan.actions, second.answer),
        "The same candidates must give the same decision after reset().",
    )
    if first.chosen >= 0 and first.candidates:
        score = first.candidates[first.chosen].score
        promise(math.isfinite(score), f"The chosen candidate's score is {score}, not finite.")


def _decide(
    reviser: Reviser, context: DecisionContext, candidates: Sequence[Candidate]
) -> Decision:
    reviser.reset(context.episode)
    glanced = succeeds("glance()", lambda: reviser.glance(context))
    decision: Decision = glanced or succeeds(
        "revise()", lambda: reviser.revise(context, candidates)
    )
    length = len(decision.plan)
    if decision.kind is DecisionKind.ACT:
        promise(
            1 <= decision.prefix_length <= length,
            f"To act, 1 to {length} actions of the plan must be executed,"
            f" not {decision.prefix_length}.",
        )
    promise(
        len(decision.candidates) in (0, len(candidates)),
        f"All {len(candidates)} candidates are given back, in order, or none;"
        f" not {len(decision.candidates)}.",
    )
    if decision.kind is DecisionKind.ANSWER:
        promise(decision.answer, "An answer must not be empty.")
    promise(
        -1 <= decision.chosen < len(candidates),
        f"chosen is {decision.chosen}; there are {len(candidates)} candidates.",
    )
    if decision.chosen >= 0 and decision.kind is DecisionKind.ACT:
        promise(
            decision.plan.actions == candidates[decision.chosen].plan.actions,
            "The plan must be that of the chosen candidate; a rewritten plan has chosen = -1.",
        )
    promise(
        math.isnan(decision.confidence) or 0.0 <= decision.confidence <= 1.0,
        f"A confidence is 0 to 1, not {decision.confidence}.",
    )
    return decision


def check_task(task: Task) -> None:
    """Check every promise of :class:`wiw_core.contracts.Task`."""
    promise(isinstance(task, Task), f"{type(task).__name__} lacks a number of Task.")
    limits = task.limits
    promise(limits.candidates >= 1 and limits.horizon >= 1, f"Limits must be positive: {limits}.")
    promise(
        1 <= limits.execute <= limits.horizon,
        f"1 to {limits.horizon} actions can be executed, not {limits.execute}.",
    )
    promise(limits.imagined >= 0, f"{limits.imagined} actions cannot be imagined.")
    promise(task.budget >= 1, f"A budget is at least 1 decision, not {task.budget}.")
    promise(task.views, "A task must give its policy a view.")
    for text in (task.name, task.proposer, task.reviser):
        promise(text, "A task names itself, its proposer and its reviser.")
