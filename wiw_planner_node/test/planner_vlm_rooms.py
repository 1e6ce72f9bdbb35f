"""Contexts of the fake room, and short ways to ask a stub, for the tests of the VLM policies."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from wiw_core.conformance import example_context
from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Candidate
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.plans import Plan, navigation_plan
from wiw_core.registry import TASKS, WORLD_MODELS, Registry
from wiw_core.rollouts import RolloutRequest
from wiw_planner_node.vlm.stub import Body, Reply

ROOM = FakeEnvironment(height=48, width=96)
PLANS = (
    navigation_plan(["forward", "forward", "turn_left"]),
    navigation_plan(["turn_right", "forward"]),
)


def room_context(task: str = "ignav", **changes: Any) -> DecisionContext:
    """Return a fresh first context of a task in the fake room, some of its fields changed."""
    return replace(example_context(ROOM, Registry(TASKS).create(task)), **changes)


def weighed(context: DecisionContext, plans: Sequence[Plan] = PLANS) -> list[Candidate]:
    """Return the plans with the copy control's rollouts."""
    request = RolloutRequest(context.history, tuple(plans), tuple(len(plan) for plan in plans))
    candidates = [Candidate(plan) for plan in plans]
    for rollout in Registry(WORLD_MODELS).create("copy").rollout(request):
        candidates[rollout.plan_index] = replace(candidates[rollout.plan_index], rollout=rollout)
    return candidates


def route(*names: str, reasoning: str = "the goal is ahead") -> str:
    """Return a reply that proposes these actions."""
    return json.dumps({"reasoning": reasoning, "actions": list(names)})


def in_turn(*replies: Reply | str) -> Callable[[Body], Reply | str]:
    """Return an answer that gives these one after another, then the last one for ever."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]
