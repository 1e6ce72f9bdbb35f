"""The heuristic proposer of the paper: random primitives that never undo a turn."""

from __future__ import annotations

import numpy as np

from wiw_core.contracts import DecisionContext
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.plans import NAVIGATION, NAVIGATION_DELTA, Plan, navigation_plan
from wiw_planner_node.perception.obstacles import ObstacleMap, obstacle_map

_OPPOSITE = {"turn_left": "turn_right", "turn_right": "turn_left"}
_DRAWS_PER_PLAN = 30


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
        missing = sorted(set(NAVIGATION) - set(context.actions))
        if missing:
            raise WiwError(
                ErrorCode.PROPOSAL_INVALID,
                f"The environment does not accept {', '.join(missing)}.",
                "Use a proposer made for its actions.",
            )
        obstacles = obstacle_map(context.now) if self.avoid_obstacles else None
        before = _last_executed(context)
        plans: list[tuple[str, ...]] = []
        # In a narrow place few sequences are possible: a bound on the draws ends the search.
        for _ in range(_DRAWS_PER_PLAN * max(1, count)):
            names = self._draw(context.rng, context.limits.horizon, before, obstacles)
            if names not in plans:
                plans.append(names)
            if len(plans) >= count:
                break
        return [navigation_plan(names) for names in plans]

    def _draw(
        self, rng: np.random.Generator, horizon: int, before: str, obstacles: ObstacleMap | None
    ) -> tuple[str, ...]:
        names: list[str] = []
        pose = Pose2()
        for _ in range(horizon):
            ahead = NAVIGATION_DELTA["forward"]
            blocked = obstacles is not None and obstacles.blocks(pose, ahead, self.robot_radius_m)
            share = self._shares(names, before, blocked)
            name = str(rng.choice(list(share), p=np.array(list(share.values()))))
            if not (blocked and name == "forward"):
                pose = pose * NAVIGATION_DELTA[name]
            names.append(name)
        return tuple(names)

    def _shares(self, names: list[str], before: str, blocked: bool) -> dict[str, float]:
        """Return the probability of each action that may come next."""
        last = names[-1] if names else before
        turn = (1.0 - self.forward_share) / 2.0
        share = {"forward": 0.0 if blocked else self.forward_share}
        for name, opposite in _OPPOSITE.items():
            row = names[-self.max_same_turns :] == [name] * self.max_same_turns
            share[name] = 0.0 if last == opposite or row else turn
        total = sum(share.values())
        if total == 0.0:  # boxed in after the longest allowed turn: a bump is harmless
            return {"forward": 1.0}
        return {name: value / total for name, value in share.items() if value > 0.0}


def _last_executed(context: DecisionContext) -> str:
    """Return the last action the robot was told to execute, or an empty string."""
    previous = context.previous
    executed = () if previous is None else previous.plan.names[: previous.prefix_length]
    return executed[-1] if executed else ""
