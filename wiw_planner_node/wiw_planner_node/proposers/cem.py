"""The cross-entropy method over navigation primitives: each round draws nearer to what scored."""

from __future__ import annotations

from collections.abc import Sequence

from wiw_core.contracts import DecisionContext, Proposer
from wiw_core.decisions import Candidate
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import NAVIGATION, Plan, navigation_plan
from wiw_core.registry import PROPOSERS, Registry
from wiw_planner_node.proposers.heuristic import HeuristicProposer
from wiw_planner_node.proposers.ranking import check_rounds, default_elites, elite, new_plans
from wiw_planner_node.proposers.walks import Shares

_ITSELF = "cem"


class CemProposer:
    """Draws plans, has them imagined and scored, and draws again nearer to the best of them.

    The cross-entropy method with a categorical distribution over the primitives of each step (the
    online planning of World-in-World names it as an instance, arXiv 2510.18135, section 2.1). Any
    world model and any reviser serve: the elites are those whose score is highest. The first round
    is that of another proposer, so that the search begins with what a policy thinks good, and plan
    0, all that is used without a world model, is that proposer's. Later rounds are drawn from the
    shares of the elites at each step, mixed with the shares before, by the rules of
    :class:`~wiw_planner_node.proposers.heuristic.HeuristicProposer`. If no score differs from
    another there is nothing to learn, and the next round is drawn from the same shares.

    A decision costs up to ``rounds`` times as many rollouts as one of a single round.

    Parameters
    ----------
    rounds : int
        Rounds of imagination per decision, the first included.
    elites : int
        Best plans so far that a round learns from; 0: a quarter of a round's plans, at least 2.
    smoothing : float
        Share, 0 to below 1, of the distribution before that is kept in each round.
    start : str
        Registered name of the proposer of the first round, with its own defaults.
    avoid_obstacles, robot_radius_m : bool, float
        As of the heuristic proposer, in every round.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if a parameter is out of its range; ``UNKNOWN_PROPOSER``.
    """

    def __init__(
        self,
        rounds: int = 3,
        elites: int = 0,
        smoothing: float = 0.3,
        start: str = "heuristic",
        avoid_obstacles: bool = True,
        robot_radius_m: float = 0.2,
    ) -> None:
        check_rounds(rounds, elites, smoothing)
        if start == _ITSELF:
            raise WiwError(ErrorCode.BAD_PARAMETER, "The proposer 'cem' cannot start with itself.")
        self.rounds, self.elites, self.smoothing = rounds, elites, smoothing
        self._rules = HeuristicProposer(
            avoid_obstacles=avoid_obstacles, robot_radius_m=robot_radius_m
        )
        self._start: Proposer = (
            self._rules if start == "heuristic" else Registry(PROPOSERS).create(start)
        )
        self._shares: list[Shares] = []
        self._round = 0

    def propose(self, context: DecisionContext, count: int) -> list[Plan]:
        """Return the plans of the proposer that starts; raises as that one does."""
        self._round = 1
        self._shares = [self._rules.shares] * context.limits.horizon
        return self._start.propose(context, count)

    def refine(
        self, context: DecisionContext, candidates: Sequence[Candidate], count: int
    ) -> list[Plan]:
        """Return up to ``count`` plans of ``limits.horizon`` actions that are not weighed yet.

        Raises
        ------
        WiwError
            ``PROPOSAL_INVALID`` if plans hold anything but navigation primitives;
            ``DEPTH_REQUIRED`` if obstacles are to be avoided and no view has depth.
        """
        if self._round >= self.rounds:
            return []
        self._round += 1
        best = elite(candidates, self.elites or default_elites(count))
        self._shares = [self._learned(k, shares, best) for k, shares in enumerate(self._shares)]
        walks = self._rules.walks(context)
        text = f"drawn in round {self._round}"
        return new_plans(
            lambda: navigation_plan(walks.draw(context.rng, self._shares), text), candidates, count
        )

    def _learned(self, step: int, shares: Shares, best: Sequence[Candidate]) -> Shares:
        """Return the shares of a step after what the elites do there."""
        done = [c.plan.names[step] for c in best if len(c.plan) > step]
        for name in done:
            if name not in NAVIGATION:
                raise WiwError(
                    ErrorCode.PROPOSAL_INVALID,
                    f"'cem' searches among navigation primitives; '{name}' is none.",
                    "Use cem_arm for tool poses.",
                )
        if not done:
            return shares
        new = 1.0 - self.smoothing
        return {
            name: self.smoothing * share + new * done.count(name) / len(done)
            for name, share in shares.items()
        }
