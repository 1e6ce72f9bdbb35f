"""Versioned episode files: JSON Lines in this folder, checked against their own hash when read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from wiw_core.errors import ErrorCode, unknown_name
from wiw_core.geometry import Pose2
from wiw_env_bridge.episodes.files import corrupt, read_rows, write_rows

FILES = {"aeqa": "aeqa_v2.jsonl", "ar": "ar_v2.jsonl", "ignav": "ignav_v2.jsonl"}
"""The episode file of each task."""
VARIANTS = {"ar_unboxed": "ar", "ignav_self_stop": "ignav"}
"""Tasks that are solved on the very episodes, ids included, of another one."""
_TEXTS = ("answers", "partial", "evidence")
_ASKED = ("question", "category", "form", *_TEXTS, "places")


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
        For question answering, metres to the nearest of ``places``.
    target, label : str
        For active recognition, the object and its true label.
    difficulty : str
        ``easy``, ``medium`` or ``hard``; each task's generator says by what measure.
    question, category, form, answers, partial : str, str, str, tuple of str, tuple of str
        For question answering, see :class:`wiw_env_bridge.mujoco.questions.Question`.
    evidence : tuple of str
        Bodies that the answer is read off.
    places : tuple of (float, float)
        Surveyed places, map frame in metres, that show the evidence well.
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
    difficulty: str = ""
    question: str = ""
    category: str = ""
    form: str = ""
    answers: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    places: tuple[tuple[float, float], ...] = ()


@cache
def load_episodes(task: str) -> tuple[EpisodeRecord, ...]:
    """Return all episodes of a task in evaluation order.

    Raises
    ------
    WiwError
        ``UNKNOWN_TASK``; ``RECORD_CORRUPT`` if the file is not what its header says.
    """
    if task in VARIANTS:
        return tuple(replace(record, task=task) for record in load_episodes(VARIANTS[task]))
    if task not in FILES:
        raise unknown_name(ErrorCode.UNKNOWN_TASK, "task", task, (*FILES, *VARIANTS))
    return parse_episodes(resources.files(__package__).joinpath(FILES[task]).read_text("utf-8"))


def parse_episodes(text: str) -> tuple[EpisodeRecord, ...]:
    """Return the episodes of a file's text; raises ``RECORD_CORRUPT``."""
    task, rows = read_rows(text)
    try:
        return tuple(_record(task, row) for row in rows)
    except (ValueError, KeyError, TypeError) as error:
        raise corrupt(f"holds a bad episode ({type(error).__name__}: {error})") from error


def format_episodes(task: str, seed: int, apartments: str, records: list[EpisodeRecord]) -> str:
    """Return a file's text: a header line, then one line per episode."""
    return write_rows(task, seed, apartments, map(_fields, records))


def _fields(record: EpisodeRecord) -> dict[str, Any]:
    common: dict[str, Any] = {
        "id": record.id,
        "split": record.split,
        "scene": record.scene,
        "seed": record.seed,
        "start": _numbers(record.start),
        "difficulty": record.difficulty,
    }
    if record.question:
        asked = {name: getattr(record, name) for name in _ASKED}
        return {**common, "shortest_m": record.shortest_m, **asked}
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
    lists = {k: tuple(map(str, fields[k])) for k in _TEXTS if k in fields}
    places = tuple((float(x), float(y)) for x, y in fields.get("places", ()))
    return EpisodeRecord(task=task, **{**fields, **poses, **lists, "places": places})


def _numbers(pose: Pose2) -> list[float]:
    return [pose.x_m, pose.y_m, pose.yaw_rad]
