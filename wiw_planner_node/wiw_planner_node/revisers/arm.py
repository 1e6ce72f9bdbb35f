"""Choosing the tool poses whose imagined end shows the goal reached, or nearest to it."""

from __future__ import annotations

from collections.abc import Sequence

from wiw_core.contracts import DecisionContext, FramesWanted
from wiw_core.decisions import Candidate, Decision
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode, Projection, View
from wiw_core.rollouts import Rollout, main_view
from wiw_planner_node.perception.tabletop.gauges import Gauge, make_gauge
from wiw_planner_node.perception.tabletop.goal import ArmGoal, read_goal
from wiw_planner_node.revisers.select import check_score_by, select, value_score


class ArmReviser:
    """Score-and-select by what the last imagined picture of the table shows.

    The words' colour is found in the episode's first real view; from then on the goal's gauge
    (:mod:`~wiw_planner_node.perception.tabletop.gauges`) reads each plan's last imagined frame. It
    uses pixels and the camera's calibration, no privilege.

    Parameters
    ----------
    score_by : {"perception", "value"}
        ``perception`` reads the imagined picture; ``value`` takes the world model's own value (the
        oracle's is the true progress).

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if ``score_by`` is neither.
    """

    frames: FramesWanted = "last"

    def __init__(self, score_by: str = "perception") -> None:
        self.score_by = check_score_by(score_by)
        self._goal: ArmGoal | None = None
        self._first: View | None = None
        self._gauge: Gauge | None = None

    def reset(self, episode: Episode) -> None:
        """Read the goal; raises ``UNPARSABLE`` if it is none of the four kinds."""
        self._goal, self._first, self._gauge = None, None, None
        if self.score_by == "perception":
            self._goal = read_goal(episode.goal_text)

    def glance(self, context: DecisionContext) -> Decision | None:
        """Keep the first view of the table, before anything has moved; decide nothing by it."""
        if self._first is None:
            self._first = main_view(context.now)
        return None

    def revise(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
        """Act on the plan whose end is best; without rollouts, on the first plan.

        Raises
        ------
        WiwError
            ``NO_VALID_SCORE``, ``PROPOSAL_INVALID``; ``BAD_IMAGE`` if the frames are panoramas, or
            the first view is not calibrated or does not show what the goal names; ``UNPARSABLE``
            for an unknown colour; ``NO_EPISODE`` without :meth:`reset` and :meth:`glance`.
        """
        return select(context, candidates, value_score if self.score_by == "value" else self._score)

    def _score(self, candidate: Candidate, rollout: Rollout) -> float:
        if rollout.projection is not Projection.PERSPECTIVE:
            raise WiwError(
                ErrorCode.BAD_IMAGE,
                "The table's goals are read from frames of its still camera, not from panoramas.",
                "Use a world model that imagines the view it is given.",
            )
        if self._goal is None or self._first is None:
            raise WiwError(ErrorCode.NO_EPISODE, "The reviser was not reset for this episode.")
        if self._gauge is None:
            self._gauge = make_gauge(self._goal, self._first)
        return self._gauge(rollout.frames[-1])
