"""What a dataset holds, in numbers: counts, actions, lengths, distances, contacts, depth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, describe
from wiw_learn.dataset import Dataset, Trajectory, held_out

LOOKED_AT = 60
"""Trajectories, evenly spaced, whose depth is read: unpacking all would take long."""
SMALL = {
    "navigation": ("action", "collided", "pose", "geodesic_m"),
    "places": ("collided", "geodesic_m"),
    "arm": ("code", "collided", "progress", "target_open"),
}
"""The arrays of each kind that are read from every trajectory."""
DEPTH = {"navigation": "depth", "places": "depth", "arm": "front_depth"}
_BINS = 20

Json = dict[str, Any]


def statistics(data: Dataset) -> Json:
    """Return plain JSON values: what every kind has, then what its own kind has.

    Raises
    ------
    WiwError
        ``RECORD_CORRUPT`` if a shard is not what the manifest says.
    """
    manifest = data.manifest
    small = [data.trajectory(k, SMALL[manifest.kind]) for k in range(len(data))]
    lengths = [shard.length for shard in manifest.shards]
    known: Json = {
        "kind": manifest.kind,
        "split": manifest.split,
        "trajectories": len(data),
        "scenes": len(data.scenes),
        "first_scene": data.scenes[0],
        "last_scene": data.scenes[-1],
        "scenes_held_out": sum(held_out(scene) for scene in data.scenes),
        "actions": sum(lengths),
        "frames": _frames(small, lengths, manifest.kind),
        "bytes": sum((data.folder / shard.file).stat().st_size for shard in manifest.shards),
        "length": spread(np.array(lengths, np.float64)),
        "trajectories_by_task": dict(Counter(shard.task for shard in manifest.shards)),
        "share_of_actions_with_contact": share(np.concatenate([t["collided"] for t in small])),
        "depth": _depth(data, DEPTH[manifest.kind]),
    }
    tasks = [shard.task for shard in manifest.shards]
    own = {"navigation": _navigation, "places": _places, "arm": _arm}[manifest.kind]
    return {**known, **own(small, tasks, manifest.actions)}


def share(of: npt.NDArray[np.bool_]) -> float:
    """Return the share that is true; 0 of nothing."""
    return float(of.mean()) if len(of) else 0.0


def spread(values: npt.NDArray[Any]) -> dict[str, float]:
    """Return least, quartiles and greatest of some values, those that are not finite left out."""
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return {}
    names = ("min", "25 %", "median", "75 %", "max")
    return dict(zip(names, map(float, np.percentile(values, (0, 25, 50, 75, 100)))))


def histogram(values: npt.NDArray[Any], bins: int = _BINS) -> Json:
    """Return ``edges`` (bins + 1) and ``counts`` (bins) of the finite values."""
    values = np.asarray(values, np.float64)
    counts, edges = np.histogram(values[np.isfinite(values)], bins)
    return {"edges": [float(e) for e in edges], "counts": [int(c) for c in counts]}


def _frames(small: Sequence[Trajectory], lengths: Sequence[int], kind: str) -> int:
    if kind == "places":
        return sum(len(t["geodesic_m"]) for t in small)
    return sum(lengths) + len(lengths)


def _places(small: Sequence[Trajectory], tasks: Sequence[str], actions: Sequence[str]) -> Json:
    between = [t["geodesic_m"][np.triu_indices(len(t["geodesic_m"]), 1)] for t in small]
    metres = np.concatenate(between)
    return {
        "metres_between_places": spread(metres),
        "metres_between_places_histogram": histogram(metres),
        "places_without_a_way": int((~np.isfinite(metres)).sum()),
    }


def _navigation(small: Sequence[Trajectory], tasks: Sequence[str], actions: Sequence[str]) -> Json:
    paths = [np.linalg.norm(np.diff(t["pose"][:, :2], axis=0), axis=1).sum() for t in small]
    counts: dict[str, dict[str, int]] = {}
    contact: dict[str, float] = {}
    for walk in sorted(set(tasks)):
        mine = [t for t, task in zip(small, tasks) if task == walk]
        done = np.concatenate([t["action"] for t in mine])
        counts[walk] = {name: int((done == k).sum()) for k, name in enumerate(actions)}
        contact[walk] = float(np.concatenate([t["collided"] for t in mine]).mean())
    return {
        "actions_by_task": counts,
        "contact_by_task": contact,
        "metres_walked": spread(np.array(paths)),
        **_places(small, tasks, actions),
    }


def _arm(small: Sequence[Trajectory], tasks: Sequence[str], actions: Sequence[str]) -> Json:
    codes: dict[str, dict[str, int]] = {}
    ends: dict[str, dict[str, float]] = {}
    gains: dict[str, float] = {}
    for name in sorted(set(tasks)):
        mine = [t for t, task in zip(small, tasks) if task == name]
        said = Counter(int(code) for t in mine for code in t["code"])
        codes[name] = {_words(code): count for code, count in sorted(said.items())}
        ends[name] = spread(np.array([t["progress"][-1] for t in mine]))
        gains[name] = float(np.mean([t["progress"].max() > t["progress"][0] for t in mine]))
    every = np.concatenate([t["progress"] for t in small])
    return {
        "outcomes_by_task": codes,
        "progress_at_the_end_by_task": ends,
        "share_of_trajectories_with_progress_by_task": gains,
        "progress_histogram": histogram(every),
        "share_of_targets_with_open_gripper": float(
            np.concatenate([t["target_open"] for t in small]).mean()
        ),
    }


def _depth(data: Dataset, name: str) -> Json:
    """Return the share of unknown depth and the spread of the known, over some trajectories."""
    chosen = np.unique(np.linspace(0, len(data) - 1, min(LOOKED_AT, len(data))).astype(int))
    # Every seventh row and column: tens of thousands of pixels per trajectory are plenty.
    some = [data.trajectory(int(k), (name,))[name][:, ::7, ::7].ravel() for k in chosen]
    depth = np.concatenate(some).astype(np.float64)
    known = depth > 0.0
    return {
        "trajectories_looked_at": len(chosen),
        "unknown_share": float(1.0 - known.mean()),
        "metres": spread(depth[known]),
        "metres_histogram": histogram(depth[known]),
    }


def _words(code: int) -> str:
    return "done" if code == ErrorCode.OK else describe(code)
