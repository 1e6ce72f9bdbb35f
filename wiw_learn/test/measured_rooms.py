"""Walks through the fake room as a dataset, and models that know it: what measuring must tell."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from wiw_core.cameras import panorama as sphere
from wiw_core.fakes import room
from wiw_core.geometry import Pose2
from wiw_core.observation import Projection
from wiw_core.plans import NAVIGATION, Plan, camera_path, navigation_plan
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_learn.dataset import MANIFEST, Dataset, Manifest, Shard, Trajectory, pack

HEIGHT, WIDTH = 48, 96
START = Pose2(-0.6, -0.4, 0.3)
ACTIONS = tuple(NAVIGATION)
HELD_OUT = (2009, 2019, 2029, 2039)


def walk(seed: int, length: int = 20) -> Trajectory:
    """A random walk from START; the robot stops at the walls."""
    rng = np.random.default_rng(seed)
    names = [str(n) for n in rng.choice(ACTIONS, length, p=(0.6, 0.2, 0.2))]
    poses, collided = [Pose2()], []
    for name in names:
        moved = poses[-1] * camera_path(navigation_plan([name]))[-1]
        at = START * moved
        free = max(abs(at.x_m), abs(at.y_m)) <= room.REACH_M
        poses.append(moved if free else poses[-1])
        collided.append(not free)
    looks = [room.panorama(START * pose, HEIGHT, WIDTH) for pose in poses]
    return {
        "panorama": np.stack([look.rgb for look in looks]),
        "depth": np.stack([look.depth for look in looks]).astype(np.float16),
        "pose": np.array([(p.x_m, p.y_m, p.yaw_rad) for p in poses]),
        "action": np.array([ACTIONS.index(name) for name in names], np.int8),
        "collided": np.array(collided),
    }


def write_walks(folder: Path, scenes=HELD_OUT, split="train", kind="navigation", **made) -> Dataset:
    folder.mkdir(parents=True, exist_ok=True)
    shards = []
    for scene in scenes:
        data = pack(made.get("shard", walk)(scene))
        (folder / f"{scene}.npz").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        shards.append(Shard(f"{scene}.npz", digest, scene, "random_walk", "", scene, 20))
    manifest = Manifest(kind, split, made.get("actions", ACTIONS), tuple(shards), {})
    (folder / MANIFEST).write_text(manifest.to_json())
    return Dataset.open(folder)


class KnowsTheRoom:
    """Imagines without error, for it knows the walls; ``meant`` may change what it hears."""

    context = 1

    def __init__(self, confidence: float | None = None) -> None:
        self.info = ModelInfo("knows", height=HEIGHT, width=WIDTH, context=self.context)
        self.asked: list[RolloutRequest] = []
        self._confidence = confidence

    def meant(self, plan: Plan) -> Plan:
        return plan

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        self.asked.append(request)
        now = START * request.now.base_pose
        for index, plan in enumerate(request.plans):
            wanted = request.frame_indices(index)
            poses = [now * pose for pose in camera_path(self.meant(plan))]
            frames = np.stack([room.panorama(poses[k], HEIGHT, WIDTH).rgb for k in wanted])
            sure = self._confidence
            yield Rollout(
                index,
                frames,
                wanted,
                Projection.EQUIRECTANGULAR,
                None if sure is None else np.full(len(wanted), sure, np.float32),
            )

    def close(self) -> None:
        pass


class HearsAlwaysForward(KnowsTheRoom):
    """Blind to the actions: always as sharp as the truth, always the same plan."""

    def meant(self, plan: Plan) -> Plan:
        return navigation_plan(["forward"] * len(plan))


class MixesUpTurns(KnowsTheRoom):
    """Turns right where left is meant."""

    def meant(self, plan: Plan) -> Plan:
        other = {"turn_left": "turn_right", "turn_right": "turn_left"}
        return navigation_plan([other.get(name, name) for name in plan.names])


class StandsStill(KnowsTheRoom):
    """Repeats what it sees now."""

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        rgb = request.now.views[0].rgb
        for index in range(len(request.plans)):
            wanted = request.frame_indices(index)
            yield Rollout(index, np.repeat(rgb[None], len(wanted), axis=0), wanted)


class OnlyTurns(KnowsTheRoom):
    """Rolls what it sees now by the plan's turns."""

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        rgb = request.now.views[0].rgb
        for index, plan in enumerate(request.plans):
            wanted = request.frame_indices(index)
            poses = camera_path(plan)
            frames = np.stack([sphere.roll_yaw(rgb, poses[k].yaw_rad) for k in wanted])
            yield Rollout(index, frames.astype(np.uint8), wanted)
