"""Actions and plans, and the navigation action space of the paper (section 2.2)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.geometry import Pose2

FORWARD_M = 0.20
"""Metres of one ``forward``."""
TURN_RAD = math.radians(22.5)
"""Radians of one turn; 16 make a full circle."""


@dataclass(frozen=True)
class Action:
    """One primitive: a name its :class:`ActionSpec` knows, and one number per field of it."""

    name: str
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class ActionSpec:
    """An action that an environment accepts; every number in [low, high], in ``units``."""

    name: str
    fields: tuple[str, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    units: tuple[str, ...] = ()

    def check(self, action: Action) -> None:
        """Raise ``ACTION_OUT_OF_LIMITS`` unless ``action`` has finite values inside the limits."""
        if len(action.values) != len(self.fields):
            raise WiwError(
                ErrorCode.ACTION_OUT_OF_LIMITS,
                f"Action '{self.name}' takes {len(self.fields)} values, got {len(action.values)}.",
            )
        for field, value, low, high, unit in zip(
            self.fields, action.values, self.low, self.high, self.units
        ):
            if not (math.isfinite(value) and low <= value <= high):
                raise WiwError(
                    ErrorCode.ACTION_OUT_OF_LIMITS,
                    f"Action '{self.name}' has {field} = {value} {unit},"
                    f" outside [{low}, {high}] {unit}.",
                )


@dataclass(frozen=True)
class Plan:
    """A finite action sequence, ``text`` in words, ``prior`` the proposer's preference."""

    actions: tuple[Action, ...]
    text: str = ""
    prior: float = 0.0

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def names(self) -> tuple[str, ...]:
        """The action names, in order."""
        return tuple(a.name for a in self.actions)

    def prefix(self, length: int) -> Plan:
        """Return the first ``length`` actions as a plan."""
        return Plan(self.actions[:length], self.text, self.prior)


def check_plan(plan: Plan, specs: Mapping[str, ActionSpec], max_actions: int = 512) -> None:
    """Refuse a plan that is empty, too long, or holds an unknown or out-of-limits action.

    Raises
    ------
    WiwError
        ``EMPTY_PLAN``, ``TOO_LARGE``, ``UNKNOWN_ACTION`` or ``ACTION_OUT_OF_LIMITS``.
    """
    if not plan.actions:
        raise WiwError(ErrorCode.EMPTY_PLAN, "The plan has no actions.", "Send at least one.")
    if len(plan) > max_actions:
        raise WiwError(
            ErrorCode.TOO_LARGE,
            f"The plan has {len(plan)} actions; at most {max_actions} are allowed.",
        )
    if not math.isfinite(plan.prior):
        raise WiwError(ErrorCode.PROPOSAL_INVALID, f"The plan's prior is {plan.prior}, not finite.")
    for action in plan.actions:
        spec = specs.get(action.name)
        if spec is None:
            raise unknown_name(ErrorCode.UNKNOWN_ACTION, "action", action.name, specs)
        spec.check(action)


def check_proposals(
    plans: Sequence[Plan], specs: Mapping[str, ActionSpec], count: int, horizon: int
) -> None:
    """Refuse a proposal that is not 1 to ``count`` distinct, valid plans within the horizon.

    Raises
    ------
    WiwError
        ``PROPOSAL_INVALID``, or what :func:`check_plan` raises.
    """
    if not 1 <= len(plans) <= count:
        raise WiwError(
            ErrorCode.PROPOSAL_INVALID,
            f"{len(plans)} plans were proposed; 1 to {count} are wanted.",
        )
    for plan in plans:
        check_plan(plan, specs)
        if len(plan) > horizon:
            raise WiwError(
                ErrorCode.PROPOSAL_INVALID,
                f"A proposed plan has {len(plan)} actions; the horizon is {horizon}.",
            )
    if len({plan.actions for plan in plans}) < len(plans):
        raise WiwError(ErrorCode.PROPOSAL_INVALID, "The same plan was proposed more than once.")


NAVIGATION: dict[str, ActionSpec] = {
    n: ActionSpec(n) for n in ("forward", "turn_left", "turn_right")
}
"""Navigation primitives: 0.20 m forward, 22.5 degrees left (positive yaw) or right."""

NAVIGATION_DELTA: dict[str, Pose2] = {
    "forward": Pose2(FORWARD_M, 0.0, 0.0),
    "turn_left": Pose2(0.0, 0.0, TURN_RAD),
    "turn_right": Pose2(0.0, 0.0, -TURN_RAD),
}
"""Motion of ``base_link`` by each primitive, were nothing in the way."""


def navigation_plan(names: Iterable[str], text: str = "", prior: float = 0.0) -> Plan:
    """Return the plan of these primitives; raises ``UNKNOWN_ACTION`` on any other name."""
    plan = Plan(tuple(Action(n) for n in names), text, prior)
    for action in plan.actions:
        if action.name not in NAVIGATION:
            raise unknown_name(ErrorCode.UNKNOWN_ACTION, "action", action.name, NAVIGATION)
    return plan


def prolonged(plan: Plan, length: int) -> Plan:
    """Return a navigation plan that goes on with ``forward`` to at least ``length`` actions."""
    return replace(plan, actions=plan.actions + (Action("forward"),) * (length - len(plan)))


def camera_path(plan: Plan) -> list[Pose2]:
    """Return base poses relative to now: index k is the pose after action k; index 0 is identity.

    Raises
    ------
    WiwError
        ``UNKNOWN_ACTION`` if the plan holds anything but navigation primitives.
    """
    poses = [Pose2()]
    for action in plan.actions:
        if action.name not in NAVIGATION_DELTA:
            raise unknown_name(ErrorCode.UNKNOWN_ACTION, "action", action.name, NAVIGATION_DELTA)
        poses.append(poses[-1] * NAVIGATION_DELTA[action.name])
    return poses
