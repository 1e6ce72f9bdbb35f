"""What a film is made with: a camera after every action, and a dream of the chosen plan in full."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from wiw_core.contracts import DecisionContext, Environment, FramesWanted, Reviser
from wiw_core.decisions import Candidate, Decision, DecisionKind, Transition
from wiw_core.errors import WiwError
from wiw_core.loop import Policy
from wiw_core.observation import Episode, Observation
from wiw_core.plans import Plan
from wiw_core.rollouts import Rollout, RolloutRequest


class Camera:
    """An environment that observes after each action and keeps what it saw in the newest plan."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self.seen: list[Observation] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._env, name)

    def act(self, plan: Plan, *, observe: bool = True) -> Iterator[Transition]:
        """Execute as the inner environment does, observing after each action."""
        self.seen = []
        with closing(self._env.act(plan, observe=True)) as transitions:  # type: ignore[type-var]
            for transition in transitions:
                if transition.observation is not None:
                    self.seen.append(transition.observation)
                yield transition


class Dreamer:
    """A reviser that decides as its inner one does, then has the chosen plan imagined in full."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._inner: Reviser = policy.reviser
        self.frames: FramesWanted = policy.reviser.frames
        self.imagined: Rollout | None = None
        self.note = ""
        self.seconds = 0.0

    def reset(self, episode: Episode) -> None:
        """Forget the episode before."""
        self._inner.reset(episode)
        self.frames = self._inner.frames  # of some it depends on the task

    def glance(self, context: DecisionContext) -> Decision | None:
        """Decide without imagination, as the inner reviser does."""
        self.imagined, self.note, self.seconds = None, "decided without imagination", 0.0
        return self._inner.glance(context)

    def revise(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
        """Decide as the inner reviser does, then imagine the choice."""
        decision = self._inner.revise(context, candidates)
        start = time.monotonic()
        try:
            self.imagined, self.note = self._dream(context, decision, candidates)
        except (
            WiwError
        ) as error:  # a film is no reason to fail an episode; the strip says why it is empty
            self.imagined, self.note = None, f"{error.code} {error.code.name}: {error}"
        self.seconds += time.monotonic() - start  # of every round
        return decision

    def _dream(
        self, context: DecisionContext, decision: Decision, candidates: Sequence[Candidate]
    ) -> tuple[Rollout | None, str]:
        model = self._policy.imagine
        if model is None or self.frames == "none":
            return None, "no world model"
        if decision.kind is not DecisionKind.ACT or not 0 <= decision.chosen < len(candidates):
            return None, "no candidate was chosen"
        chosen = candidates[decision.chosen]
        if self.frames == "all" and chosen.rollout is not None:
            return chosen.rollout, ""
        request = RolloutRequest(
            observations=context.history,
            plans=(chosen.plan,),
            frames=(len(chosen.plan),),
            episode=context.episode,
            generation=chosen.rollout.generation if chosen.rollout is not None else 0,
            deadline_s=time.monotonic() + self._policy.deadline_s,
        )
        return next(iter(list(model.rollout(request)))), ""
