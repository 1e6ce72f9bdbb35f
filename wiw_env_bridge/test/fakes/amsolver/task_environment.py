"""A task that can be reset and stepped; its errors are not those of upstream."""

from __future__ import annotations

from typing import Any

import numpy as np
from coppelia_fake import in_workspace
from pyrep.errors import ConfigurationPathError, IKError

from amsolver.action_modes import ArmActionMode
from wiw_core.errors import ErrorCode
from wiw_core.geometry import Pose3


class InvalidActionError(Exception):
    """An action cannot be begun."""


class TaskEnvironment:
    """As the fork's."""

    def __init__(self, scene: Any, task: Any, mode: Any) -> None:
        assert mode.arm is ArmActionMode.ABS_EE_POSE_PLAN_WORLD_FRAME
        self._scene, self._task = scene, task
        self._variation = 0

    def set_variation(self, v: int) -> None:
        """Take this one."""
        self._variation = v

    def variation_count(self) -> int:
        """How many there are."""
        return int(self._task.variation_count())

    def reset_to_demo(self, demo: Any) -> tuple[list[str], Any]:
        """Place the objects as they were when a demonstration was recorded."""
        demo.restore_state()
        descriptions = self._scene.set_up(self._task.get_name(), demo.seed, demo.variation)
        return descriptions, self.get_observation()

    def get_observation(self) -> Any:
        """Look; it also lists the objects."""
        shapes = self._scene.shapes()
        listed = {shape.name: {"id": shape.handle} for shape in shapes}
        listed["waypoint0"] = {"target_obj_name": "object0"}
        return self._scene.observation(object_informations=listed)

    def step(self, action: Any) -> tuple[Any, int, bool]:
        """Return a look, the reward, and whether the task is over."""
        arm, opened = np.array(action[:-1]), float(action[-1]) > 0.5
        if not np.isclose(np.linalg.norm(arm[3:]), 1.0):
            raise RuntimeError("Action contained non unit quaternion!")
        if not in_workspace(arm[:3]):
            raise InvalidActionError("Target is outside of workspace.")
        _, code = self._scene.go(Pose3(*map(float, arm)), opened)
        if code is ErrorCode.IK_FAILED:
            raise InvalidActionError("Could not find a path.") from IKError("none")
        if code is not ErrorCode.OK:
            raise ConfigurationPathError("Could not create path.")
        success, terminate = self._scene.table.succeeded(), self._scene.table.decided()
        return self.get_observation(), int(success), bool(terminate)
