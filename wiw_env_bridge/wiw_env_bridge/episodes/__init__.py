"""Versioned episode files: JSON Lines in this folder, checked against their own hash when read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.geometry import Pose2

SCHEMA = "wiw-episodes"
VERSION = 1
FILES = {"ar": "ar_v1.jsonl", "ignav": "ignav_v1.jsonl"}
"""The episode file of each task."""


@dataclass(frozen=True)
class EpisodeRecord:
    """One episode with its privileged side.

    Attributes
    ----------
    scene : int
        Seed of the apartment.
    start, goal : Pose2
        ``T_map_base`` at the start and, for image-goal navigation, where the goal view was taken.
    shortest_m, shortest_actions : float, int
        Geodesic metres to the goal, and primitives to its success radius; 0 without a goal place.
    target, label : str
        For active recognition, the object and its true label.
    """

    task: str
    id: str
    split: str
    scene: int
    seed: int
    start: Pose2
    goal: Pose2 | None = None
    shortest_m: float = 0.0
    shortest_actions: int = 0
    target: str = ""
    label: str = ""


@cache
def load_episodes(task: str) -> tuple[EpisodeRecord, ...]:
    """Return all episodes of a task in evaluation order.

    Raises
    ------
    WiwError
        ``UNKNOWN_TASK``; ``RECORD_CORRUPT`` if the file is not what its header says.
    """
    if task not in FILES:
        raise unknown_name(ErrorCode.UNKNOWN_TASK, "task", task, FILES)
    return parse_episodes(resources.files(__package__).joinpath(FILES[task]).read_text("utf-8"))


def parse_episodes(text: str) -> tuple[EpisodeRecord, ...]:
    """Return the episodes of a file's text; raises ``RECORD_CORRUPT``."""
    head, _, body = text.partition("\n")
    try:
        header = json.loads(head)
        if header["schema"] != SCHEMA or header["version"] != VERSION:
            raise _corrupt(f"is of schema {header['schema']} {header['version']}")
        if header["sha256"] != digest(body):
            raise _corrupt("was changed after it was written")
        records = tuple(_record(header["task"], json.loads(line)) for line in body.splitlines())
    except (ValueError, KeyError, TypeError) as error:
        raise _corrupt(f"cannot be read ({type(error).__name__}: {error})") from error
    if len(records) != header["count"]:
        raise _corrupt(f"holds {len(records)} episodes instead of {header['count']}")
    return records


def format_episodes(task: str, seed: int, apartments: str, records: list[EpisodeRecord]) -> str:
    """Return a file's text: a header line, then one line per episode."""
    body = "".join(json.dumps(_fields(record)) + "\n" for record in records)
    header = {
        "schema": SCHEMA,
        "version": VERSION,
        "task": task,
        "apartments": apartments,
        "seed": seed,
        "count": len(records),
        "sha256": digest(body),
    }
    return json.dumps(header) + "\n" + body


def digest(body: str) -> str:
    """Return the SHA-256 of what follows the header line."""
    return hashlib.sha256(body.encode("utf-8")).hexdigest()


def _fields(record: EpisodeRecord) -> dict[str, Any]:
    common: dict[str, Any] = {
        "id": record.id,
        "split": record.split,
        "scene": record.scene,
        "seed": record.seed,
        "start": _numbers(record.start),
    }
    if record.goal is None:
        return {**common, "target": record.target, "label": record.label}
    return {
        **common,
        "goal": _numbers(record.goal),
        "shortest_m": record.shortest_m,
        "shortest_actions": record.shortest_actions,
    }


def _record(task: str, fields: dict[str, Any]) -> EpisodeRecord:
    poses = {k: Pose2(*map(float, fields[k])) for k in ("start", "goal") if k in fields}
    return EpisodeRecord(task=task, **{**fields, **poses})


def _numbers(pose: Pose2) -> list[float]:
    return [pose.x_m, pose.y_m, pose.yaw_rad]


def _corrupt(what: str) -> WiwError:
    return WiwError(
        ErrorCode.RECORD_CORRUPT,
        f"The episode file {what}.",
        "Restore it, or generate it anew: python -m wiw_env_bridge.episodes.generate.",
    )
