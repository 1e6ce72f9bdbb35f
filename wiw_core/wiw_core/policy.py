"""What decides: a proposer, an optional world model and a reviser, under their limits."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from wiw_core.contracts import DecisionContext, PlanLimits, Proposer, Reviser, WorldModel
from wiw_core.decisions import Decision
from wiw_core.observation import Episode, Observation
from wiw_core.plans import ActionSpec

_CONSULTING = 1
"""Keeps the draws of :meth:`Policy.consults` apart from those of proposers and revisers."""


@dataclass
class Policy:
    """A proposer, an optional world model and a reviser, with the limits they plan under.

    Attributes
    ----------
    imagine : WorldModel or None
        None is the base policy: the proposer's first plan.
    deadline_s : float
        Seconds allowed for all rollouts of one decision.
    consult_share : float
        Share of decisions, 0 to 1, that may ask the world model; the others take the first plan and
        are marked as degraded. (The number of inferences in the ablations of arXiv 2510.18135.)
    """

    proposer: Proposer
    reviser: Reviser
    limits: PlanLimits
    imagine: WorldModel | None = None
    deadline_s: float = 60.0
    consult_share: float = 1.0

    def consults(self, context: DecisionContext, seed: int) -> bool:
        """Return whether the world model may be asked in this decision.

        It depends on the run's seed, the episode's and the decision's number alone; where a small
        share asks, a greater one asks too.
        """
        draw = np.random.default_rng([seed, context.episode.seed, context.index, _CONSULTING])
        return bool(draw.random() < self.consult_share)

    @property
    def context_length(self) -> int:
        """How many observations, now included, its world model looks back on."""
        return max(1, self.imagine.info.context) if self.imagine is not None else 1


def decision_context(
    policy: Policy,
    episode: Episode,
    history: tuple[Observation, ...],
    actions: Mapping[str, ActionSpec],
    index: int,
    seed: int,
    previous: Decision | None,
) -> DecisionContext:
    """Return the context of decision ``index``; its randomness depends only on seeds and index."""
    return DecisionContext(
        episode=episode,
        history=history[-policy.context_length :],
        index=index,
        limits=policy.limits,
        actions=actions,
        rng=np.random.default_rng([seed, episode.seed, index]),
        previous=previous,
    )


@dataclass
class Stopwatch:
    """Steady-clock seconds per named stage."""

    seconds: dict[str, float] = field(default_factory=dict)
    _mark: float = field(default_factory=time.monotonic)

    def lap(self, stage: str) -> None:
        """Charge the time since the last lap to ``stage``."""
        now = time.monotonic()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._mark
        self._mark = now
