"""The simulator with a scene in it."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from coppelia_fake import LAUNCHED, Observation, Scene

from rlbench.demo import stored
from rlbench.task_environment import TaskEnvironment


class Environment:
    """As RLBench's; launching changes the working directory, as PyRep does."""

    def __init__(
        self,
        action_mode: Any,
        dataset_root: str = "",
        obs_config: Any = None,
        headless: bool = False,
        static_positions: bool = False,
        robot_setup: str = "panda",
    ) -> None:
        if dataset_root and not os.path.isdir(dataset_root):
            raise RuntimeError(f"Data set root does not exists: {dataset_root}")
        self._mode, self._root, self._config = action_mode, dataset_root, obs_config
        self._scene: Scene | None = None

    def launch(self) -> None:
        """Start."""
        if self._scene is not None:
            raise RuntimeError("Already called launch!")
        os.chdir(tempfile.gettempdir())
        self._scene = Scene(self._config, Observation)
        LAUNCHED.append(self)

    def shutdown(self) -> None:
        """End."""
        if self._scene is not None:
            self._scene.close()
            LAUNCHED.remove(self)
        self._scene = None
        print("shut down", flush=True)

    def get_task(self, task_class: Any) -> TaskEnvironment:
        """Load a task."""
        if self._scene is None:
            self.launch()
        assert self._scene is not None
        return TaskEnvironment(self._scene, task_class(None, self._scene.robot), self._mode)

    def get_demos(
        self,
        task_name: str,
        amount: int,
        variation_number: int = 0,
        image_paths: bool = False,
        random_selection: bool = True,
        from_episode_number: int = 0,
    ) -> list[Any]:
        """Return stored demonstrations."""
        assert amount == 1 and not random_selection
        return [stored(self._root, task_name, variation_number, from_episode_number)]
