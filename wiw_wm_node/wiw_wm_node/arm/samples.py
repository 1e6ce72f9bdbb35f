"""Training samples of the arm: a look, some of the actions that followed, and the look after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose3
from wiw_core.observation import Rgb
from wiw_learn.dataset import Dataset, Trajectory
from wiw_learn.dataset import held_out as is_held_out
from wiw_wm_node.arm.look import Camera, Floats, Look
from wiw_wm_node.arm.maps import SIZE, inputs_of
from wiw_wm_node.arm.path import Hand, Path, Step, path_of

LONGEST = 5
"""Most actions between the two looks."""
_WHOLE = 0.6
"""Share of samples that are a plan from its beginning to its end, as a planner looks at it."""
_OK = int(ErrorCode.OK)


@dataclass(frozen=True)
class Walk:
    """A trajectory as it is trained on; arrays as in :mod:`wiw_learn.dataset`.

    ``plans`` are the first and one past the last action of each plan of at most LONGEST actions of
    which none failed.
    """

    scene: int
    task: str
    front: Rgb
    depth: npt.NDArray[np.float16]
    camera: Camera
    hands: tuple[Hand, ...]
    steps: tuple[Step, ...]
    sound: npt.NDArray[np.bool_]
    plans: tuple[tuple[int, int], ...]

    def look(self, index: int) -> Look:
        """Return a look with its points."""
        points = self.camera.points(self.depth[index])
        return Look(self.front[index], points, self.camera)

    def path(self, first: int, last: int) -> Path:
        """Return the path of the actions ``first`` to ``last``, the latter exclusive."""
        return path_of(self.hands[first], self.steps[first:last])


class ArmSamples:
    """Samples of the scenes to train on, or of those held out; all looks are kept in memory.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if the dataset is not of the kind ``arm`` or its pictures have not the
        network's size.
    """

    ranges: Mapping[str, tuple[float, float]] = {
        "maps": (-2.0, 2.0),
        "pictures": (0.0, 1.0),
        "covers": (0.0, 1.0),
        "facts": (-4.0, 4.0),
        "after": (0.0, 1.0),
    }

    def __init__(self, data: Dataset, *, held_out: bool) -> None:
        if data.manifest.kind != "arm":
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"'{data.folder}' holds '{data.manifest.kind}', not arm trajectories.",
            )
        self.walks = tuple(
            _walk(data.trajectory(index), shard.scene, shard.task)
            for index, shard in enumerate(data.manifest.shards)
            if is_held_out(shard.scene) == held_out
        )

    def __len__(self) -> int:
        return sum(len(walk.steps) for walk in self.walks)

    def sample(self, index: int, rng: np.random.Generator) -> Mapping[str, Any]:
        """Return the network's inputs, and ``after`` (3, H, W) float32 in [0, 1], the truth."""
        walk = self.walks[index % len(self.walks)]
        first, last = _window(walk, rng)
        return sample_of(walk, first, last)


def sample_of(walk: Walk, first: int, last: int) -> dict[str, Floats]:
    """Return the sample of the actions ``first`` to ``last``, the latter exclusive."""
    inputs = inputs_of(walk.look(first), walk.path(first, last))
    after = walk.front[last].transpose(2, 0, 1) / np.float32(255.0)
    return {**vars(inputs), "after": after.astype(np.float32)}


def _window(walk: Walk, rng: np.random.Generator) -> tuple[int, int]:
    if walk.plans and rng.random() < _WHOLE:
        return walk.plans[int(rng.integers(len(walk.plans)))]
    for _ in range(20):
        first = int(rng.integers(len(walk.steps)))
        last = first + int(rng.integers(1, LONGEST + 1))
        if last <= len(walk.steps) and walk.sound[first:last].all():
            return first, last
    return 0, 1


def _walk(trajectory: Trajectory, scene: int, task: str) -> Walk:
    front = trajectory["front"]
    if front.shape[1:3] != (SIZE, SIZE):
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The pictures are {front.shape[1]}x{front.shape[2]}, not {SIZE}x{SIZE}.",
            f"Collect with size={SIZE}.",
        )
    sound, plan = trajectory["code"] == _OK, trajectory["plan"]
    edges = np.flatnonzero(np.diff(plan)) + 1
    bounds = [0, *(int(edge) for edge in edges), len(plan)]
    return Walk(
        scene,
        task,
        front,
        trajectory["front_depth"],
        Camera(trajectory["intrinsics"], trajectory["T_base_camera"], (SIZE, SIZE)),
        tuple(
            Hand(_matrix(pose), float(gripper))
            for pose, gripper in zip(trajectory["tool_pose"], trajectory["gripper"])
        ),
        tuple(
            Step(_matrix(pose), bool(opened))
            for pose, opened in zip(trajectory["target_pose"], trajectory["target_open"])
        ),
        sound,
        tuple(
            (a, b)
            for a, b in zip(bounds, bounds[1:])
            if b - a <= LONGEST and bool(sound[a:b].all())
        ),
    )


def _matrix(numbers: Array) -> Array:
    return Pose3(*(float(value) for value in numbers)).matrix()
