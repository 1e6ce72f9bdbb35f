"""A plan of tool poses as a video model is given it: 10 numbers per frame (arXiv 2510.18135, 2.2).

Per frame: x, y, z; the first two columns of the rotation matrix; the gripper (1 open, 0 closed).
The released code lifts each number by sines and cosines, so all are spread over a full turn:
positions from the workspace to [-2 pi, 2 pi], columns from [-1, 1] and gripper from [0, 1] to
[-pi, pi].
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from wiw_core.action_api.lowlevel import FRAMES
from wiw_core.arm import WORKSPACE_M, target_of, tool_pose
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose3
from wiw_core.plans import Plan

NUMBERS = 10
"""Numbers of a pose: 3 of position, 6 of rotation, 1 of the gripper."""

_LOW, _HIGH = np.array(WORKSPACE_M).T


def tool_poses(
    plan: Plan, frames: int = FRAMES, now: Pose3 | None = None, opened: bool = True
) -> Array:
    """Return where the tool is at each frame, (``frames``, 10); see the module for the numbers.

    Parameters
    ----------
    now : Pose3, optional
        ``T_base_tool`` before the plan, which is frame 0; without it, where the plan's first action
        leads.
    opened : bool
        Whether the gripper is open before the plan.

    Raises
    ------
    WiwError
        ``EMPTY_PLAN``, ``TOO_LARGE`` if the plan has more actions than frames are left, or what
        :func:`wiw_core.arm.target_of` raises.
    """
    return np.array([_encoded(pose, grip) for pose, grip in tool_path(plan, frames, now, opened)])


def plan_from_tool_poses(rows: npt.ArrayLike, text: str = "") -> Plan:
    """Return the plan that goes through these (N, 10) poses, one continuous action for each.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for another shape, a number that is not finite, or columns that are no
        rotation; ``ACTION_OUT_OF_LIMITS`` for a position outside the workspace.
    """
    numbers = np.asarray(rows, dtype=np.float64)
    if numbers.ndim != 2 or numbers.shape[1] != NUMBERS or not np.isfinite(numbers).all():
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"Tool poses are finite (N, {NUMBERS}) numbers; got shape {numbers.shape}.",
        )
    actions = tuple(tool_pose(*_decoded(row)) for row in numbers)
    for action in actions:
        target_of(action)
    return Plan(actions, text)


def tool_path(
    plan: Plan, frames: int = FRAMES, now: Pose3 | None = None, opened: bool = True
) -> list[tuple[Pose3, bool]]:
    """Return ``T_base_tool`` and whether the gripper is open at each of ``frames`` frames.

    Frame 0 is now; the others are split evenly between the actions, what is left over goes to the
    last one. Positions are interpolated linearly, rotations along the shortest arc; the gripper
    changes in the last frame of its action. Raises as :func:`tool_poses` does.
    """
    if not plan.actions:
        raise WiwError(ErrorCode.EMPTY_PLAN, "A plan without actions leads nowhere.")
    if len(plan) > frames - 1:
        raise WiwError(
            ErrorCode.TOO_LARGE,
            f"{len(plan)} actions do not fit {frames} frames: one is the given one.",
        )
    targets = [target_of(action) for action in plan.actions]
    before = (targets[0][0] if now is None else now, opened)
    path = [before]
    for count, (pose, grip) in zip(shares(frames - 1, len(plan)), targets):
        for step in range(1, count):
            path.append((_between(before[0], pose, step / count), before[1]))
        path.append((pose, grip))
        before = (pose, grip)
    return path


def shares(frames: int, actions: int) -> list[int]:
    """Return how many of a clip's frames each action gets; what is left over goes to the last."""
    share = frames // actions
    return [share] * (actions - 1) + [frames - share * (actions - 1)]


def _between(start: Pose3, end: Pose3, share: float) -> Pose3:
    from scipy.spatial.transform import Rotation, Slerp

    turns = Slerp([0.0, 1.0], Rotation.from_quat(np.stack([start.quaternion, end.quaternion])))
    position = (1.0 - share) * start.position + share * end.position
    return Pose3(*(float(v) for v in (*position, *turns([share])[0].as_quat())))


def _encoded(pose: Pose3, opened: bool) -> Array:
    unit = (pose.position - _LOW) / (_HIGH - _LOW)
    columns = pose.matrix()[:3, :2].T.ravel()
    grip = 1.0 if opened else -1.0
    return np.concatenate([(2.0 * unit - 1.0) * 2.0 * math.pi, columns * math.pi, [grip * math.pi]])


def _decoded(row: Array) -> tuple[Pose3, bool]:
    x, y = row[3:6] / math.pi, row[6:9] / math.pi
    if np.abs([x @ x - 1.0, y @ y - 1.0, x @ y]).max() > 1e-6:
        raise WiwError(
            ErrorCode.BAD_PARAMETER, "Six numbers of a tool pose are no columns of a rotation."
        )
    matrix: Array = np.eye(4)
    matrix[:3, :3] = np.column_stack([x, y, np.cross(x, y)])
    matrix[:3, 3] = _LOW + (row[:3] / (2.0 * math.pi) + 1.0) / 2.0 * (_HIGH - _LOW)
    return Pose3.from_matrix(matrix), bool(row[9] > 0.0)
