"""Writes a dataset in the layout of LeRobotDataset v3.0: Parquet, MP4 and ``meta/``.

Written from the format's description, without the ``lerobot`` package. What a reader finds:

``observation.images.<camera>``
    MP4 (H.264, 4:2:0: lossy). Episodes follow one another in a file; ``meta/episodes`` has their
    time stamps.
``observation.images.depth``
    16-bit PNG in the Parquet rows, millimetres, 0 where unknown.
``observation.state``
    Navigation: x, y in metres and yaw in radians, in odom. Arm: tool position, quaternion xyzw and
    gripper, in ``base_link``.
``action``
    What was commanded at that frame. Navigation: forward metres and turn in radians. Arm: the tool
    pose and gripper wanted. The last frame of an episode commands to stay.
``next.collided``, ``next.done``
    Whether the action met an obstacle; whether no action follows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import NAVIGATION_DELTA
from wiw_learn.dataset import Dataset, Shard, Trajectory
from wiw_learn.lerobot_files import DEPTH as DEPTH_KEY
from wiw_learn.lerobot_files import Files, feature, video_feature
from wiw_learn.lerobot_stats import Stats

Progress = Callable[[int, int], None]
Rows = dict[str, npt.NDArray[Any]]

STATE = {
    "navigation": ("x_m", "y_m", "yaw_rad"),
    "arm": ("x_m", "y_m", "z_m", "qx", "qy", "qz", "qw", "gripper"),
}
ACTION = {
    "navigation": ("forward_m", "turn_rad"),
    "arm": ("x_m", "y_m", "z_m", "qx", "qy", "qz", "qw", "gripper"),
}
CAMERAS = {"navigation": ("panorama", "front"), "arm": ("front",)}
DEPTH = {"navigation": "depth", "arm": "front_depth"}
SPOKEN = {"waypoints": "walk through the apartment", "random_walk": "walk at random"}
"""Tasks in words, where the shard has no text."""


def export(data: Dataset, out: Path, progress: Progress | None = None) -> None:
    """Write a dataset into an empty or new folder.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if there is something in the folder, or the dataset's kind has no actions;
        ``RECORD_CORRUPT`` for a bad shard; ``RECORDING_FAILED``.
    """
    require_empty(out)
    manifest = data.manifest
    if manifest.kind not in CAMERAS:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"A dataset of kind '{manifest.kind}' holds no actions to export.",
            f"Export one of {', '.join(CAMERAS)}.",
        )
    kind, texts = manifest.kind, [_text(shard) for shard in manifest.shards]
    tasks = list(dict.fromkeys(texts))
    files, stats = Files(out, [f"observation.images.{c}" for c in CAMERAS[kind]]), Stats()
    hw: dict[str, tuple[int, int]] = {}
    with files:
        for k, trajectory in enumerate(data):
            rows = _rows(kind, trajectory, manifest.actions)
            videos = {f"observation.images.{c}": trajectory[c] for c in CAMERAS[kind]}
            depth = millimetres(trajectory[DEPTH[kind]])
            files.add(texts[k], tasks.index(texts[k]), rows, videos, depth)
            stats.add(rows, videos, depth)
            hw = {key: (v.shape[1], v.shape[2]) for key, v in videos.items()}
            hw[DEPTH_KEY] = (depth.shape[1], depth.shape[2])
            if progress is not None:
                progress(k + 1, len(data))
    files.write_tasks(tasks)
    files.write_json("meta/stats.json", stats.as_dict())
    files.write_json("meta/info.json", files.info(_features(kind, hw), len(tasks), f"wiw_{kind}"))


def require_empty(out: Path) -> None:
    """Refuse a folder that holds anything; raises ``BAD_PARAMETER``."""
    if out.exists() and any(out.iterdir()):
        raise WiwError(ErrorCode.BAD_PARAMETER, f"'{out}' is not empty.", "Choose another folder.")


def depth_feature(height: int, width: int) -> dict[str, Any]:
    """Return the entry of depth in ``info.json``."""
    return {
        "dtype": "image",
        "shape": [height, width, 1],
        "names": ["height", "width", "channels"],
        "info": {"is_depth_map": True, "depth_unit": "mm", "unknown": 0},
    }


def _features(kind: str, hw: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    return {
        **{key: video_feature(*size) for key, size in hw.items() if key != DEPTH_KEY},
        DEPTH_KEY: depth_feature(*hw[DEPTH_KEY]),
        "observation.state": feature("float32", STATE[kind]),
        "action": feature("float32", ACTION[kind]),
        "next.collided": feature("bool"),
        "next.done": feature("bool"),
    }


def _text(shard: Shard) -> str:
    return shard.text or SPOKEN.get(shard.task, shard.task)


def _rows(kind: str, trajectory: Trajectory, actions: Sequence[str]) -> Rows:
    """Return one row per frame; the last commands to stay."""
    collided = trajectory["collided"]
    count = len(collided) + 1
    if kind == "navigation":
        state = trajectory["pose"]
        moves = np.array([_motion(actions[k]) for k in trajectory["action"]])
        wanted = np.concatenate([moves.reshape(-1, 2), np.zeros((1, 2))])
    else:
        state = np.column_stack([trajectory["tool_pose"], trajectory["gripper"]])
        wanted = np.column_stack([trajectory["target_pose"], trajectory["target_open"]])
        wanted = np.concatenate([wanted, state[-1:]])
    return {
        "observation.state": state.astype(np.float32),
        "action": wanted.astype(np.float32),
        "next.collided": np.append(collided, False),
        "next.done": np.arange(count) == count - 1,
    }


def _motion(name: str) -> tuple[float, float]:
    delta = NAVIGATION_DELTA[name]
    return delta.x_m, delta.yaw_rad


def millimetres(depth: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    """Return depth in metres as 16-bit millimetres; raises ``RECORD_CORRUPT`` unless finite."""
    metres = depth.astype(np.float64)
    if not np.isfinite(metres).all():
        raise WiwError(ErrorCode.RECORD_CORRUPT, "The dataset has depth that is not finite.")
    return np.asarray(np.clip(np.rint(1000.0 * metres), 0, 65535), np.uint16)
