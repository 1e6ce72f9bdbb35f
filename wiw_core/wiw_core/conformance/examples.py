"""A context and a request to check a plugin with, made from any environment."""

from __future__ import annotations

import math

import numpy as np

from wiw_core.arm import TOOL_POSE, TOOL_VOXEL, tool_pose, tool_voxel
from wiw_core.contracts import DecisionContext, Environment, Task
from wiw_core.geometry import Pose3
from wiw_core.plans import Action, ActionSpec, Plan
from wiw_core.rollouts import RolloutRequest

_TOOL = Pose3(0.205, 0.005, 1.005, 1.0, 0.0, 0.0, 0.0)
"""Over the middle of the table, looking down: the middle of a voxel, within every arm's reach."""


def legal_action(spec: ActionSpec) -> Action:
    """Return an action in the middle of its limits; for an arm, a pose that it can reach."""
    if spec == TOOL_POSE:
        return tool_pose(_TOOL, True)
    if spec == TOOL_VOXEL:
        return tool_voxel(_TOOL, True)
    middle = (
        (low + high) / 2 if math.isfinite(low + high) else 0.0
        for low, high in zip(spec.low, spec.high)
    )
    return Action(spec.name, tuple(middle))


def legal_plans(context: DecisionContext) -> tuple[Plan, ...]:
    """Return a plan for each of the first three actions: that action, repeated."""
    length = context.limits.horizon
    actions = [legal_action(spec) for spec in list(context.actions.values())[:3]]
    return tuple(
        Plan((action,) * length, text=f"{action.name} {length} times") for action in actions
    )


def example_context(env: Environment, task: Task, seed: int = 0) -> DecisionContext:
    """Begin the task's first episode and return the context of its first decision."""
    episode, observation, _ = env.reset(task.name, env.episode_ids(task.name)[0])
    return DecisionContext(
        episode=episode,
        history=(observation,),
        index=0,
        limits=task.limits,
        actions=env.actions,
        rng=np.random.default_rng([seed, episode.seed, 0]),
    )


def example_request(context: DecisionContext) -> RolloutRequest:
    """Return a request for all frames of one plan per action."""
    plans = legal_plans(context)
    return RolloutRequest(
        observations=context.history,
        plans=plans,
        frames=tuple(len(plan) for plan in plans),
        episode=context.episode,
        generation=7,
    )
