"""Active embodied question answering: explore until a question about the home can be answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wiw_core.contracts import Metric, PlanLimits
from wiw_core.plans import NAVIGATION, ActionSpec

CANDIDATES = 3
"""M, plans weighed per decision (arXiv 2510.18135, appendix B.3)."""
HORIZON = 14
"""L, greatest number of actions of a plan; the paper's clips are of 14 frames (appendix B.3)."""
EXECUTE = HORIZON
"""Actions executed per decision; the released solver looks again after at most 15."""
PRIMITIVES = 56
"""Primitive actions per episode: four plans. The paper has 250 for reference paths of 12.6 m on
average; ours are mostly 2 to 5 m, and exploring must stay dear."""
BUDGET = 24
"""Decisions per episode: more than enough, the primitives are what is scarce."""
NOUNS = (
    *("ball", "cube", "cylinder", "mug", "vase"),
    *("bathtub", "bed", "cabinet", "chair", "counter", "desk", "fridge", "lamp", "plant"),
    *("shelf", "sink", "sofa", "stove", "table", "toilet", "tv"),
)
"""The names that object detections have: public, as the 200 classes of the paper's detector are."""


@dataclass(frozen=True)
class ActiveQuestionAnswering:
    """Answer an open question about a home, exploring first: the start does not show the answer.

    ``Decision.answer`` is the best answer so far; it is final with ``ANSWER``, or when the episode
    ends by itself. It does after ``budget`` decisions, and after ``primitives`` actions: that last
    transition is ``done``, nothing is decided afterwards, so a policy that wants to judge what it
    sees keeps an action back (``primitives - Observation.step`` are left).

    Object detections (:class:`wiw_core.observation.SceneObject`, names from :data:`NOUNS`) stand in
    for the paper's detector and object memory, and are named among the privileges. Metrics: answer
    score, and score weighted by path length (:mod:`wiw_core.metrics`).
    """

    name: str = "aeqa"
    limits: PlanLimits = PlanLimits(CANDIDATES, HORIZON, EXECUTE)
    budget: int = BUDGET
    views: tuple[str, ...] = ("panorama",)
    actions: Mapping[str, ActionSpec] = field(default_factory=lambda: NAVIGATION)
    metric: Metric = "score"
    family: str = "active embodied question answering"
    environment: str = "mujoco"
    proposer: str = "explore"
    reviser: str = "answer"
    primitives: int = PRIMITIVES
