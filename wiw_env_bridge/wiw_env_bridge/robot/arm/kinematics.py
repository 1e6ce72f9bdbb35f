"""The kinematics of a URDF's chain, by the solver that the embedded arm uses too.

The chain becomes a MuJoCo model of bodies and joints alone: MuJoCo's own URDF reader would want
meshes and inertias, and melts fixed links away.
"""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from wiw_core.geometry import Array, quaternion_from_matrix
from wiw_env_bridge.arm_kinematics import ArmKinematics
from wiw_env_bridge.robot.arm.urdf import Chain

STEP_M, STEP_RAD = 0.01, 0.05
"""Largest distance between two poses of a straight path."""
_TOOL = "tool"
_MASS = '<inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>'
"""MuJoCo refuses a body without one; nothing is ever simulated with it."""


def kinematics(chain: Chain, posture: Array, margin: float, jump: float) -> ArmKinematics:
    """Return the solver of a chain.

    Parameters
    ----------
    chain : Chain
        Poses are in the frame of its root, or in what :meth:`Chain.placed` was given.
    posture : (n,)
        What the joints are drawn to; empty for the middle of each range, 0 without limits.
    margin : float
        Kept from each limit; rad, or m.
    jump : float
        A joint that moves more than this between two poses of a path has jumped.
    """
    low, high = chain.low + margin, chain.high - margin
    if not len(posture):
        bounded = np.isfinite(low) & np.isfinite(high)
        posture = np.where(bounded, (np.nan_to_num(low) + np.nan_to_num(high)) / 2.0, 0.0)
    model = mujoco.MjModel.from_xml_string(mjcf(chain))
    return ArmKinematics(
        model,
        _TOOL,
        low,
        high,
        np.clip(posture, low, high),
        step_m=STEP_M,
        step_rad=STEP_RAD,
        jump_rad=jump,
    )


def mjcf(chain: Chain) -> str:
    """Return the chain as MJCF text: one body per joint, the tip a site named ``tool``."""
    body = f'<site name="{_TOOL}" {_place(chain.T_last_tip)}/>'
    for index in range(len(chain.joints) - 1, -1, -1):
        joint = chain.joints[index]
        kind = "slide" if joint.slides else "hinge"
        body = (
            f"<body {_place(joint.T_parent_joint)}>{_MASS}"
            f'<joint name="joint{index}" type="{kind}" axis="{_text(joint.axis)}"/>{body}</body>'
        )
    return f'<mujoco><compiler angle="radian"/><worldbody>{body}</worldbody></mujoco>'


def _place(pose: Array) -> str:
    x, y, z, w = quaternion_from_matrix(pose[:3, :3])
    return f'pos="{_text(pose[:3, 3])}" quat="{_text((w, x, y, z))}"'


def _text(values: Sequence[float] | Array) -> str:
    return " ".join(repr(float(value)) for value in values)
