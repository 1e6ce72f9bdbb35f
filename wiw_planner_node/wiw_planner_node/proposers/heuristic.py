"""The heuristic proposer of the paper: random primitives that never undo a turn."""

from __future__ import annotations

from wiw_core.contracts import DecisionContext
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import Plan, navigation_plan
from wiw_planner_node.perception.obstacles import obstacle_map
from wiw_planner_node.proposers.walks import (
    DRAWS_PER_PLAN,
    Shares,
    Walks,
    last_executed,
    require_navigation,
)


class HeuristicProposer:
    """Random navigation primitives that never undo a turn nor drive into what the robot sees.

    The paper's heuristic (arXiv 2510.18135, appendix B): a turn never follows its opposite, at most
    ``max_same_turns`` equal turns follow one another, and the plans of one decision are distinct.
    Ours adds one thing: ``forward`` is not drawn where the depth seen now shows an obstacle, for
    every policy alike, with or without a world model.

    Parameters
    ----------
    forward_share : float
        Probability of ``forward`` before the rules apply; the two turns share the rest equally.
    max_same_turns : int
        Greatest number of equal turns in a row: 4 is a quarter circle.
    avoid_obstacles : bool
        Use depth; False is the paper's blind heuristic.
    robot_radius_m : float
        Distance that the middle of the robot keeps from obstacles.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if a parameter is out of its range.
    """

    def __init__(
        self,
        forward_share: float = 0.6,
        max_same_turns: int = 4,
        avoid_obstacles: bool = True,
        robot_radius_m: float = 0.2,
    ) -> None:
        for good, name, value, wanted in (
            (0.0 < forward_share < 1.0, "forward_share", forward_share, "above 0 and below 1"),
            (max_same_turns >= 1, "max_same_turns", max_same_turns, "at least 1"),
            (0.0 < robot_radius_m <= 1.0, "robot_radius_m", robot_radius_m, "above 0, at most 1"),
        ):
            if not good:
                raise WiwError(ErrorCode.BAD_PARAMETER, f"{name} is {value}; it must be {wanted}.")
        self.forward_share = forward_share
        self.max_same_turns = max_same_turns
        self.avoid_obstacles = avoid_obstacles
        self.robot_radius_m = robot_radius_m

    def propose(self, context: DecisionContext, count: int) -> list[Plan]:
        """Return up to ``count`` distinct plans of ``limits.horizon`` actions.

        Plans are drawn one after another from ``context.rng``, so the first does not depend on
        ``count``.

        Raises
        ------
        WiwError
            ``PROPOSAL_INVALID`` if the environment does not accept the navigation primitives;
            ``DEPTH_REQUIRED`` if obstacles are to be avoided and no view has depth.
        """
        require_navigation(context)
        walks = self.walks(context)
        wished = [self.shares] * context.limits.horizon
        plans: list[tuple[str, ...]] = []
        for _ in range(DRAWS_PER_PLAN * max(1, count)):
            names = walks.draw(context.rng, wished)
            if names not in plans:
                plans.append(names)
            if len(plans) >= count:
                break
        return [navigation_plan(names) for names in plans]

    @property
    def shares(self) -> Shares:
        """The probability of each primitive before the rules apply."""
        turn = (1.0 - self.forward_share) / 2.0
        return {"forward": self.forward_share, "turn_left": turn, "turn_right": turn}

    def walks(self, context: DecisionContext) -> Walks:
        """Return the rules that hold now; raises ``DEPTH_REQUIRED`` as :meth:`propose`."""
        obstacles = obstacle_map(context.now) if self.avoid_obstacles else None
        before = last_executed(context)
        return Walks(before, self.max_same_turns, obstacles, self.robot_radius_m)
