"""What the fakes of RLBench and of its fork share: a small real table behind RLBench's conventions.

The table is the embedded one (MuJoCo): its arm really plans and really fails. Colours, depth, poses
and intrinsics are turned into what CoppeliaSim gives: cameras with x left and y up, negative focal
lengths, masks with handles, points in the world. No part of CoppeliaSim, PyRep or RLBench.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

from wiw_core.arm import WORKSPACE_M
from wiw_core.cameras import pinhole
from wiw_core.errors import ErrorCode
from wiw_core.geometry import Pose3
from wiw_env_bridge.tabletop.cameras import TableRenderer
from wiw_env_bridge.tabletop.table import Table
from wiw_env_bridge.tabletop.tasks import TASKS, make_scene

CAMERAS = ("front", "wrist", "left_shoulder", "right_shoulder", "overhead")
_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])
_FIRST_HANDLE, _REACH_M = 81, 0.045
LAUNCHED: list[Any] = []
"""Every simulator that was launched and not shut down."""


class Arm:
    """The joints, and what they were last told."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.targets: list[float] | None = None

    def get_joint_positions(self) -> list[float]:
        """Radians."""
        return [value for name, value in self._scene.table.joints][:7]

    def set_joint_target_positions(self, positions: list[float]) -> None:
        """Radians."""
        self.targets = list(positions)


@dataclass
class Robot:
    """An arm; the gripper is part of the table."""

    arm: Arm


@dataclass(frozen=True)
class Shape:
    """An object of a task."""

    handle: int
    name: str

    def get_handle(self) -> int:
        """Its number in the masks."""
        return self.handle

    def get_name(self) -> str:
        """Its name."""
        return self.name


class Base:
    """The root of a task's objects."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def get_objects_in_tree(
        self,
        object_type: Any = None,
        exclude_base: bool = True,
        first_generation_only: bool = False,
    ) -> list[Shape]:
        """Return every shape."""
        return self._scene.shapes()


class Task:
    """One of RLBench's tasks; its class is named for it."""

    def __init__(self, pyrep: Any, robot: Any) -> None:
        self.scene: Scene | None = None

    def get_name(self) -> str:
        """Snake case, as its file."""
        raise NotImplementedError

    def variation_count(self) -> int:
        """How many there are."""
        return TASKS[self.get_name()].variations

    def get_base(self) -> Base:
        """The root of its objects."""
        assert self.scene is not None
        return Base(self.scene)


def task_class(name: str) -> type[Task]:
    """Return the class of a task, by the name of its file."""
    camel = "".join(word.capitalize() for word in name.split("_"))
    return type(camel, (Task,), {"get_name": lambda self: name})


class Sensor:
    """A camera of the scene."""

    def __init__(self, scene: Scene, name: str) -> None:
        self._scene, self._name = scene, name

    def get_matrix(self) -> np.ndarray:
        """(4, 4) in the world."""
        return self._scene.camera(self._name)[2]

    def get_intrinsic_matrix(self) -> np.ndarray:
        """(3, 3), with negative focal lengths."""
        return self._scene.camera(self._name)[3]


class Scene:
    """What is loaded in the simulator."""

    def __init__(self, config: Any, make_observation: Callable[..., Any]) -> None:
        self._config, self._make = config, make_observation
        sizes = [getattr(config, f"{camera}_camera").image_size[0] for camera in CAMERAS]
        self._size = max(sizes)
        self._renderer = TableRenderer(self._size)
        self.table: Any = None
        self.steps = 0
        self.robot = Robot(Arm(self))
        for camera, name in (
            ("front", "_cam_front"),
            ("wrist", "_cam_wrist"),
            ("overhead", "_cam_overhead"),
            ("left_shoulder", "_cam_over_shoulder_left"),
            ("right_shoulder", "_cam_over_shoulder_right"),
        ):
            setattr(self, name, Sensor(self, camera))

    def set_up(self, task: str, seed: int, variation: int) -> list[str]:
        """Place the objects; return how the task can be said."""
        self.table = Table(make_scene(task, seed, variation))
        self._renderer.open(self.table)
        text = self.table.scene.text
        return [text, f"please {text}"]

    def step(self) -> None:
        """One step of the simulation; callers may replace it."""
        self.steps += 1

    def go(self, pose: Pose3, opened: bool) -> tuple[Any, ErrorCode]:
        """Move; every tick is a step, and what a step raises ends the motion there."""
        raised: list[BaseException] = []

        def pace(seconds: float) -> bool:
            try:
                self.step()
            except BaseException as error:  # noqa: BLE001 - it is raised again
                raised.append(error)
            return bool(raised)

        outcome = self.table.move(pose, opened, pace)
        if raised:
            raise raised[0]
        return outcome, outcome.code

    def camera(self, name: str) -> tuple[Any, Any, Any, Any]:
        """Return colours, metres, extrinsics and intrinsics, as CoppeliaSim has them."""
        (view,) = self._renderer.views((name,), self._size)
        return (
            view.rgb,
            view.depth,
            view.T_base_camera @ _FLIP,
            np.diag([-1, -1, 1]) @ view.intrinsics,
        )

    def shapes(self) -> list[Shape]:
        """Return the objects."""
        count = len(self.table.centroids())
        return [Shape(_FIRST_HANDLE + k, f"object{k}") for k in range(count)]

    def observation(self, **more: Any) -> Any:
        """Return what the configuration asks for."""
        seen: dict[str, Any] = {}
        misc: dict[str, Any] = {}
        for name in CAMERAS:
            config = getattr(self._config, f"{name}_camera")
            rgb, depth, pose, k = self.camera(name)
            points = _points(depth, pose, k)
            seen[f"{name}_rgb"] = rgb if config.rgb else None
            if not config.depth_in_meters:
                depth = depth / 4.0  # a share of the far plane
            seen[f"{name}_depth"] = depth if config.depth else None
            seen[f"{name}_point_cloud"] = points if config.point_cloud else None
            seen[f"{name}_mask"] = self._mask(points) if config.mask else None
            misc[f"{name}_camera_extrinsics"] = pose
            misc[f"{name}_camera_intrinsics"] = k
        tool = self.table.tool_pose()
        return self._make(
            **seen,
            joint_positions=np.array(self.robot.arm.get_joint_positions()),
            joint_velocities=None,
            joint_forces=None,
            gripper_open=1.0 if self.table.gripper > 0.9 else 0.0,
            gripper_pose=np.array([*tool.position, *tool.quaternion]),
            gripper_matrix=None,
            gripper_joint_positions=None,
            gripper_touch_forces=None,
            task_low_dim_state=None,
            misc=misc,
            **more,
        )

    def close(self) -> None:
        """Free the pictures."""
        self._renderer.close()

    def _mask(self, points: np.ndarray) -> np.ndarray:
        """Return handles as RLBench decodes them: numbers in floating point."""
        mask = np.zeros(points.shape[:2])
        for shape, place in zip(self.shapes(), self.table.centroids()):
            mask[np.linalg.norm(points - np.array(place), axis=2) < _REACH_M] = shape.handle
        return mask


def in_workspace(position: Any) -> bool:
    """Tell whether a target would be tried at all."""
    return all(low < value < high for value, (low, high) in zip(position, WORKSPACE_M))


def _points(depth: np.ndarray, pose: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return where each pixel is in the world, (H, W, 3)."""
    optical = pinhole.unproject(depth, np.abs(k))
    world = pose @ _FLIP
    return optical @ world[:3, :3].T + world[:3, 3]


class Observation:
    """Keeps what it is given, as RLBench's does."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


class CameraConfig:
    """What one camera gives."""

    def __init__(self) -> None:
        self.rgb = self.depth = self.point_cloud = self.mask = True
        self.image_size = (128, 128)
        self.render_mode: Any = None
        self.masks_as_one_channel = True
        self.depth_in_meters = False

    def set_all(self, value: bool) -> None:
        """Everything, or nothing."""
        self.rgb = self.depth = self.point_cloud = self.mask = value


class ObservationConfig:
    """What an observation holds."""

    def __init__(self) -> None:
        for camera in CAMERAS:
            setattr(self, f"{camera}_camera", CameraConfig())
        self.joint_positions = self.gripper_open = self.gripper_pose = True

    def set_all(self, value: bool) -> None:
        """Everything, or nothing."""
        for camera in CAMERAS:
            getattr(self, f"{camera}_camera").set_all(value)
        self.joint_positions = self.gripper_open = self.gripper_pose = value

    def set_image_size(self, size: tuple[int, int]) -> None:
        """Height and width of every camera."""
        for camera in CAMERAS:
            getattr(self, f"{camera}_camera").image_size = size
