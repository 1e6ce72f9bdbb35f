"""Policies by name: what a task's defaults and a few overrides make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wiw_core.contracts import PlanLimits, Task, WorldModel
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.loop import Policy
from wiw_core.registry import PROPOSERS, REVISERS, TASKS, Registry


def make_policy(
    task: str,
    model: WorldModel | None = None,
    *,
    proposer: str = "",
    reviser: str = "",
    proposer_parameters: Mapping[str, Any] | None = None,
    reviser_parameters: Mapping[str, Any] | None = None,
    candidates: int = 0,
    horizon: int = 0,
    execute: int = 0,
    rollout_deadline_s: float = 60.0,
    consult_share: float = 1.0,
) -> Policy:
    """Return the policy of a task; an empty name or a 0 is the task's own default.

    Raises
    ------
    WiwError
        ``UNKNOWN_TASK``, ``UNKNOWN_PROPOSER``, ``UNKNOWN_REVISER``, or ``BAD_PARAMETER`` for
        parameters that a plugin does not take, for limits that contradict each other, and for a
        ``consult_share`` that is no share.
    """
    definition: Task = Registry(TASKS).create(task)
    limits = PlanLimits(
        candidates or definition.limits.candidates,
        horizon or definition.limits.horizon,
        execute or definition.limits.execute,
        definition.limits.imagined,
    )
    if not 0.0 <= consult_share <= 1.0:
        raise WiwError(
            ErrorCode.BAD_PARAMETER, f"The consult_share is {consult_share}, outside 0 to 1."
        )
    if limits.execute > limits.horizon:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"Plans of {limits.horizon} actions cannot have {limits.execute} of them executed.",
            "Set execute to at most horizon.",
        )
    return Policy(
        Registry(PROPOSERS).create(
            proposer or definition.proposer, **dict(proposer_parameters or {})
        ),
        Registry(REVISERS).create(reviser or definition.reviser, **dict(reviser_parameters or {})),
        limits,
        model,
        rollout_deadline_s,
        consult_share,
    )
