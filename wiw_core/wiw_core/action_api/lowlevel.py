"""A plan in a model's own vocabulary: the ids of the paper's SVD-dagger, the deltas of NWM."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from wiw_core.action_api.camera import plan_from_planar
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.geometry import Array, Pose2
from wiw_core.plans import NAVIGATION_DELTA, Plan, navigation_plan

Ids = npt.NDArray[np.int64]

IDS = {"placeholder": 0, "forward": 1, "turn_left": 2, "turn_right": 3, "stop": 4}
"""The authors' action ids (arXiv 2510.18135, released code)."""
FRAMES = 14
"""Frames of a clip: the given one and one per action."""

NWM_SPACING_M = 0.25
"""Metres that NWM counts as one unit of translation."""
NWM_LOW = np.array([-2.5, -4.0])
NWM_HIGH = np.array([5.0, 4.0])
"""NWM's range of dx and dy in those units, which it maps to [-1, 1]."""

_NAMES = {number: name for name, number in IDS.items() if name in NAVIGATION_DELTA}


def action_ids(plan: Plan, frames: int = FRAMES) -> Ids:
    """Return one id per frame, (``frames``,): ``stop`` for the given frame, then the plan.

    What is left is padded with ``forward``, as the authors do.

    Raises
    ------
    WiwError
        ``UNKNOWN_ACTION``; ``TOO_LARGE`` if the plan has more than ``frames - 1`` actions.
    """
    if len(plan) > frames - 1:
        raise WiwError(
            ErrorCode.TOO_LARGE,
            f"{len(plan)} actions do not fit {frames} frames: one is the given one.",
        )
    names = navigation_plan(plan.names).names
    padding = ("forward",) * (frames - 1 - len(names))
    return np.array([IDS[name] for name in ("stop", *names, *padding)], dtype=np.int64)


def cumulative_ids(plan: Plan, frames: int = FRAMES) -> Ids:
    """Return the lower-triangular matrix of ids that SVD-dagger is given: (``frames``, ``frames``).

    Row i holds the ids of actions 0 to i and the placeholder 0 elsewhere, so that each frame sees
    its whole past.
    """
    return np.tril(np.broadcast_to(action_ids(plan, frames), (frames, frames)))


def plan_from_ids(ids: Sequence[int] | Ids, length: int = FRAMES - 1) -> Plan:
    """Return the first ``length`` actions of a row of ids, the given frame's left out.

    Raises
    ------
    WiwError
        ``UNKNOWN_ACTION`` for an id that is no navigation primitive.
    """
    names = []
    for number in list(ids)[1 : length + 1]:
        if int(number) not in _NAMES:
            raise unknown_name(
                ErrorCode.UNKNOWN_ACTION, "action id", str(int(number)), map(str, _NAMES)
            )
        names.append(_NAMES[int(number)])
    return navigation_plan(names)


def body_deltas(plan: Plan) -> Array:
    """Return NWM's input, (N, 3): dx, dy and dyaw of each action in the body frame before it.

    dx (forward) and dy (left) are in units of ``NWM_SPACING_M``, mapped from [``NWM_LOW``,
    ``NWM_HIGH``] to [-1, 1]; dyaw is in radians, counter-clockwise.
    """
    steps = [NAVIGATION_DELTA[name] for name in navigation_plan(plan.names).names]
    deltas = np.array([(s.x_m, s.y_m, s.yaw_rad) for s in steps]).reshape(-1, 3)
    deltas[:, :2] = 2.0 * (deltas[:, :2] / NWM_SPACING_M - NWM_LOW) / (NWM_HIGH - NWM_LOW) - 1.0
    return deltas


def plan_from_deltas(deltas: npt.ArrayLike) -> Plan:
    """Return the plan of these body deltas: the inverse of :func:`body_deltas`."""
    rows = np.array(deltas, dtype=np.float64).reshape(-1, 3)
    rows[:, :2] = ((rows[:, :2] + 1.0) / 2.0 * (NWM_HIGH - NWM_LOW) + NWM_LOW) * NWM_SPACING_M
    poses = [Pose2()]
    for row in rows:
        poses.append(poses[-1] * Pose2(*(float(v) for v in row)))
    return plan_from_planar([(p.x_m, p.y_m, p.yaw_rad) for p in poses])
