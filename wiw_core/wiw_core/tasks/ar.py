"""Active recognition: move until the boxed object can be named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wiw_core.contracts import Metric, PlanLimits
from wiw_core.plans import NAVIGATION, ActionSpec

CANDIDATES = 2
"""M, plans weighed per decision (arXiv 2510.18135, appendix B.1)."""
HORIZON = 4
"""L, greatest number of actions of a plan (appendix B.1)."""
EXECUTE = 1
"""Actions executed per decision (the authors' released solver; the paper says the whole plan)."""
IMAGINED = 13
"""Actions imagined per plan, shorter ones going on with forwards (the released solver)."""
BUDGET = 10
"""Decisions per episode (appendix B.1)."""
STOP_CONFIDENCE = 0.95
"""Probability of the best label at which the robot answers (appendix B.1)."""

TARGET_BOX = "target_box"
"""Privilege: the object's box is given in every view that shows it, as published."""
FIRST_TARGET_BOX = "first_target_box"
"""Privilege: the box is given in the first observation only; it says which object is asked for."""


@dataclass(frozen=True)
class ActiveRecognition:
    """Name the object in the box, moving to see it better; an answer ends the episode.

    The target's box comes from the environment, as published, and is named among the privileges.
    Metrics: accuracy of the final answer and mean actions.

    Attributes
    ----------
    privileges : tuple of str
        What the policy is given beyond sensors.
    """

    name: str = "ar"
    limits: PlanLimits = PlanLimits(CANDIDATES, HORIZON, EXECUTE, IMAGINED)
    budget: int = BUDGET
    views: tuple[str, ...] = ("front", "panorama")
    actions: Mapping[str, ActionSpec] = field(default_factory=lambda: NAVIGATION)
    metric: Metric = "success"
    family: str = "active recognition"
    environment: str = "mujoco"
    proposer: str = "around"
    reviser: str = "recognise"
    stop_confidence: float = STOP_CONFIDENCE
    privileges: tuple[str, ...] = (TARGET_BOX,)


@dataclass(frozen=True)
class UnboxedRecognition(ActiveRecognition):
    """The same episodes, but the policy follows the object itself from the second look on."""

    name: str = "ar_unboxed"
    privileges: tuple[str, ...] = (FIRST_TARGET_BOX,)
