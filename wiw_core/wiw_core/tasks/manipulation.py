"""The four manipulation tasks of the paper, on a table with a 7-DoF arm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wiw_core.arm import ARM
from wiw_core.contracts import Metric, PlanLimits
from wiw_core.plans import ActionSpec

CANDIDATES = 5
"""M, plans weighed per decision (arXiv 2510.18135, appendix B.4; the released code has 4)."""
HORIZON = 5
"""L, greatest number of tool poses of a plan (appendix B.4)."""
POSES = 15
"""Tool poses per episode (appendix B.4)."""
BUDGET = POSES // HORIZON
"""Decisions per episode: every plan is executed whole."""
OBJECT_CENTROIDS = "object_centroids"
"""Privilege of the paper's protocol: where the objects are, without names (appendix B.4)."""
NAMES = (
    "push_buttons",
    "slide_block_to_color_target",
    "insert_onto_square_peg",
    "stack_cups",
)
"""The four tasks."""


@dataclass(frozen=True)
class _ArmTask:
    """What the four tasks share."""

    name: str = ""
    limits: PlanLimits = PlanLimits(CANDIDATES, HORIZON, HORIZON)
    budget: int = BUDGET
    views: tuple[str, ...] = ("front",)
    actions: Mapping[str, ActionSpec] = field(default_factory=lambda: ARM)
    metric: Metric = "success"
    family: str = "manipulation"
    environment: str = "tabletop"
    proposer: str = "arm"
    reviser: str = "arm"


@dataclass(frozen=True)
class PushButtons(_ArmTask):
    """Push the one button of three that is named by its colour."""

    name: str = "push_buttons"


@dataclass(frozen=True)
class SlideBlock(_ArmTask):
    """Slide the block onto the square of the named colour."""

    name: str = "slide_block_to_color_target"


@dataclass(frozen=True)
class SquarePeg(_ArmTask):
    """Put the square ring on the spoke of the named colour."""

    name: str = "insert_onto_square_peg"


@dataclass(frozen=True)
class StackCups(_ArmTask):
    """Stack the other cups on the cup of the named colour."""

    name: str = "stack_cups"
