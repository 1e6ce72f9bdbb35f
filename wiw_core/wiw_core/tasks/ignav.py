"""Image-goal navigation: go to where a given photo was taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wiw_core.contracts import Metric, PlanLimits
from wiw_core.plans import NAVIGATION, ActionSpec

CANDIDATES = 3
"""M, plans weighed per decision (arXiv 2510.18135, appendix B.2)."""
HORIZON = 5
"""L, greatest number of actions of a plan (appendix B.2)."""
EXECUTE = HORIZON - 2
"""Actions executed per decision, ``L - 2`` (the authors' released solver)."""
BUDGET = 20
"""Decisions per episode (appendix B.2)."""
SUCCESS_RADIUS_M = 0.5
"""Geodesic metres to the goal at which the environment stops the episode (appendix B.2)."""

ORACLE_STOP = "oracle_stop"
"""Privilege: the environment ends the episode within the success radius, as published."""


@dataclass(frozen=True)
class ImageGoalNavigation:
    """Go to where a photo was taken; the environment stops the robot within the success radius.

    The oracle stop is part of the published protocol and is named among the episode's privileges.
    Success rate, SPL in actions (the authors' form) and SPL in metres: :mod:`wiw_core.metrics`.

    Attributes
    ----------
    privileges : tuple of str
        What the policy is given beyond sensors.
    """

    name: str = "ignav"
    limits: PlanLimits = PlanLimits(CANDIDATES, HORIZON, EXECUTE)
    budget: int = BUDGET
    views: tuple[str, ...] = ("front", "panorama")
    actions: Mapping[str, ActionSpec] = field(default_factory=lambda: NAVIGATION)
    metric: Metric = "success"
    family: str = "image-goal navigation"
    environment: str = "mujoco"
    proposer: str = "heuristic"
    reviser: str = "place"
    success_radius_m: float = SUCCESS_RADIUS_M
    privileges: tuple[str, ...] = (ORACLE_STOP,)


@dataclass(frozen=True)
class SelfStopNavigation(ImageGoalNavigation):
    """The same episodes, but the policy says when it is there.

    Success is being within the radius where the episode ends: at the policy's ``STOP``, or where
    the budget leaves it.
    """

    name: str = "ignav_self_stop"
    privileges: tuple[str, ...] = ()
