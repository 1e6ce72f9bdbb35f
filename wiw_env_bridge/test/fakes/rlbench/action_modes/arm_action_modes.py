"""How the arm is moved."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
from coppelia_fake import in_workspace
from pyrep.errors import ConfigurationPathError, IKError

from rlbench.backend.exceptions import InvalidActionError
from wiw_core.errors import ErrorCode
from wiw_core.geometry import Pose3


class RelativeFrame(enum.Enum):
    """What a pose is relative to."""

    WORLD = 0
    EE = 1


class EndEffectorPoseViaPlanning:
    """An absolute pose, reached by a planned path."""

    def __init__(
        self,
        absolute_mode: bool = True,
        frame: RelativeFrame = RelativeFrame.WORLD,
        collision_checking: bool = False,
    ) -> None:
        assert absolute_mode and frame is RelativeFrame.WORLD, "the fake knows this one alone"

    def action(self, scene: Any, action: np.ndarray, opened: bool) -> None:
        """Move, or raise ``InvalidActionError`` and leave everything where it is."""
        if np.shape(action) != (7,):
            raise InvalidActionError(f"Expected the action shape (7,), but was {np.shape(action)}")
        if not np.isclose(np.linalg.norm(action[3:]), 1.0):
            raise InvalidActionError("Action contained non unit quaternion!")
        if not in_workspace(action[:3]):
            raise InvalidActionError(
                "A path could not be found because the target is outside of workspace."
            )
        _, code = scene.go(Pose3(*map(float, action)), opened)
        if code is ErrorCode.OK:
            return
        cause = (
            IKError("no configuration")
            if code is ErrorCode.IK_FAILED
            else (ConfigurationPathError("no path"))
        )
        raise InvalidActionError("A path could not be found.") from cause
