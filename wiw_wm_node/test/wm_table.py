"""A table with boxes on it, seen by a still camera; drawn exactly, without a simulator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wiw_core.cameras import pinhole
from wiw_core.geometry import Pose3
from wiw_core.observation import Observation, View
from wiw_learn.dataset import Dataset, Manifest, Shard, pack

TABLE_M = 0.75
READY = Pose3(0.25, 0.0, 1.25, 1.0, 0.0, 0.0, 0.0)
RED, WOOD, WALL = (220, 20, 20), (150, 125, 100), (120, 125, 130)


@dataclass(frozen=True)
class Box:
    """Middle and half sides in metres, and colour."""

    middle: tuple[float, float, float]
    half: tuple[float, float, float] = (0.04, 0.04, 0.025)
    colour: tuple[int, int, int] = RED


def block(x_m: float, y_m: float) -> Box:
    return Box((x_m, y_m, TABLE_M + 0.025))


def camera_pose() -> np.ndarray:
    eye, target = np.array([1.3, 0.0, 1.55]), np.array([0.17, 0.0, 0.9])
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = eye
    return pose


def view(*boxes: Box, size: int = 128) -> View:
    k, pose = pinhole.intrinsics(size, size, np.radians(42.0)), camera_pose()
    rays = pinhole.rays(k, size, size) @ pose[:3, :3].T
    eye = pose[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(rays[..., 2] < 0.0, (TABLE_M - eye[2]) / rays[..., 2], 9.0)
        rgb = np.where(depth[..., None] < 2.0, np.uint8(WOOD), np.uint8(WALL))
        depth = np.minimum(depth, 3.0)
        for box in boxes:
            low, high = np.array(box.middle) - box.half, np.array(box.middle) + box.half
            near, far = (low - eye) / rays, (high - eye) / rays
            enter = np.minimum(near, far).max(axis=-1)
            seen = (enter < np.maximum(near, far).min(axis=-1)) & (enter > 0.0) & (enter < depth)
            depth, rgb = np.where(seen, enter, depth), np.where(seen[..., None], box.colour, rgb)
    return View(
        "front",
        rgb.astype(np.uint8),
        depth=depth.astype(np.float32),
        intrinsics=k,
        T_base_camera=pose,
    )


def table(*boxes: Box, tool: Pose3 | None = READY, gripper: float = 1.0, size: int = 128):
    return Observation("table", 0, (view(*boxes, size=size),), tool_pose=tool, gripper=gripper)


def down(x_m: float, y_m: float, z_m: float) -> Pose3:
    """Return a tool pose that looks straight down."""
    return Pose3(x_m, y_m, z_m, 1.0, 0.0, 0.0, 0.0)


def pushes(folder: Path, scenes: range) -> Dataset:
    """Return a dataset in which a block is pushed to the left; a scene is where it stands."""
    shards = []
    for scene in scenes:
        y = -0.1 + 0.01 * (scene % 10)
        looks = [block(0.2, y), block(0.2, y), block(0.2, y + 0.15), block(0.2, y + 0.15)]
        behind, there = y - 0.09, y + 0.15 - 0.051
        tools = [READY, down(0.2, behind, 0.785), down(0.2, there, 0.785), down(0.2, there, 0.95)]
        views = [view(box) for box in looks]
        poses = np.array([[*t.position, *t.quaternion] for t in tools])
        data = pack(
            {
                "front": np.stack([v.rgb for v in views]),
                "front_depth": np.stack([v.depth for v in views]).astype(np.float16),
                "intrinsics": views[0].intrinsics,
                "T_base_camera": views[0].T_base_camera,
                "tool_pose": poses,
                "gripper": np.zeros(4, np.float32),
                "target_pose": poses[1:],
                "target_open": np.zeros(3, np.bool_),
                "code": np.ones(3, np.int16),
                "collided": np.zeros(3, np.bool_),
                "progress": np.zeros(4, np.float32),
                "centroids": np.array([[box.middle] for box in looks], np.float32),
                "plan": np.zeros(3, np.int16),
            }
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{scene}.npz").write_bytes(data)
        shards.append(Shard(f"{scene}.npz", _sha(data), scene, "push", "", scene, 3))
    manifest = Manifest("arm", "train", ("tool_pose",), tuple(shards), {})
    (folder / "manifest.json").write_text(manifest.to_json(), "utf-8")
    return Dataset.open(folder)


def _sha(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()
