"""Worlds with a known best plan: what the searching proposers are tried on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from wiw_core.conformance.examples import example_context
from wiw_core.contracts import DecisionContext, PlanLimits
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.geometry import Pose2
from wiw_core.plans import Plan, camera_path
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_core.tasks.ignav import ImageGoalNavigation


class KnownGoal:
    """A fake world model: black frames, and the true distance to a goal as its value."""

    def __init__(self, goal: Pose2) -> None:
        self.goal = goal
        self.asked = 0

    @property
    def info(self) -> ModelInfo:
        return ModelInfo("known_goal", height=2, width=16, gives_value=True)

    def value(self, plan: Plan) -> float:
        """Return minus the metres from the plan's end to the goal, less a little for its heading.

        In float32, as on the wire.
        """
        end = camera_path(plan)[-1]
        return float(
            np.float32(-end.distance_m(self.goal) - 0.05 * abs(end.yaw_rad - self.goal.yaw_rad))
        )

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        for index, plan in enumerate(request.plans):
            self.asked += 1
            after = request.frame_indices(index)
            value = np.full(len(after), self.value(plan), np.float32)
            frames = np.zeros((len(after), 2, 16, 3), np.uint8)
            yield Rollout(index, frames, after, value=value, generation=request.generation)

    def close(self) -> None:
        pass


class KnownRoute(KnownGoal):
    """A fake world model whose value is minus the mean metres off a known way, pose by pose."""

    def __init__(self, route: Plan) -> None:
        super().__init__(camera_path(route)[-1])
        self._route = camera_path(route)

    def value(self, plan: Plan) -> float:
        """Return 0 for the known way itself, and less the farther off a plan's poses are."""
        pairs = zip(camera_path(plan), self._route)
        off = [a.distance_m(b) + 0.1 * abs(a.yaw_rad - b.yaw_rad) for a, b in pairs]
        return float(np.float32(-sum(off) / len(off)))


def search_context(seed: int, candidates: int, horizon: int = 5) -> DecisionContext:
    """Return a context of image-goal navigation in the fake room, without depth."""
    context = example_context(FakeEnvironment(), ImageGoalNavigation(), seed)
    return replace(context, limits=PlanLimits(candidates, horizon, 1))
