"""Who takes the decisions of a recorded episode again."""

from __future__ import annotations

import sys
from typing import Protocol

from wiw.recording.episodes import RecordedEpisode
from wiw.recording.imagination import RecordedImagination
from wiw_core.contracts import WorldModel
from wiw_core.decisions import Decision
from wiw_core.loop import Policy, decide, decision_context
from wiw_core.observation import Observation
from wiw_ros import convert


class Decider(Protocol):
    """Takes the decisions of one episode again, in order."""

    @property
    def context_length(self) -> int:
        """How many observations it looks back on, now included."""
        ...

    def decide(
        self, turn: convert.Turn, history: tuple[Observation, ...], previous: Decision | None
    ) -> Decision:
        """Decide what ``turn`` decided, on the same observations, oldest first."""
        ...


class Planner(Protocol):
    """A running planner that can be asked."""

    def of(self, episode: RecordedEpisode) -> Decider:
        """Return what decides an episode."""
        ...


class PolicyDecider:
    """A policy in this process."""

    def __init__(self, episode: RecordedEpisode, policy: Policy, model: WorldModel | None) -> None:
        self._episode, self._policy, self._model = episode, policy, model
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)  # as in the planner node
        policy.reviser.reset(episode.begun.episode)

    @property
    def context_length(self) -> int:
        """As many as its world model asks for."""
        return self._policy.context_length

    def decide(
        self, turn: convert.Turn, history: tuple[Observation, ...], previous: Decision | None
    ) -> Decision:
        """Decide as :func:`wiw_core.loop.decide`; raises what that raises."""
        begun, index = self._episode.begun, turn.decision.index
        if isinstance(self._model, RecordedImagination):
            imagined = self._episode.imagined.items()
            self._model.at(turn.decision, {c: r for (d, c), r in imagined if d == index})
        context = decision_context(
            self._policy, begun.episode, history, begun.actions, index, begun.seed, previous
        )
        return decide(self._policy, context, seed=begun.seed)
