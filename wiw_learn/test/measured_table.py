"""A flat fake table seen from above as an arm dataset, and models that know its one law.

The law: a closed gripper within 4 cm of the block takes it along.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from wiw_core.arm import target_of
from wiw_core.geometry import Pose3
from wiw_core.observation import Projection
from wiw_core.plans import Plan
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_learn.dataset import Trajectory

SIZE, TOP_M = 96, 0.8
K = np.array([[80.0, 0.0, 47.5], [0.0, 80.0, 47.5], [0.0, 0.0, 1.0]])
CAMERA = np.array(  # 0.9 m above the table, looking down: x is up in the picture, y to the left
    [[0.0, -1.0, 0.0, 0.2], [-1.0, 0.0, 0.0, 0.0], [0.0, 0.0, -1.0, TOP_M + 0.9], [0, 0, 0, 1.0]]
)
DOWN = (1.0, 0.0, 0.0, 0.0)
BLOCK, OTHER = (200, 40, 40), (40, 60, 200)

Place = np.ndarray


def pixel(place: Place) -> tuple[float, float]:
    local = CAMERA[:3, :3].T @ (np.array([*place[:2], TOP_M]) - CAMERA[:3, 3])
    x, y, _ = K @ (local / local[2])
    return x, y


def picture(tool: Place, block: Place, other: Place) -> np.ndarray:
    image = np.full((SIZE, SIZE, 3), 120, np.uint8)
    rows, columns = np.indices((SIZE, SIZE))
    for place, colour in ((block, BLOCK), (other, OTHER)):
        x, y = pixel(place)
        image[np.maximum(abs(columns - x), abs(rows - y)) <= 3] = colour
    x, y = pixel(tool)
    image[(abs(columns - x) <= 1) & (abs(rows - y) <= 5)] = 255
    image[(abs(rows - y) <= 1) & (abs(columns - x) <= 5)] = 0
    return image


def moved(tool: Place, closed: bool, block: Place, target: Place) -> Place:
    held = closed and np.hypot(*(tool - block)) < 0.04
    return target.copy() if held else block


def attempts(seed: int, plans: int = 4) -> Trajectory:
    """Go over the block, close, carry it, let go; or miss it."""
    rng = np.random.default_rng(seed)
    block, other = np.array([0.15, 0.1]), np.array([0.3, -0.15])
    tool, closed = np.array([0.05, -0.1]), False
    looks, rows = [(tool, closed, block)], []
    for plan in range(plans):
        miss = 0.08 * (plan % 2)
        aim = rng.uniform([0.02, -0.22], [0.38, 0.22])
        for target, opened in ((block + miss, False), (aim, True)):
            block = moved(tool, closed, block, target)
            tool, closed = target, not opened
            looks.append((tool, closed, block))
            rows.append((target, opened, plan))
    tools = np.array([[*place, TOP_M, *DOWN] for place, _, _ in looks])
    blocks = np.array([[*place, TOP_M] for _, _, place in looks])
    others = np.tile([*other, TOP_M], (len(looks), 1))
    return {
        "front": np.stack([picture(place, block, other) for place, _, block in looks]),
        "front_depth": np.full((len(looks), SIZE, SIZE), 0.9, np.float16),
        "intrinsics": K,
        "T_base_camera": CAMERA,
        "tool_pose": tools,
        "gripper": np.array([0.0 if shut else 1.0 for _, shut, _ in looks], np.float32),
        "target_pose": np.array([[*target, TOP_M, *DOWN] for target, _, _ in rows]),
        "target_open": np.array([opened for _, opened, _ in rows]),
        "code": np.ones(len(rows), np.int16),
        "collided": np.zeros(len(rows), bool),
        "plan": np.array([plan for _, _, plan in rows], np.int16),
        "progress": np.arange(len(looks), dtype=np.float32),
        "centroids": np.stack([blocks, others], axis=1).astype(np.float32),
    }


class KnowsTheTable:
    """Imagines without error: it finds the things by their colours and knows the law."""

    takes_along = True

    def __init__(self) -> None:
        self.info = ModelInfo("table", projection=None, controls=("tool_poses",))

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        now = request.now
        for index, plan in enumerate(request.plans):
            frames = self._frames(now.tool_pose, now.gripper, now.views[0].rgb, plan)
            wanted = request.frame_indices(index)
            value = np.array(wanted, np.float32)
            yield Rollout(
                index,
                np.stack([frames[k - 1] for k in wanted]),
                wanted,
                Projection.PERSPECTIVE,
                value=value,
            )

    def close(self) -> None:
        pass

    def _frames(self, pose: Pose3, gripper: float, rgb: np.ndarray, plan: Plan) -> Sequence:
        tool, closed = pose.position[:2], gripper < 0.5
        block, other = (_find(rgb, colour) for colour in (BLOCK, OTHER))
        frames = []
        for action in plan.actions:
            target, opened = target_of(action)
            place = target.position[:2]
            if self.takes_along:
                block = moved(tool, closed, block, place)
            tool, closed = place, not opened
            frames.append(picture(tool, block, other))
        return frames


class MovesTheToolAlone(KnowsTheTable):
    """Draws the arm well and never what it does."""

    takes_along = False


def _find(rgb: np.ndarray, colour: tuple[int, int, int]) -> Place:
    rows, columns = np.nonzero((rgb == colour).all(axis=-1))
    x, y = (edges.min() + edges.max() for edges in (columns, rows))
    return np.array([0.2 - (y / 2 - 47.5) / 80.0 * 0.9, -(x / 2 - 47.5) / 80.0 * 0.9])
