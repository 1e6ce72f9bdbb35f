"""What a VLM may reply about the table, and how a reply becomes a plan or a choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wiw_core.arm import BINS, TOOL_VOXEL, VOXELS, target_of, tool_voxel
from wiw_core.plans import Action, ActionSpec, Plan, check_plan
from wiw_planner_node.vlm import schema

WORDS, PLAN_WORDS = 1500, 400
"""Most characters of a thought, and of a plan in words."""
NUMBERS = len(TOOL_VOXEL.fields)
"""Whole numbers of an action: x, y, z, roll, pitch, yaw, gripper."""


@dataclass(frozen=True)
class Choice:
    """The number of an adopted plan, from 1; or 0 and a plan of the VLM's own."""

    adopt: int
    plan: Plan | None = None


def proposal_schema(horizon: int) -> dict[str, Any]:
    """Return the schema of a proposed plan of at most ``horizon`` actions."""
    return schema.obj(
        {
            "visual_state": schema.text(WORDS),
            "reasoning": schema.text(WORDS),
            "language_plan": schema.text(PLAN_WORDS),
            "executable_plan": _actions(1, horizon),
        }
    )


def choice_schema(plans: int, horizon: int) -> dict[str, Any]:
    """Return the schema of a choice among ``plans`` plans, or of a new plan."""
    return schema.obj(
        {
            "reasoning": schema.text(WORDS),
            "adopt": schema.whole(0, plans),
            "language_plan": schema.text(PLAN_WORDS),
            "executable_plan": _actions(0, horizon),
        }
    )


def description_schema() -> dict[str, Any]:
    """Return the schema of a description of one picture."""
    return schema.obj({"scene": schema.text(WORDS), "end_state": schema.text(WORDS)})


def verdict_schema(plans: int) -> dict[str, Any]:
    """Return the schema of an evaluator's choice: 1 to ``plans``, or -1 for none.

    0 is in between and is refused by :func:`read_verdict`.
    """
    return schema.obj({"reasoning": schema.text(WORDS), "choice": schema.whole(-1, plans)})


def read_proposal(reply: Mapping[str, Any], specs: Mapping[str, ActionSpec]) -> Plan:
    """Return the plan of a reply that has the proposal's schema.

    Raises
    ------
    WiwError
        ``ACTION_OUT_OF_LIMITS`` for a number outside the limits of ``specs``; none is ever moved
        into them.
    """
    rows = [tuple(float(number) for number in row) for row in reply["executable_plan"]]
    actions = tuple(Action(TOOL_VOXEL.name, row) for row in rows)
    plan = Plan(actions, " ".join(reply["language_plan"].split()))
    check_plan(plan, specs)
    return plan


def read_choice(reply: Mapping[str, Any], specs: Mapping[str, ActionSpec]) -> Choice:
    """Return the choice of a reply that has its schema; an adopted plan makes its own plan idle.

    Raises
    ------
    WiwError
        As :func:`read_proposal`.
    ValueError
        If nothing is adopted and there is no plan either.
    """
    if reply["adopt"]:
        return Choice(int(reply["adopt"]))
    if not reply["executable_plan"]:
        raise ValueError("adopt is 0, so executable_plan must hold a plan; it is empty.")
    return Choice(0, read_proposal(reply, specs))


def read_description(reply: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a picture shows: the scene, the end state.

    Raises
    ------
    ValueError
        If one of them says nothing.
    """
    scene, end = (" ".join(reply[key].split()) for key in ("scene", "end_state"))
    if not scene or not end:
        raise ValueError("scene and end_state must both say something.")
    return scene, end


def read_verdict(reply: Mapping[str, Any]) -> int:
    """Return the chosen plan's number from 1, or -1; raises ``ValueError`` for 0."""
    if reply["choice"] == 0:
        raise ValueError("choice is 0; plans are numbered from 1, and none is -1.")
    return int(reply["choice"])


def numbers_of(action: Action) -> list[int]:
    """Return an action of the arm as the whole numbers that a VLM is told.

    Raises
    ------
    WiwError
        As :func:`wiw_core.arm.target_of`.
    """
    pose, opened = target_of(action)
    return [int(value) for value in tool_voxel(pose, opened).values]


def _actions(fewest: int, most: int) -> dict[str, Any]:
    number = schema.whole(0, max(VOXELS, BINS) - 1)
    return schema.items(schema.items(number, NUMBERS, NUMBERS), fewest, most)
