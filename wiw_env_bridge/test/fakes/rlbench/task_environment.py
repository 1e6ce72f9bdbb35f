"""A task that can be reset and stepped."""

from __future__ import annotations

from typing import Any

import numpy as np
from coppelia_fake import Scene, Task

from rlbench.backend.exceptions import TaskEnvironmentError


class TaskEnvironment:
    """As RLBench's."""

    def __init__(self, scene: Scene, task: Task, mode: Any) -> None:
        self._scene, self._task, self._action_mode = scene, task, mode
        task.scene = scene
        self._variation, self._reset_called = 0, False

    def get_name(self) -> str:
        """The task's."""
        return self._task.get_name()

    def sample_variation(self) -> int:
        """Choose one."""
        self._variation = int(np.random.randint(0, self.variation_count()))
        return self._variation

    def set_variation(self, v: int) -> None:
        """Take this one."""
        if v >= self.variation_count():
            raise TaskEnvironmentError(
                f"Requested variation {v}, but there are only {self.variation_count()} variations."
            )
        self._variation = v

    def variation_count(self) -> int:
        """How many there are."""
        return self._task.variation_count()

    def reset(self, demo: Any = None) -> tuple[list[str], Any]:
        """Place the objects anew, by numpy's global generator; return descriptions and a look."""
        seed = int(np.random.randint(0, 2**31))
        descriptions = self._scene.set_up(self.get_name(), seed, self._variation)
        self._reset_called = True
        return descriptions, self._scene.observation()

    def reset_to_demo(self, demo: Any) -> tuple[list[str], Any]:
        """Place the objects as they were when a demonstration was recorded."""
        demo.restore_state()
        self.set_variation(demo.variation)
        return self.reset(demo)

    def get_observation(self) -> Any:
        """Look."""
        return self._scene.observation()

    def step(self, action: Any) -> tuple[Any, float, bool]:
        """Return a look, the reward, and whether the task is over."""
        if not self._reset_called:
            raise RuntimeError("Call 'reset' before calling 'step' on a task.")
        self._action_mode.action(self._scene, np.asarray(action))
        table = self._scene.table
        return self._scene.observation(), float(table.succeeded()), bool(table.decided())
