"""From a policy's actions over time to the tool poses of a plan, and which samples to weigh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_core.arm import target_of, tool_pose
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose3
from wiw_core.plans import Plan

Waypoint = tuple[Pose3, bool]
"""A tool pose, and whether the gripper is open from there on."""

MAX_STEPS = 1000
"""Most steps of a chunk."""


def numbers(value: Any, name: str, axes: int, last: int) -> Array:
    """Return an array of finite numbers with ``axes`` axes, ``last`` numbers in the last one.

    Raises
    ------
    WiwError
        ``PROPOSAL_INVALID`` if it is anything else, empty, or longer than :data:`MAX_STEPS`.
    """
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iuf":
        raise _bad(f"The policy's '{name}' is no array of numbers.")
    array: npt.NDArray[Any] = value
    if array.ndim != axes or array.shape[-1] != last or 0 in array.shape:
        raise _bad(
            f"The policy's '{name}' has shape {array.shape}; {axes} axes with {last} numbers in"
            " the last one are wanted."
        )
    if max(array.shape) > MAX_STEPS:
        raise _bad(f"The policy's '{name}' has shape {array.shape}: more than {MAX_STEPS} steps.")
    if not np.isfinite(array).all():
        raise _bad(f"The policy's '{name}' holds a number that is not finite.")
    return array.astype(np.float64)


def absolute(rows: Array) -> list[Waypoint]:
    """Return the way of (T, 8) rows: x, y, z in metres, quaternion x, y, z, w, open above 0.5.

    Raises
    ------
    WiwError
        ``ACTION_OUT_OF_LIMITS`` for a pose outside the workspace or a quaternion that is none.
    """
    return [target_of(tool_pose(Pose3(*map(float, row[:7])), bool(row[7] > 0.5))) for row in rows]


def integrated(
    rows: Array, start: Pose3, metres_per_unit: float, radians_per_unit: float
) -> list[Waypoint]:
    """Return the way of (T, 7) steps from ``start``: motion, turn, gripper closed above 0.

    The first three numbers move the tool along the axes of ``base_link``, the next three turn it
    about them (a rotation vector). Each is clipped to -1 to 1 before it is scaled, as the
    operational-space controllers that such policies are trained with do.

    Raises
    ------
    WiwError
        ``ACTION_OUT_OF_LIMITS`` if the way leaves the workspace.
    """
    from scipy.spatial.transform import Rotation

    place, turned = start.position, Rotation.from_quat(start.quaternion)
    way = []
    for row in rows:
        step = np.clip(row[:6], -1.0, 1.0)
        place = place + metres_per_unit * step[:3]
        turned = Rotation.from_rotvec(radians_per_unit * step[3:]) * turned
        pose = Pose3(*(float(v) for v in (*place, *turned.as_quat())))
        way.append(target_of(tool_pose(pose, bool(row[6] <= 0.0))))
    return way


def kept(way: Sequence[Waypoint], opened: bool, count: int) -> list[int]:
    """Return which of a way's poses a plan of at most ``count`` goes through, in order.

    The poses where the gripper changes, for a grasp must not happen later and elsewhere; the rest
    are spread evenly, the last pose among them. Where the gripper changes more often than that, the
    way ends with its ``count``-th change.

    Parameters
    ----------
    opened : bool
        Whether the gripper is open before the way.
    """
    grips = [opened, *(waypoint[1] for waypoint in way)]
    changes = [k for k in range(len(way)) if grips[k] != grips[k + 1]][:count]
    free = count - len(changes)
    even = [(k + 1) * len(way) // free - 1 for k in range(free)] if free else []
    return sorted({*changes, *(k for k in even if k >= 0)})


def plan_of(way: Sequence[Waypoint], opened: bool, count: int, text: str) -> Plan:
    """Return the plan through the poses that :func:`kept` names."""
    picked = [way[k] for k in kept(way, opened, count)]
    return Plan(tuple(tool_pose(pose, grip) for pose, grip in picked), text)


def diverse(ends: npt.ArrayLike, count: int) -> list[int]:
    """Return at most ``count`` of (N, 3) points, chosen one by one to be far from one another.

    The first is point 0; each next one is that whose distance to the nearest chosen is greatest, of
    equal ones the first (arXiv 2510.18135, appendix B.4).
    """
    points = np.asarray(ends, dtype=np.float64)
    chosen = [0]
    nearest = np.linalg.norm(points - points[0], axis=1)
    while len(chosen) < min(count, len(points)):
        nearest[chosen] = -1.0
        chosen.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return chosen


def tool_now(tool: Pose3 | None) -> Pose3:
    """Return where the tool is; ``PROPOSAL_INVALID`` if the observation tells of none."""
    if tool is None:
        raise _bad("The observation has no tool pose, and the policy moves a tool.")
    return tool


def _bad(message: str) -> WiwError:
    return WiwError(ErrorCode.PROPOSAL_INVALID, message, "See what the server is trained for.")
