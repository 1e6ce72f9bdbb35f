"""A table with three buttons and the replies of a VLM about it, for tests."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
from planner_arm_tables import arm_context, button, table_view, things

from wiw_core.arm import TOOL_VOXEL
from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Candidate
from wiw_core.errors import ErrorCode
from wiw_core.observation import Projection
from wiw_core.plans import Action, Plan
from wiw_core.rollouts import Rollout

BUTTONS = ((0.2, -0.2, 0.776), (0.1, 0.0, 0.776), (0.25, 0.2, 0.776))
DOWN = (0, 60, 60)


def buttons_context(seed: int = 0, task: str = "push_buttons") -> DecisionContext:
    """The first decision about "push the red button", whose middle is object 2."""
    colours = ("green", "red", "blue")
    boxes = [part for (x, y, _), c in zip(BUTTONS, colours) for part in button(x, y, c)]
    context = arm_context("push", "red", things(*BUTTONS), table_view(boxes, 160), seed=seed)
    return replace(context, episode=replace(context.episode, task=task))


def pressing(x: int, y: int, text: str = "push it") -> Plan:
    """Down on a place and up again, in whole numbers."""
    poses = [(x, y, z, *DOWN, 0) for z in (35, 19, 35)]
    return Plan(tuple(Action(TOOL_VOXEL.name, tuple(map(float, p))) for p in poses), text)


def numbers(plan: Plan) -> list[list[int]]:
    return [[int(v) for v in action.values] for action in plan.actions]


def proposal(plan: Plan, **changed: Any) -> str:
    """A proposer's reply; ``changed`` keys are put in the place of good ones."""
    good = {
        "visual_state": "three buttons; object 2 is red",
        "reasoning": "press from above",
        "language_plan": plan.text,
        "executable_plan": numbers(plan),
    }
    return json.dumps({**good, **changed})


def choice(adopt: int, plan: Plan | None = None) -> str:
    """A ranking reviser's reply."""
    own = {
        "language_plan": plan.text if plan else "",
        "executable_plan": numbers(plan) if plan else [],
    }
    return json.dumps({"reasoning": "because", "adopt": adopt, **own})


def imagined(
    plans: list[Plan], failed: tuple[int, ...] = (), last: bool = False
) -> list[Candidate]:
    """Candidates with frames of another grey each; those of ``failed`` have none."""
    candidates = []
    for k, plan in enumerate(plans):
        steps = tuple(range(1, len(plan) + 1))[-1 if last else 0 :]
        frames = np.stack([np.full((40, 40, 3), 40 * (k + 1) + s, np.uint8) for s in steps])
        rollout = Rollout(k, frames, steps, Projection.PERSPECTIVE)
        if k in failed:
            rollout = replace(rollout, frames=frames[:0], code=ErrorCode.OUT_OF_MEMORY)
        candidates.append(Candidate(plan, rollout))
    return candidates
