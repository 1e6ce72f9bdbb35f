"""A study: the grid of (task, arm, episode), the folder it lives in, and what of it is done."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from wiw import files
from wiw.files import write_json
from wiw.settings import Settings, arm_of
from wiw_core.decisions import EpisodeResult, EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode, Observation
from wiw_core.records import JsonlRecorder, finished, provenance, read_episode, record_path

__all__ = ["Job", "Settings", "Study", "load", "read_run", "write_json"]

SCHEMA = 2
BLOCK = 8
"""Episodes of one arm before the next arm has its turn: every arm grows at the same pace."""
IDENTITY = (
    "seed",
    "environment",
    "environment_parameters",
    "simulate",
    "split",
    "in_process",
)
"""Settings that must be equal for records to stand in one table."""
RUN, REPLACED = "run.json", "run.json.replaced"
"""What makes a folder a study; and what it is called while ``--fresh`` empties the folder."""
OWN = {files.OWNER, files.WORKERS, RUN + files.PARTIAL}
"""What a command that was killed at once may leave in a folder that holds no study yet."""


@dataclass(frozen=True)
class Job:
    """One episode of one row; ``arm`` is the row's name: ``warp``, or ``warp@policy``."""

    task: str
    arm: str
    episode_id: str
    film: bool = False


class Study:
    """A study in its folder.

    Records lie in ``<task>/<row>/<episode>.jsonl``: a complete one means that the job is done.

    Attributes
    ----------
    episodes : dict
        Episode ids per task, in evaluation order; empty until an environment has been asked.
    serves : dict
        By task and arm, why its world model cannot serve the task; empty text: it can.
    made_by_other : bool
        It was begun by other code or other versions than those that run now.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.episodes: dict[str, list[str]] = {}
        self.serves: dict[str, dict[str, str]] = {}
        self.made_by_other = False
        self._lock: IO[bytes] | None = None

    @classmethod
    def open(cls, folder: Path, settings: Settings, *, fresh: bool = False) -> Study:
        """Begin a study in ``folder``, or go on with the one that is there; :meth:`close` it.

        Raises
        ------
        WiwError
            ``BAD_PARAMETER`` if the folder holds something else, or other settings; ``BUSY`` if
            another command has it open.
        """
        settings.check()
        _refuse_foreign(folder)
        study = cls(folder, settings)
        study._lock = files.own(folder)
        try:
            study._begin(fresh)
        except BaseException:
            study.close()
            raise
        return study

    def close(self) -> None:
        """Let others have the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _begin(self, fresh: bool) -> None:
        run = self.folder / RUN
        if fresh and run.is_file():
            os.replace(run, self.folder / REPLACED)
        if (self.folder / REPLACED).exists():
            self._empty()
        known = read_run(self.folder)
        if known is None:
            made_by = provenance(asdict(self.settings))
            self._write(provenance=made_by, started=time.time(), wall_s=0.0)
            return
        self._refuse_other(_settings(known))
        self.episodes, self.serves = known["episodes"], known["serves"]
        self.made_by_other = _maker(known["provenance"]) != _maker(provenance())
        self._set_aside_aborted()
        self._write()

    def _empty(self) -> None:
        """Remove what ``--fresh`` replaces; killed half-way, the next call does the rest."""
        for path in self.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name not in (REPLACED, files.OWNER, files.WORKERS):
                path.unlink()
        (self.folder / REPLACED).unlink()

    def _refuse_other(self, known: Settings) -> None:
        changed = [(name, getattr(known, name), getattr(self.settings, name)) for name in IDENTITY]
        pairs: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = [
            ("policy", known.choices(), self.settings.choices()),
            ("arm", known.named_arms(), self.settings.named_arms()),
        ]
        changed += [
            (f"{kind} '{name}'", before[name], mine)
            for kind, before, now in pairs
            for name, mine in now.items()
            if name in before
        ]
        for name, old, mine in changed:
            if old != mine:
                raise WiwError(
                    ErrorCode.BAD_PARAMETER,
                    f"'{self.folder}' holds a study with {name} = {old!r}, not {mine!r}.",
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

    def rows(self, task: str) -> list[str]:
        """Return the names of a task's rows, those left out whose model cannot serve it."""
        reasons = self.serves.get(task, {})
        return [row for row in self.settings.labels() if not reasons.get(arm_of(row))]

    def left_out(self) -> list[str]:
        """Return a sentence for each arm that is left out of a task."""
        return [
            f"{task}: no row for {arm}: {reason}."
            for task in self.settings.tasks
            for arm, reason in self.serves.get(task, {}).items()
            if reason and arm in self.settings.named_arms()
        ]

    def jobs(self) -> list[Job]:
        """Return every job: one environment after the other, paired episodes close together."""
        tasks = self.settings.tasks
        environments = dict.fromkeys(map(self.settings.environment_of, tasks))
        return [
            Job(task, row, episode_id, index < self.settings.film)
            for environment in environments
            for start in range(0, max(map(self.settings.count, tasks)), BLOCK)
            for task in tasks
            if self.settings.environment_of(task) == environment
            for row in self.rows(task)
            for index, episode_id in self._numbered(task)
            if start <= index < start + BLOCK
        ]

    def _numbered(self, task: str) -> Iterator[tuple[int, str]]:
        return enumerate(self.episodes.get(task, [])[: self.settings.count(task)])

    def records(self, job: Job) -> Path:
        """Return the folder of the job's record."""
        return self.folder / job.task / job.arm

    def remaining(self) -> list[Job]:
        """Return the jobs that have no complete record."""
        done = {
            (task, row): set(finished(self.folder / task / row))
            for task in self.settings.tasks
            for row in self.rows(task)
        }
        return [job for job in self.jobs() if job.episode_id not in done[job.task, job.arm]]

    def complete(self) -> bool:
        """Return whether every job is done."""
        known = all(
            len(self.episodes.get(task, [])) >= self.settings.count(task)
            and set(self.settings.named_arms()) <= set(self.serves.get(task, {}))
            for task in self.settings.tasks
        )
        return known and not self.remaining()

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

    def unasked(self, task: str) -> tuple[str, ...]:
        """Return the arms, as given, of which nobody knows yet whether they can serve the task."""
        known = self.serves.get(task, {})
        named = zip(self.settings.named_arms(), self.settings.arms)
        return tuple(text for name, text in named if name not in known)

    def set_grid(self, task: str, episode_ids: list[str], serves: Mapping[str, str]) -> None:
        """Say which episodes a task has, in evaluation order, and which arms can serve it.

        Raises
        ------
        WiwError
            ``BAD_PARAMETER`` if there are fewer than the study wants; ``ENVIRONMENT_MISMATCH`` if
            they are not those that it has begun with.
        """
        known, wanted = self.episodes.get(task, []), self.settings.count(task)
        if known[: len(episode_ids)] != episode_ids[: len(known)]:
            raise WiwError(
                ErrorCode.ENVIRONMENT_MISMATCH,
                f"The episodes of '{task}' are not those that '{self.folder}' was begun with.",
                "Use --fresh to begin anew.",
            )
        if len(episode_ids) < wanted:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The task '{task}' has {len(episode_ids)} {self.settings.split} episodes in"
                f" '{self.settings.environment_of(task)}', not {wanted}.",
                f"Use --episodes {len(episode_ids)}, or --episodes {task}={len(episode_ids)}"
                " beside the other number.",
            )
        self.episodes[task] = episode_ids[:wanted]
        self.serves.setdefault(task, {}).update(serves)
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
            "serves": self.serves,
            **more,
        }
        write_json(self.folder / RUN, run)


def load(folder: Path) -> Study:
    """Return the study in a folder as it was last run; raises ``BAD_PARAMETER`` without one."""
    run = read_run(folder)
    if run is None:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"There is no study in '{folder}'.",
            "Make one with: wiw eval --out " + str(folder),
        )
    study = Study(folder, _settings(run))
    study.episodes, study.serves = run["episodes"], run["serves"]
    return study


def _settings(run: Mapping[str, Any]) -> Settings:
    fields: dict[str, Any] = run["settings"]
    plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return Settings(**plain)


def _refuse_foreign(folder: Path) -> None:
    """Refuse a folder that holds files of somebody else, before anything is written there."""
    if not folder.is_dir():
        return
    names = {path.name for path in folder.iterdir()}
    if not names & {RUN, REPLACED} and names - OWN:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"'{folder}' holds files but no study.",
            "Choose another folder with --out.",
        )


def _maker(made_by: Mapping[str, Any]) -> tuple[Any, ...]:
    return made_by["git"], made_by["versions"]


def read_run(folder: Path) -> dict[str, Any] | None:
    """Return ``run.json``, or None if there is none; raises ``RECORD_CORRUPT``."""
    path = folder / RUN
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
