"""Weights that nobody trained, and a dataset of the box room: what tests of learnt models need."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np
import torch
from wm_rooms import panorama_view

from wiw_core.geometry import Pose2
from wiw_core.plans import NAVIGATION_DELTA
from wiw_learn.dataset import MANIFEST, Dataset, Manifest, Shard, pack
from wiw_learn.weights import save

ACTIONS = ("forward", "turn_left", "turn_right")
OPTIONS = ("height", "width", "widths", "flow")


def untrained(folder: Path, name: str, recipe, seed: int = 0) -> str:
    """Write the weights of a new network of a recipe; return the ``weights`` parameter."""
    torch.manual_seed(seed)
    network = recipe.network()
    with torch.no_grad():
        for value in network.parameters():  # nothing is zero, so that every input counts
            value.add_(0.05 * torch.randn_like(value))
    options = {key: value for key, value in vars(recipe).items() if key in OPTIONS}
    save(folder, name, network.state_dict(), {"recipe": name, "options": options})
    return str(folder)


def room_walks(folder: Path, scenes: range, length: int = 8) -> Dataset:
    """Collect a walk per scene in the box room; only the start and the turns differ."""
    shards = []
    for scene in scenes:
        rng = np.random.default_rng(scene)
        pose = Pose2(-2.0, rng.uniform(-1.5, 1.5), int(rng.integers(-1, 2)) * math.pi / 8)
        actions = rng.choice(3, length, p=(0.6, 0.2, 0.2)).astype(np.int8)
        poses = [pose]
        for index in actions:
            poses.append(poses[-1] * NAVIGATION_DELTA[ACTIONS[index]])
        looks = [panorama_view(p, 36, 64) for p in poses]
        data = pack(
            {
                "panorama": np.stack([look.rgb for look in looks]),
                "depth": np.stack([look.depth for look in looks]).astype(np.float16),
                "pose": np.array([[p.x_m, p.y_m, p.yaw_rad] for p in poses]),
                "action": actions,
                "collided": np.zeros(length, dtype=bool),
            }
        )
        (folder / f"{scene}.npz").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        shards.append(Shard(f"{scene}.npz", digest, scene, "walk", "", scene, length))
    manifest = Manifest("navigation", "train", ACTIONS, tuple(shards), {})
    (folder / MANIFEST).write_text(manifest.to_json(), "utf-8")
    return Dataset.open(folder)
