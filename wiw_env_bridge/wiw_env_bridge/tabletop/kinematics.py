"""Where the table's arm has its tool at given joint angles, and the angles for a pose."""

from __future__ import annotations

import mujoco
import numpy as np

from wiw_core.geometry import Array
from wiw_env_bridge.arm_kinematics import ArmKinematics
from wiw_env_bridge.tabletop import panda

STEP_M, STEP_RAD = 0.02, 0.08
"""Largest distance between two poses of a straight path."""
JUMP_RAD = 0.5
"""A joint that moves more than this between two poses of a path has jumped to another posture."""
MARGIN_RAD = 0.01
"""Kept from each joint limit."""

LOW_RAD: Array = np.array([link.low_rad for link in panda.LINKS]) + MARGIN_RAD
HIGH_RAD: Array = np.array([link.high_rad for link in panda.LINKS]) - MARGIN_RAD
READY_RAD: Array = np.array(panda.READY_RAD)


class Kinematics(ArmKinematics):
    """The Panda of the table: poses are in the table's frame. Not thread-safe."""

    def __init__(self, jump_rad: float = JUMP_RAD) -> None:
        model = mujoco.MjModel.from_xml_string(
            f'<mujoco><compiler angle="radian"/><default>{panda.DEFAULTS}</default>'
            f"<worldbody>{panda.arm_mjcf()}</worldbody></mujoco>"
        )
        super().__init__(
            model,
            panda.TOOL,
            LOW_RAD,
            HIGH_RAD,
            READY_RAD,
            step_m=STEP_M,
            step_rad=STEP_RAD,
            jump_rad=jump_rad,
        )
