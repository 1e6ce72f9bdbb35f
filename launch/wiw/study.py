"""A study: the grid of (task, arm, episode), the folder it lives in, and what of it is done."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wiw.arms import get_arm
from wiw_core.decisions import EpisodeResult, EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode, Observation
from wiw_core.records import JsonlRecorder, finished, provenance, read_episode, record_path
from wiw_core.registry import ENVIRONMENTS, PROPOSERS, REVISERS, TASKS, Registry

SCHEMA = 1
BLOCK = 8
"""Episodes of one arm before the next arm has its turn: every arm grows at the same pace."""
IDENTITY = ("seed", "environment", "split", "in_process", "proposer", "reviser")
"""Settings that must be equal for records to stand in one table."""


@dataclass(frozen=True)
class Settings:
    """What a study compares.

    Attributes
    ----------
    episodes : int
        Per task and arm: the first so many of the split, the same ones for every arm.
    in_process : bool
        Without ROS: the same loop, one function call away from the models.
    film : int
        Episodes per task and arm that keep film strips.
    proposer, reviser : str
        Registered names; empty: the task's own.
    """

    tasks: tuple[str, ...]
    arms: tuple[str, ...]
    episodes: int
    seed: int = 0
    environment: str = "mujoco"
    split: str = "val"
    in_process: bool = False
    film: int = 2
    proposer: str = ""
    reviser: str = ""

    def check(self) -> None:
        """Refuse unknown names, suggesting the nearest, and an empty grid."""
        for kind, names in ((TASKS, self.tasks), (ENVIRONMENTS, (self.environment,))):
            for name in names:
                Registry(kind).get(name)
        for kind, name in ((PROPOSERS, self.proposer), (REVISERS, self.reviser)):
            if name:
                Registry(kind).get(name)
        for name in self.arms:
            get_arm(name)
        if not self.tasks or not self.arms or self.episodes < 1:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                "A study needs at least one task, one arm and one episode.",
            )
        if self.split not in ("val", "train"):
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"The split is 'val' or 'train', not '{self.split}'."
            )


@dataclass(frozen=True)
class Job:
    """One episode of one arm."""

    task: str
    arm: str
    episode_id: str
    film: bool = False


class Study:
    """A study in its folder.

    Records lie in ``<task>/<arm>/<episode>.jsonl``: a complete one means that the job is done.

    Attributes
    ----------
    episodes : dict
        Episode ids per task, in evaluation order; empty until an environment has been asked.
    made_by_other : bool
        It was begun by other code or other versions than those that run now.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.episodes: dict[str, list[str]] = {}
        self.made_by_other = False

    @classmethod
    def open(cls, folder: Path, settings: Settings, *, fresh: bool = False) -> Study:
        """Begin a study in ``folder``, or go on with the one that is there.

        Raises
        ------
        WiwError
            ``BAD_PARAMETER`` if the folder holds something else, or other settings.
        """
        settings.check()
        if fresh and (folder / "run.json").is_file():
            shutil.rmtree(folder)
        known = read_run(folder)
        if known is None and folder.exists() and any(folder.iterdir()):
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"'{folder}' holds files but no study.",
                "Choose another folder with --out.",
            )
        study = cls(folder, settings)
        if known is not None:
            study._refuse_other(known["settings"])
            study.episodes = known["episodes"]
            study.made_by_other = _maker(known["provenance"]) != _maker(provenance())
            study._set_aside_aborted()
            study._write()
        else:
            made_by = provenance(asdict(settings))
            study._write(provenance=made_by, started=time.time(), wall_s=0.0)
        return study

    def _refuse_other(self, known: Mapping[str, Any]) -> None:
        for name in IDENTITY:
            mine = getattr(self.settings, name)
            if known[name] != mine:
                raise WiwError(
                    ErrorCode.BAD_PARAMETER,
                    f"'{self.folder}' holds a study with {name} = {known[name]!r}, not {mine!r}.",
                    "Use --fresh to replace it, or another folder with --out.",
                )

    def _set_aside_aborted(self) -> None:
        """Rename the records of episodes that a person interrupted: they are run again."""
        for job in self.jobs() if self.episodes else []:
            path = record_path(self.records(job), job.episode_id)
            if not path.exists():
                continue
            result = read_episode(path).result
            if result is not None and result.status is EpisodeStatus.ABORTED_USER:
                path.rename(path.with_name(path.name + ".aborted"))

    def jobs(self) -> list[Job]:
        """Return every job of the grid, paired episodes close together."""
        blocks = range(0, self.settings.episodes, BLOCK)
        return [
            Job(task, arm, episode_id, index < self.settings.film)
            for start in blocks
            for task in self.settings.tasks
            for arm in self.settings.arms
            for index, episode_id in self._numbered(task)
            if start <= index < start + BLOCK
        ]

    def _numbered(self, task: str) -> Iterator[tuple[int, str]]:
        return enumerate(self.episodes.get(task, [])[: self.settings.episodes])

    def records(self, job: Job) -> Path:
        """Return the folder of the job's record."""
        return self.folder / job.task / job.arm

    def remaining(self) -> list[Job]:
        """Return the jobs that have no complete record."""
        done = {
            (task, arm): set(finished(self.folder / task / arm))
            for task in self.settings.tasks
            for arm in self.settings.arms
        }
        return [job for job in self.jobs() if job.episode_id not in done[job.task, job.arm]]

    def complete(self) -> bool:
        """Return whether every job is done."""
        total = len(self.settings.tasks) * len(self.settings.arms) * self.settings.episodes
        return len(self.jobs()) == total and not self.remaining()

    def record_fault(self, job: Job, error: WiwError) -> None:
        """Write the record of a job whose node or worker died before it could."""
        recorder = JsonlRecorder(self.records(job), config=asdict(self.settings))
        begun = Episode(job.task, job.episode_id, 0, "", self.settings.split, budget=0)
        recorder.begin(begun, Observation(job.episode_id, 0, ()))
        recorder.end(
            EpisodeResult(
                job.task,
                job.episode_id,
                seed=0,
                status=EpisodeStatus.ABORTED_FAULT,
                success=False,
                code=error.code,
                message=str(error),
            )
        )

    def set_episodes(self, task: str, episode_ids: list[str]) -> None:
        """Say which episodes a task has, in evaluation order.

        Raises
        ------
        WiwError
            ``BAD_PARAMETER`` if there are fewer than the study wants; ``ENVIRONMENT_MISMATCH`` if
            they are not those that it has begun with.
        """
        known = self.episodes.get(task, [])
        if known[: len(episode_ids)] != episode_ids[: len(known)]:
            raise WiwError(
                ErrorCode.ENVIRONMENT_MISMATCH,
                f"The episodes of '{task}' are not those that '{self.folder}' was begun with.",
                "Use --fresh to begin anew.",
            )
        if len(episode_ids) < self.settings.episodes:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The task '{task}' has {len(episode_ids)} {self.settings.split} episodes in"
                f" '{self.settings.environment}', not {self.settings.episodes}.",
                f"Use --episodes {len(episode_ids)}.",
            )
        self.episodes[task] = episode_ids[: self.settings.episodes]
        self._write()

    def add_wall_time(self, seconds: float) -> None:
        """Add the seconds of this sitting to those of the ones before."""
        known = read_run(self.folder) or {}
        self._write(wall_s=known.get("wall_s", 0.0) + seconds)

    def _write(self, **more: Any) -> None:
        run = {
            **(read_run(self.folder) or {}),
            "schema": SCHEMA,
            "settings": asdict(self.settings),
            "episodes": self.episodes,
            **more,
        }
        write_json(self.folder / "run.json", run)


def load(folder: Path) -> Study:
    """Return the study in a folder as it was last run; raises ``BAD_PARAMETER`` without one."""
    run = read_run(folder)
    if run is None:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"There is no study in '{folder}'.",
            "Make one with: wiw eval --out " + str(folder),
        )
    fields = run["settings"]
    settings = Settings(
        **{**fields, "tasks": tuple(fields["tasks"]), "arms": tuple(fields["arms"])}
    )
    study = Study(folder, settings)
    study.episodes = run["episodes"]
    return study


def _maker(made_by: Mapping[str, Any]) -> tuple[Any, ...]:
    return made_by["git"], made_by["versions"]


def read_run(folder: Path) -> dict[str, Any] | None:
    """Return ``run.json``, or None if there is none; raises ``RECORD_CORRUPT``."""
    path = folder / "run.json"
    try:
        run: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise WiwError(ErrorCode.RECORD_CORRUPT, f"'{path}' is not JSON: {error}.") from error
    if run.get("schema") != SCHEMA:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT, f"'{path}' has schema {run.get('schema')}, not {SCHEMA}."
        )
    return run


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file at once or not at all; raises ``RECORDING_FAILED``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps(content, indent=1) + "\n")
        os.replace(partial, path)
    except OSError as error:
        raise WiwError(ErrorCode.RECORDING_FAILED, f"Cannot write '{path}': {error}.") from error
