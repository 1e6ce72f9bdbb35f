"""Film strips of a study: what was imagined beside what was then seen."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wiw.study import Study
from wiw_core.errors import ErrorCode, WiwError

MAX_DECISIONS = 6
"""Per film on the page: the pictures are inside it, and it must stay readable."""
MAX_COLUMNS = 7
"""Per decision; of a longer plan evenly spaced ones are shown, the last among them."""


@dataclass(frozen=True)
class Frame:
    """A picture as a data URI, and how many actions were executed before it."""

    after: int
    uri: str


@dataclass(frozen=True)
class Turn:
    """One decision: the frame before it, the chosen plan as imagined, and as it really went."""

    index: int
    kind: str
    plan: tuple[str, ...]
    executed: int
    now: str
    imagined: tuple[Frame, ...]
    real: tuple[Frame, ...]
    candidates: tuple[dict[str, Any], ...]
    chosen: int
    answer: str
    confidence: float | None
    note: str

    @property
    def columns(self) -> list[tuple[int, Frame | None, Frame | None]]:
        """Imagined and real frame after the same number of actions, at most :data:`MAX_COLUMNS`."""
        imagined = {frame.after: frame for frame in self.imagined}
        real = {frame.after: frame for frame in self.real}
        every = sorted(imagined.keys() | real.keys())
        count = min(len(every), MAX_COLUMNS)
        kept = [every[(k + 1) * len(every) // count - 1] for k in range(count)]
        return [(after, imagined.get(after), real.get(after)) for after in kept]


@dataclass(frozen=True)
class Film:
    """The film of one episode of one arm."""

    task: str
    arm: str
    episode_id: str
    status: str
    goal: str | None
    goal_text: str
    turns: tuple[Turn, ...]
    turns_made: int

    @property
    def imagines(self) -> bool:
        """Whether any decision shows imagined frames, of the chosen plan or of another."""
        return any(turn.imagined or any(c["uri"] for c in turn.candidates) for turn in self.turns)


def read_films(study: Study, task: str) -> list[Film]:
    """Return the films of a task, the arms of one episode side by side."""
    films = []
    for episode_id in study.episodes.get(task, []):
        for arm in study.rows(task):
            folder = study.folder / task / arm / "film" / episode_id
            if (folder / "film.json").is_file():
                films.append(_read(folder, task, arm))
    return films


def _read(folder: Path, task: str, arm: str) -> Film:
    try:
        index = json.loads((folder / "film.json").read_text(encoding="utf-8"))
        return Film(
            task=task,
            arm=arm,
            episode_id=index["episode_id"],
            status=index["status"].lower().replace("_", " "),
            goal=_uri(folder, index["goal"]) if index["goal"] else None,
            goal_text=index["goal_text"],
            turns=tuple(_turn(folder, turn) for turn in index["decisions"][:MAX_DECISIONS]),
            turns_made=len(index["decisions"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT,
            f"The film in '{folder}' cannot be read: {type(error).__name__}: {error}.",
            "Delete that folder, or run the episode again.",
        ) from error


def _turn(folder: Path, turn: dict[str, Any]) -> Turn:
    return Turn(
        index=turn["index"],
        kind=turn["kind"].lower(),
        plan=tuple(turn["plan"]),
        executed=turn["executed"],
        now=_uri(folder, turn["now"]),
        imagined=_frames(folder, turn["imagined"]),
        real=_frames(folder, turn["real"]),
        candidates=tuple(
            {**candidate, "uri": _uri(folder, candidate["file"]) if candidate["file"] else None}
            for candidate in turn["candidates"]
        ),
        chosen=turn["chosen"],
        answer=turn["answer"],
        confidence=turn["confidence"],
        note=turn["note"],
    )


def _frames(folder: Path, frames: list[dict[str, Any]]) -> tuple[Frame, ...]:
    return tuple(Frame(frame["after"], _uri(folder, frame["file"])) for frame in frames)


def _uri(folder: Path, name: str) -> str:
    data = base64.b64encode((folder / Path(name).name).read_bytes()).decode("ascii")
    return f"data:image/jpeg;base64,{data}"
