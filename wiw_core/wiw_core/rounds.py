"""The rounds of one decision: weigh what was imagined, ask for better plans, weigh again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wiw_core.contracts import DecisionContext, Proposer, Refiner, Reviser
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import Plan, check_proposals


class Weighing:
    """All candidates of one decision, round by round.

    In each round the reviser weighs the new candidates beside the best one so far, which comes
    first, so that of equals the one found earlier stays. An answer, a stop or a rewritten plan ends
    the rounds.

    Attributes
    ----------
    candidates : list of Candidate
        Of every round, in order; the rollout of candidate k has plan index k.
    round : int
        Number of rounds weighed so far.
    """

    def __init__(self, reviser: Reviser) -> None:
        self._reviser = reviser
        self._best: list[int] = []
        self.candidates: list[Candidate] = []
        self.round = 0

    def weigh(self, context: DecisionContext, plans: Sequence[Candidate]) -> Decision:
        """Return the decision over the best so far and these; its candidates are all weighed.

        Parameters
        ----------
        plans : sequence of Candidate
            New ones, their rollouts numbered within this round.

        Raises
        ------
        WiwError
            ``CONTRACT_VIOLATION`` if the reviser gives back more or fewer candidates than it got;
            else as :meth:`wiw_core.contracts.Reviser.revise`.
        """
        start = len(self.candidates)
        places = [*self._best, *range(start, start + len(plans))]
        for plan in plans:
            rollout = plan.rollout
            if rollout is not None:
                rollout = replace(rollout, plan_index=start + rollout.plan_index)
            self.candidates.append(replace(plan, rollout=rollout, round=self.round))
        group = [self.candidates[place] for place in places]
        decision = self._reviser.revise(context, group)
        scored = decision.candidates or tuple(group)
        if len(scored) != len(group):
            raise WiwError(
                ErrorCode.CONTRACT_VIOLATION,
                f"The reviser was given {len(group)} candidates and gave back {len(scored)}.",
                "It must give back all of them, in order, or none.",
            )
        for place, candidate in zip(places, scored):
            self.candidates[place] = candidate
        self.round += 1
        chosen = places[decision.chosen] if decision.chosen >= 0 else -1
        goes_on = decision.kind is DecisionKind.ACT and chosen >= 0
        self._best = [chosen] if goes_on else []
        return replace(decision, candidates=tuple(self.candidates), chosen=chosen)

    def refined(self, proposer: Proposer, context: DecisionContext, count: int) -> list[Plan]:
        """Return at most ``count`` plans for another round; none when the rounds are over.

        Raises
        ------
        WiwError
            ``PROPOSAL_INVALID`` or an action's own code for bad plans, or for one that was weighed
            before.
        """
        if not self._best or not isinstance(proposer, Refiner):
            return []
        plans = proposer.refine(context, tuple(self.candidates), count)
        if not plans:
            return []
        check_proposals(plans, context.actions, count, context.limits.horizon)
        known = {candidate.plan.actions for candidate in self.candidates}
        if any(plan.actions in known for plan in plans):
            raise WiwError(
                ErrorCode.PROPOSAL_INVALID, "A plan was proposed again that was weighed already."
            )
        return plans
