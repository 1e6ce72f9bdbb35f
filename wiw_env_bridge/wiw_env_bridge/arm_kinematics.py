"""Where the tool of a serial arm is at given joint angles, and the angles for a pose: any arm."""

from __future__ import annotations

import mujoco
import numpy as np

from wiw_core.geometry import Array

POSITION_M, ROTATION_RAD = 1e-4, 1e-3
"""Largest errors of a solution."""
_ITERATIONS = 60
_DAMPING = 1e-4
_POSTURE = 0.05
_STRIDE_RAD = 0.4
_RESTARTS = 8


class ArmKinematics:
    """An arm alone, without physics. Not thread-safe.

    Poses are ``T_base_tool`` as (4, 4), metres, in the model's world. Joint positions are (n,), rad
    (metres for a sliding joint), in the model's order.

    Parameters
    ----------
    model : mujoco.MjModel
        Its first n joints are the arm's, each of one degree of freedom.
    tool : str
        Name of the site that is the tool.
    low, high : (n,)
        Least and greatest positions; infinite for a joint without a limit.
    posture : (n,)
        What the joints are drawn to in the null space.
    step_m, step_rad : float
        Largest distance between two poses of a straight path.
    jump_rad : float
        A joint that moves more than this between two poses of a path has jumped to another posture.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        tool: str,
        low: Array,
        high: Array,
        posture: Array,
        *,
        step_m: float,
        step_rad: float,
        jump_rad: float,
    ) -> None:
        self._model, self._data = model, mujoco.MjData(model)
        self._tool = int(model.site(tool).id)
        self._jacobian = np.zeros((6, model.nv))
        self._low, self._high, self._posture = low, high, posture
        self._count = len(low)
        self._step_m, self._step_rad, self._jump_rad = step_m, step_rad, jump_rad

    def tool(self, angles: Array) -> Array:
        """Return the pose of the tool at these joint angles."""
        self._data.qpos[: self._count] = angles
        mujoco.mj_kinematics(self._model, self._data)
        pose: Array = np.eye(4)
        pose[:3, 3] = self._data.site_xpos[self._tool]
        pose[:3, :3] = self._data.site_xmat[self._tool].reshape(3, 3)
        return pose

    def solve(self, pose: Array, start: Array) -> Array | None:
        """Return angles that bring the tool to ``pose``, near ``start``; None if none is found.

        Damped least squares; in the null space the joints are drawn to the posture.
        """
        angles = np.clip(start, self._low, self._high)
        for _ in range(_ITERATIONS):
            error = _difference(pose, self.tool(angles))
            if np.abs(error[:3]).max() < POSITION_M and np.abs(error[3:]).max() < ROTATION_RAD:
                return angles
            angles = np.clip(angles + self._stride(error, angles), self._low, self._high)
        return None

    def reach(self, pose: Array, start: Array) -> Array | None:
        """Return any angles that bring the tool to ``pose``, tried from several postures, or None.

        The postures are fixed: the same pose and start always give the same answer.
        """
        rng = np.random.default_rng(7)
        low = np.where(np.isfinite(self._low), self._low, -np.pi)
        high = np.where(np.isfinite(self._high), self._high, np.pi)
        starts = [start, self._posture, *rng.uniform(low, high, (_RESTARTS, self._count))]
        return next((found for q in starts if (found := self.solve(pose, q)) is not None), None)

    def straight(self, start: Array, goal: Array) -> Array | None:
        """Return joint angles along a straight line of the tool, (N, n), or None.

        The line leads from where the tool is at the angles ``start``, the first row, to the pose
        ``goal``; its rotation is the shortest one at an even rate. None if a pose on the way has no
        solution or a joint would jump.
        """
        from scipy.spatial.transform import Rotation

        here = self.tool(start)
        turn = Rotation.from_matrix(goal[:3, :3] @ here[:3, :3].T).as_rotvec()
        move = goal[:3, 3] - here[:3, 3]
        length = max(np.linalg.norm(move) / self._step_m, np.linalg.norm(turn) / self._step_rad)
        count = max(2, int(np.ceil(length)))
        shares = np.arange(1, count + 1) / count
        rotations = Rotation.from_rotvec(shares[:, None] * turn).as_matrix() @ here[:3, :3]
        path = [start]
        for share, rotation in zip(shares, rotations):
            pose = np.eye(4)
            pose[:3, :3], pose[:3, 3] = rotation, here[:3, 3] + share * move
            angles = self.solve(pose, path[-1])
            if angles is None or np.abs(angles - path[-1]).max() > self._jump_rad:
                return None
            path.append(angles)
        return np.array(path)

    def _stride(self, error: Array, angles: Array) -> Array:
        mujoco.mj_comPos(self._model, self._data)
        rows = self._jacobian
        mujoco.mj_jacSite(self._model, self._data, rows[:3], rows[3:], self._tool)
        jacobian = rows[:, : self._count]
        gain = jacobian @ jacobian.T + _DAMPING * np.eye(6)
        posture = _POSTURE * (self._posture - angles)
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
