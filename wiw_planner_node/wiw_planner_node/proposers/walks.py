"""Walks of navigation primitives by the paper's rules, drawn from wished shares per step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wiw_core.contracts import DecisionContext
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.plans import NAVIGATION, NAVIGATION_DELTA
from wiw_planner_node.perception.obstacles import ObstacleMap

DRAWS_PER_PLAN = 30
"""In a narrow place few walks are possible: a bound on the draws ends the search for new ones."""
_OPPOSITE = {"turn_left": "turn_right", "turn_right": "turn_left"}

Shares = Mapping[str, float]
"""Wished probability of each navigation primitive, before the rules apply."""


@dataclass(frozen=True)
class Walks:
    """What a walk may be (arXiv 2510.18135, appendix B).

    A turn never follows its opposite, at most ``max_same_turns`` equal turns follow one another,
    and ``forward`` is not drawn where ``obstacles`` are in its way.

    Attributes
    ----------
    before : str
        The primitive executed last; empty at the start.
    obstacles : ObstacleMap or None
        None draws blindly.
    """

    before: str
    max_same_turns: int
    obstacles: ObstacleMap | None
    robot_radius_m: float

    def draw(self, rng: np.random.Generator, wished: Sequence[Shares]) -> tuple[str, ...]:
        """Return a walk of one primitive for each of the wished shares."""
        names: list[str] = []
        pose = Pose2()
        ahead = NAVIGATION_DELTA["forward"]
        for shares in wished:
            blocked = self.obstacles is not None and self.obstacles.blocks(
                pose, ahead, self.robot_radius_m
            )
            share = self._allowed(shares, names, blocked)
            name = str(rng.choice(list(share), p=np.array(list(share.values()))))
            if not (blocked and name == "forward"):
                pose = pose * NAVIGATION_DELTA[name]
            names.append(name)
        return tuple(names)

    def _allowed(self, wished: Shares, names: list[str], blocked: bool) -> dict[str, float]:
        """Return the probability of each primitive that may come next."""
        last = names[-1] if names else self.before
        share = {"forward": 0.0 if blocked else wished["forward"]}
        for name, opposite in _OPPOSITE.items():
            row = names[-self.max_same_turns :] == [name] * self.max_same_turns
            share[name] = 0.0 if last == opposite or row else wished[name]
        total = sum(share.values())
        if total == 0.0:  # boxed in after the longest allowed turn: a bump is harmless
            return {"forward": 1.0}
        return {name: value / total for name, value in share.items() if value > 0.0}


def require_navigation(context: DecisionContext) -> None:
    """Raise ``PROPOSAL_INVALID`` unless the environment accepts the navigation primitives."""
    missing = sorted(set(NAVIGATION) - set(context.actions))
    if missing:
        raise WiwError(
            ErrorCode.PROPOSAL_INVALID,
            f"The environment does not accept {', '.join(missing)}.",
            "Use a proposer made for its actions.",
        )


def last_executed(context: DecisionContext) -> str:
    """Return the last action the robot was told to execute, or an empty string."""
    previous = context.previous
    executed = () if previous is None else previous.plan.names[: previous.prefix_length]
    return executed[-1] if executed else ""
