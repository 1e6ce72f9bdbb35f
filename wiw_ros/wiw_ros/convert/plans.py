"""Actions, their specs, and plans."""

from __future__ import annotations

import array

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import Action, ActionSpec, Plan
from wiw_msgs.msg import Action as ActionMsg
from wiw_msgs.msg import ActionSpec as ActionSpecMsg
from wiw_msgs.msg import Plan as PlanMsg
from wiw_ros.convert.checks import require_finite


def action_to_msg(action: Action) -> ActionMsg:
    """Return the action as a message."""
    return ActionMsg(name=action.name, values=array.array("d", action.values))


def action_from_msg(message: ActionMsg) -> Action:
    """Return the action; whoever executes or imagines it checks it against its spec."""
    return Action(message.name, tuple(message.values))


def action_spec_to_msg(spec: ActionSpec) -> ActionSpecMsg:
    """Return the spec as a message."""
    return ActionSpecMsg(
        name=spec.name,
        fields=list(spec.fields),
        low=array.array("d", spec.low),
        high=array.array("d", spec.high),
        units=list(spec.units),
    )


def action_spec_from_msg(message: ActionSpecMsg) -> ActionSpec:
    """Return the spec; raises ``UNKNOWN_ACTION`` if a field lacks a low, a high or a unit."""
    count = len(message.fields)
    if {len(message.low), len(message.high), len(message.units)} != {count}:
        raise WiwError(
            ErrorCode.UNKNOWN_ACTION,
            f"The spec of action '{message.name}' has {count} fields, {len(message.low)} low,"
            f" {len(message.high)} high and {len(message.units)} units.",
        )
    return ActionSpec(
        message.name,
        tuple(message.fields),
        tuple(message.low),
        tuple(message.high),
        tuple(message.units),
    )


def plan_to_msg(plan: Plan) -> PlanMsg:
    """Return the plan as a message."""
    return PlanMsg(
        actions=[action_to_msg(a) for a in plan.actions],
        text=plan.text,
        prior=float(plan.prior),
    )


def plan_from_msg(message: PlanMsg) -> Plan:
    """Return the plan; raises ``PROPOSAL_INVALID`` if its prior is not finite."""
    require_finite((message.prior,), "The plan's prior", ErrorCode.PROPOSAL_INVALID)
    return Plan(
        tuple(action_from_msg(a) for a in message.actions), message.text, float(message.prior)
    )
