"""How actions are executed."""

from __future__ import annotations

import enum


class ArmActionMode(enum.Enum):
    """The ones that are told apart here."""

    ABS_JOINT_POSITION = 2
    ABS_EE_POSE_PLAN_WORLD_FRAME = 8


class ActionMode:
    """The arm's; the gripper's is fixed."""

    def __init__(self, arm: ArmActionMode = ArmActionMode.ABS_JOINT_POSITION) -> None:
        self.arm = arm
