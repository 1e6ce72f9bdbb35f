"""How actions are executed."""

from __future__ import annotations

from typing import Any

import numpy as np


class MoveArmThenGripper:
    """First the arm, then the gripper."""

    def __init__(self, arm_action_mode: Any, gripper_action_mode: Any) -> None:
        self.arm_action_mode, self.gripper_action_mode = arm_action_mode, gripper_action_mode

    def action(self, scene: Any, action: np.ndarray) -> None:
        """Execute (x, y, z, qx, qy, qz, qw, open)."""
        self.arm_action_mode.action(scene, np.array(action[:7]), float(action[7]) > 0.5)
