"""Where the tool is at given joint angles, and the angles that bring it to a pose."""

from __future__ import annotations

import mujoco
import numpy as np

from wiw_core.geometry import Array
from wiw_env_bridge.tabletop import panda

POSITION_M, ROTATION_RAD = 1e-4, 1e-3
"""Largest errors of a solution."""
STEP_M, STEP_RAD = 0.02, 0.08
"""Largest distance between two poses of a straight path."""
JUMP_RAD = 0.5
"""A joint that moves more than this between two poses of a path has jumped to another posture."""
MARGIN_RAD = 0.01
"""Kept from each joint limit."""
_ITERATIONS = 60
_DAMPING = 1e-4
_POSTURE = 0.05
_STRIDE_RAD = 0.4
_RESTARTS = 8

LOW_RAD: Array = np.array([link.low_rad for link in panda.LINKS]) + MARGIN_RAD
HIGH_RAD: Array = np.array([link.high_rad for link in panda.LINKS]) - MARGIN_RAD
READY_RAD: Array = np.array(panda.READY_RAD)


class Kinematics:
    """The arm alone, without physics. Not thread-safe.

    Poses are ``T_base_tool`` as (4, 4), metres, in the table's frame. Joint angles are (7,), rad.
    """

    def __init__(self) -> None:
        self._model = mujoco.MjModel.from_xml_string(
            f'<mujoco><compiler angle="radian"/><default>{panda.DEFAULTS}</default>'
            f"<worldbody>{panda.arm_mjcf()}</worldbody></mujoco>"
        )
        self._data = mujoco.MjData(self._model)
        self._tool = int(self._model.site(panda.TOOL).id)
        self._jacobian = np.zeros((6, self._model.nv))

    def tool(self, angles: Array) -> Array:
        """Return the pose of the tool at these joint angles."""
        self._data.qpos[:7] = angles
        mujoco.mj_kinematics(self._model, self._data)
        pose: Array = np.eye(4)
        pose[:3, 3] = self._data.site_xpos[self._tool]
        pose[:3, :3] = self._data.site_xmat[self._tool].reshape(3, 3)
        return pose

    def solve(self, pose: Array, start: Array) -> Array | None:
        """Return angles that bring the tool to ``pose``, near ``start``; None if none is found.

        Damped least squares; in the null space the joints are drawn to the ready posture.
        """
        angles = np.clip(start, LOW_RAD, HIGH_RAD)
        for _ in range(_ITERATIONS):
            error = _difference(pose, self.tool(angles))
            if np.abs(error[:3]).max() < POSITION_M and np.abs(error[3:]).max() < ROTATION_RAD:
                return angles
            angles = np.clip(angles + self._stride(error, angles), LOW_RAD, HIGH_RAD)
        return None

    def reach(self, pose: Array, start: Array) -> Array | None:
        """Return any angles that bring the tool to ``pose``, tried from several postures, or None.

        The postures are fixed: the same pose and start always give the same answer.
        """
        rng = np.random.default_rng(7)
        starts = [start, READY_RAD, *rng.uniform(LOW_RAD, HIGH_RAD, (_RESTARTS, 7))]
        return next((found for q in starts if (found := self.solve(pose, q)) is not None), None)

    def straight(self, start: Array, goal: Array) -> Array | None:
        """Return joint angles along a straight line of the tool, (N, 7), or None.

        The line leads from where the tool is at the angles ``start``, the first row, to the pose
        ``goal``; its rotation is the shortest one at an even rate. None if a pose on the way has no
        solution or a joint would jump.
        """
        from scipy.spatial.transform import Rotation

        here = self.tool(start)
        turn = Rotation.from_matrix(goal[:3, :3] @ here[:3, :3].T).as_rotvec()
        move = goal[:3, 3] - here[:3, 3]
        length = max(np.linalg.norm(move) / STEP_M, np.linalg.norm(turn) / STEP_RAD)
        count = max(2, int(np.ceil(length)))
        shares = np.arange(1, count + 1) / count
        rotations = Rotation.from_rotvec(shares[:, None] * turn).as_matrix() @ here[:3, :3]
        path = [start]
        for share, rotation in zip(shares, rotations):
            pose = np.eye(4)
            pose[:3, :3], pose[:3, 3] = rotation, here[:3, 3] + share * move
            angles = self.solve(pose, path[-1])
            if angles is None or np.abs(angles - path[-1]).max() > JUMP_RAD:
                return None
            path.append(angles)
        return np.array(path)

    def _stride(self, error: Array, angles: Array) -> Array:
        mujoco.mj_comPos(self._model, self._data)
        rows = self._jacobian
        mujoco.mj_jacSite(self._model, self._data, rows[:3], rows[3:], self._tool)
        jacobian = rows[:, :7]
        gain = jacobian @ jacobian.T + _DAMPING * np.eye(6)
        posture = _POSTURE * (READY_RAD - angles)
        stride = posture + jacobian.T @ np.linalg.solve(gain, error - jacobian @ posture)
        largest = float(np.abs(stride).max())
        return np.asarray(stride * min(1.0, _STRIDE_RAD / max(largest, 1e-9)))


def _difference(goal: Array, here: Array) -> Array:
    """Return the move and the turn, as a rotation vector, from a pose to the other; (6,)."""
    matrix = np.ascontiguousarray(goal[:3, :3] @ here[:3, :3].T)
    quaternion, out = np.zeros(4), np.zeros(6)
    mujoco.mju_mat2Quat(quaternion, matrix.ravel())
    mujoco.mju_quat2Vel(out[3:], quaternion, 1.0)
    out[:3] = goal[:3, 3] - here[:3, 3]
    return out
