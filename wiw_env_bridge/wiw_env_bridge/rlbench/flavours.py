"""The two ways RLBench comes: upstream, and the reference fork ``amsolver`` of World-in-World.

Names and arguments of both are those of their own sources (rlbench 1.2, amsolver as released).
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from wiw_core.errors import ErrorCode, WiwError, unknown_name

CAMERAS = ("front", "wrist", "left_shoulder", "right_shoulder", "overhead")
"""The cameras of RLBench's scene."""
CENTROID_CAMERAS = ("front", "left_shoulder", "right_shoulder", "overhead")
"""The cameras that the reference computes centroids from."""


@dataclass(frozen=True)
class Setup:
    """What the simulator is asked for.

    Attributes
    ----------
    cameras : tuple of str
        Cameras with colours and depth.
    image_size : int
        Height and width in pixels.
    centroids : bool
        Also masks and points, of :data:`CENTROID_CAMERAS`.
    demos : str
        Folder of stored episodes; empty for none.
    """

    cameras: tuple[str, ...]
    image_size: int
    centroids: bool
    demos: str
    headless: bool

    def wants(self, camera: str) -> tuple[bool, bool]:
        """Return whether a camera's picture is wanted, and whether its masks and points are."""
        return camera in self.cameras, self.centroids and camera in CENTROID_CAMERAS


class Flavour(Protocol):
    """What differs between the two."""

    refusals: tuple[type[Exception], ...]
    """What an action raises that could not be begun."""

    def environment(self, setup: Setup) -> Any:
        """Return the environment, not launched yet."""
        ...

    def has(self, task: str) -> bool:
        """Tell whether a task is there."""
        ...

    def task_class(self, task: str) -> Any:
        """Return the class of a task."""
        ...

    def stored(self, environment: Any, task: str, variation: int, episode: int) -> Any:
        """Return a stored episode."""
        ...

    def handles(self, task: Any, observation: Any) -> Sequence[int]:
        """Return the numbers, in the masks, of the task's objects."""
        ...


def load(name: str) -> Flavour:
    """Return a flavour.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for an unknown name; ``INTERFACE_MISSING`` if it cannot be imported.
    """
    if name not in _FLAVOURS:
        raise unknown_name(ErrorCode.BAD_PARAMETER, "flavour", name, _FLAVOURS)
    check_pyrep()
    try:
        return _FLAVOURS[name]()
    except ImportError as error:
        raise WiwError(
            ErrorCode.INTERFACE_MISSING,
            f"This interpreter cannot import {name} ({error}).",
            "docs/rlbench.md says how it is installed; give python=, the interpreter that has it.",
        ) from error


def check_pyrep() -> None:
    """Raise ``INTERFACE_MISSING`` unless ``pyrep`` is CoppeliaSim's.

    The package of that name on PyPI is another one, and is easily installed by mistake.
    """
    try:
        pyrep = importlib.import_module("pyrep")
    except ImportError as error:
        raise WiwError(
            ErrorCode.INTERFACE_MISSING,
            f"This interpreter cannot import pyrep ({error}).",
            "Install PyRep from its repository, with COPPELIASIM_ROOT set: docs/rlbench.md.",
        ) from error
    if not hasattr(pyrep, "PyRep"):
        raise WiwError(
            ErrorCode.INTERFACE_MISSING,
            "The package 'pyrep' that is installed is not the one of CoppeliaSim.",
            "pip uninstall pyrep, then install PyRep from its repository: docs/rlbench.md.",
        )


class Upstream:
    """RLBench, 1.2 or newer."""

    def __init__(self) -> None:
        exceptions = importlib.import_module("rlbench.backend.exceptions")
        self._utils = importlib.import_module("rlbench.utils")
        self.refusals: tuple[type[Exception], ...] = (exceptions.InvalidActionError,)

    def environment(self, setup: Setup) -> Any:
        """Return the environment: absolute poses in the world, by planning, without collisions."""
        arm = importlib.import_module("rlbench.action_modes.arm_action_modes")
        gripper = importlib.import_module("rlbench.action_modes.gripper_action_modes")
        modes = importlib.import_module("rlbench.action_modes.action_mode")
        observations = importlib.import_module("rlbench.observation_config")
        config = observations.ObservationConfig()
        config.set_all(False)
        config.joint_positions = config.gripper_open = config.gripper_pose = True
        for camera in CAMERAS:
            _set_up(getattr(config, f"{camera}_camera"), setup, camera)
        mode = modes.MoveArmThenGripper(
            arm_action_mode=arm.EndEffectorPoseViaPlanning(
                absolute_mode=True, frame=arm.RelativeFrame.WORLD, collision_checking=False
            ),
            gripper_action_mode=gripper.Discrete(),
        )
        environment = importlib.import_module("rlbench.environment").Environment
        return environment(
            mode, dataset_root=setup.demos, obs_config=config, headless=setup.headless
        )

    def has(self, task: str) -> bool:
        """Tell whether RLBench has the task."""
        return importlib.util.find_spec(f"rlbench.tasks.{task}") is not None

    def task_class(self, task: str) -> Any:
        """Return the class of a task."""
        return self._utils.name_to_task_class(task)

    def stored(self, environment: Any, task: str, variation: int, episode: int) -> Any:
        """Return a stored episode."""
        return environment.get_demos(
            task,
            1,
            variation_number=variation,
            random_selection=False,
            from_episode_number=episode,
        )[0]

    def handles(self, task: Any, observation: Any) -> Sequence[int]:
        """Return the handles of every shape of the task."""
        shape = importlib.import_module("pyrep.const").ObjectType.SHAPE
        base = task._task.get_base()
        shapes = base.get_objects_in_tree(object_type=shape, exclude_base=False)
        return [int(item.get_handle()) for item in shapes]


class Amsolver:
    """The fork that World-in-World evaluates with; its episodes are stored ones."""

    def __init__(self) -> None:
        self._utils = importlib.import_module("amsolver.backend.utils")
        errors = importlib.import_module("pyrep.errors")
        tasks = importlib.import_module("amsolver.task_environment")
        # It lets some of PyRep's errors through.
        self.refusals: tuple[type[Exception], ...] = (
            tasks.InvalidActionError,
            errors.ConfigurationPathError,
            errors.IKError,
        )

    def environment(self, setup: Setup) -> Any:
        """Return the environment: absolute poses in the world, by planning."""
        modes = importlib.import_module("amsolver.action_modes")
        config = importlib.import_module("amsolver.observation_config").ObservationConfig()
        config.set_all(True)  # its scene reads every camera
        config.set_image_size((setup.image_size, setup.image_size))
        for camera in CAMERAS:
            getattr(config, f"{camera}_camera").depth_in_meters = True
        mode = modes.ActionMode(modes.ArmActionMode.ABS_EE_POSE_PLAN_WORLD_FRAME)
        environment = importlib.import_module("amsolver.environment").Environment
        return environment(
            mode, dataset_root=setup.demos, obs_config=config, headless=setup.headless
        )

    def has(self, task: str) -> bool:
        """Tell whether the fork has the task."""
        return importlib.util.find_spec(f"vlm.tasks.{task}") is not None

    def task_class(self, task: str) -> Any:
        """Return the class of a task."""
        return self._utils.task_file_to_task_class(task, parent_folder="vlm")

    def stored(self, environment: Any, task: str, variation: int, episode: int) -> Any:
        """Return a stored episode."""
        return environment.get_test_demos(
            task_name=task, amount=1, variation_number=variation, from_episode_number=episode
        )[0]

    def handles(self, task: Any, observation: Any) -> Sequence[int]:
        """Return the numbers that the fork lists for the task's objects."""
        listed = observation.object_informations.values()
        return [int(item["id"]) for item in listed if "id" in item]


_FLAVOURS: dict[str, type[Upstream] | type[Amsolver]] = {"rlbench": Upstream, "amsolver": Amsolver}


def _set_up(config: Any, setup: Setup, camera: str) -> None:
    picture, points = setup.wants(camera)
    config.rgb, config.depth = picture, picture or points
    config.mask = config.point_cloud = points
    config.image_size = (setup.image_size, setup.image_size)
    config.depth_in_meters = True
