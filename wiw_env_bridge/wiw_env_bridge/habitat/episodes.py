"""The paper's episode files, read as they are published: facts of where, nothing executed.

``AR``: gzipped JSON files ``{"episodes": [...]}``, one or a folder of them. ``IGNav``: one file
``{"data": [...]}`` and a zip of goal panoramas. ``A-EQA``: one file with a list. Rotations are
(w, x, y, z). Source: HuggingFace ``zonszer/WIW_datasets`` and the loaders of the released solver.
"""

from __future__ import annotations

import gzip
import json
import math
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.habitat.stage import Place

MAX_BYTES = 256 * 2**20
"""Largest episode file, unpacked."""
LABELS = (
    *("appliances", "bathtub", "bed", "cabinet", "chair", "chest_of_drawers", "clothes"),
    *("counter", "curtain", "cushion", "door", "fireplace", "furniture", "gym_equipment"),
    *("mirror", "picture", "plant", "seating", "shower", "sink", "sofa", "stool", "table"),
    *("toilet", "towel", "tv_monitor", "window"),
)
"""The closed answer set of active recognition: 27 categories of Matterport3D."""
DIFFICULTIES = ("easy", "medium", "hard")
_LABEL_KEYS = ("target_categrory", "target_category")  # the files have the first
_GOAL_RADIUS_M = 0.5


@dataclass(frozen=True)
class Record:
    """One episode with its privileged side.

    Attributes
    ----------
    scene : str
        As the file names it; see :func:`wiw_env_bridge.habitat.scenes.find_scene`.
    start, goal : Place
        Where the agent begins and, for image-goal navigation, where the goal image was taken.
    radius_m, steps : float, int
        Geodesic metres to the goal at which it is reached; primitives of the reference route.
    image : str
        Name of the goal panorama in the zip of goal images.
    target, label : int, str
        For active recognition, the object's number in the scene, and its category.
    question, answers : str, tuple of str
        For question answering.
    reference_m : float
        Metres of the reference route, where the protocol has one; else NaN.
    """

    task: str
    id: str
    scene: str
    start: Place
    goal: Place | None = None
    radius_m: float = _GOAL_RADIUS_M
    steps: int = 0
    image: str = ""
    target: int = -1
    label: str = ""
    difficulty: str = ""
    question: str = ""
    answers: tuple[str, ...] = ()
    reference_m: float = math.nan

    @property
    def seed(self) -> int:
        """A number of its own, the same wherever the file is read."""
        return zlib.crc32(f"{self.task}/{self.id}".encode())


def read_ar(path: Path) -> tuple[Record, ...]:
    """Return the episodes of active recognition of a file, or of every file in a folder."""
    files = sorted(path.glob("*.json*")) if path.is_dir() else [path]
    rows = [row for file in files for row in _rows(file, "episodes")]
    return _records(path, rows, _ar)


def read_ignav(path: Path) -> tuple[Record, ...]:
    """Return the episodes of image-goal navigation."""
    return _records(path, _rows(path, "data"), _ignav)


def read_aeqa(path: Path, lengths: Path | None = None) -> tuple[Record, ...]:
    """Return the questions; ``lengths`` is a file with the metres of each reference route."""
    known = {} if lengths is None else _load(lengths)
    if not isinstance(known, dict):
        raise _corrupt(lengths or path, "is no map from a question's id to metres")
    return _records(path, _rows(path, ""), lambda row: _aeqa(row, known))


def _ar(row: Mapping[str, Any]) -> Record:
    label = next(str(row[key]) for key in _LABEL_KEYS if key in row)
    if label not in LABELS:
        raise ValueError(f"'{label}' is none of the {len(LABELS)} categories")
    scene, number = str(row["scene_id"]), str(row["episode_id"])
    return Record(
        task="ar",
        id=_plain(f"{Path(scene).stem}_{number}"),
        scene=scene,
        start=_place(row, "start"),
        target=int(row["target_id"]),
        label=label,
        difficulty=DIFFICULTIES[int(row["difficulty"])],
    )


def _ignav(row: Mapping[str, Any]) -> Record:
    radius = float(row.get("goal_radius", _GOAL_RADIUS_M))
    if not (math.isfinite(radius) and radius > 0.0):
        raise ValueError(f"goal_radius is {radius}")
    return Record(
        task="ignav",
        id=_plain(str(row["datum_id"])),
        scene=str(row.get("scene_relpath") or row["scene_id"]),
        start=_place(row, "start"),
        goal=_place(row, "goal"),
        radius_m=radius,
        steps=int(row["step_to_goal"]),
        image=str(row.get("goal_image_relpath", "")),
    )


def _aeqa(row: Mapping[str, Any], lengths: Mapping[str, Any]) -> Record:
    name = str(row["question_id"])
    return Record(
        task="aeqa",
        id=_plain(name),
        scene=str(row["scene_id"]),
        start=_place(row, "start"),
        question=str(row["question"]),
        answers=(str(row["answer"]), *(str(a) for a in row.get("extra_answers") or ())),
        reference_m=float(lengths.get(name, math.nan)),
    )


def _place(row: Mapping[str, Any], which: str) -> Place:
    x, y, z = (float(value) for value in row[f"{which}_position"])
    rotation = [float(value) for value in row[f"{which}_rotation"]]
    norm = math.sqrt(sum(value * value for value in rotation))
    if not all(map(math.isfinite, (x, y, z, norm))):
        raise ValueError(f"the {which} is not finite")
    if len(rotation) != 4 or abs(norm - 1.0) > 1e-3:
        raise ValueError(f"{which}_rotation is {rotation}, no unit quaternion (w, x, y, z)")
    qw, qx, qy, qz = (value / norm for value in rotation)
    return Place((x, y, z), (qw, qx, qy, qz))


def _plain(name: str) -> str:
    """Return a name that can also be part of a file's name."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "episode"


def _records(
    path: Path, rows: Iterable[Any], read: Callable[[Mapping[str, Any]], Record]
) -> tuple[Record, ...]:
    records: dict[str, Record] = {}
    for index, row in enumerate(rows):
        try:
            record = read(row)
        except (KeyError, TypeError, ValueError, IndexError, StopIteration) as error:
            what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            raise _corrupt(path, f"holds a bad episode, number {index}: {what}") from error
        if record.id in records:
            raise _corrupt(path, f"has two episodes '{record.id}'")
        records[record.id] = record
    return tuple(records.values())


def _rows(path: Path, key: str) -> list[Any]:
    data = _load(path)
    rows = data.get(key) if key and isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise _corrupt(path, f"has no list '{key}'" if key else "is no list")
    return rows


def _load(path: Path) -> Any:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise _corrupt(path, f"is larger than {MAX_BYTES} bytes")
        return json.loads(text)
    except FileNotFoundError as error:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"There is no episode file '{path}'.",
            "docs/habitat.md says where the paper's files come from.",
        ) from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise _corrupt(path, f"cannot be read ({type(error).__name__}: {error})") from error


def _corrupt(path: Path, what: str) -> WiwError:
    return WiwError(ErrorCode.RECORD_CORRUPT, f"The episode file '{path}' {what}.")
