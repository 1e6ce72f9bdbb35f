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


@dataclass
class Policy:
    """A proposer, an optional world model and a reviser, with the limits they plan under.

    Attributes
    ----------
    imagine : WorldModel or None
        None is the base policy: the proposer's first plan.
    deadline_s : float
        Seconds allowed for all rollouts of one decision.
    """

    proposer: Proposer
    reviser: Reviser
    limits: PlanLimits
    imagine: WorldModel | None = None
    deadline_s: float = 60.0

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
