"""Collects a dataset shard by shard, in one process or several; what is finished is kept."""

from __future__ import annotations

import hashlib
import itertools
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from pathlib import Path
from typing import Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.provenance import provenance
from wiw_env_bridge.collect.jobs import Job, Sampler
from wiw_env_bridge.collect.settings import SPLIT, Settings
from wiw_learn.dataset import MANIFEST, Dataset, Manifest, Shard, pack, unpack
from wiw_learn.files import PARTIAL, owned, write

SETTINGS, SHARDS = "settings.json", "shards"
Progress = Callable[[int, int], None]
"""Is told how many trajectories there are, and how many there will be."""


def collect(
    settings: Mapping[str, Any],
    folder: Path,
    workers: int = 0,
    progress: Progress | None = None,
) -> Dataset:
    """Collect what is missing of a dataset, and return it.

    Shards are written at once or not at all and the manifest last, so a run may end at any moment:
    the same call goes on. The shards' bytes do not depend on ``workers``.

    Parameters
    ----------
    settings : mapping
        See :meth:`Settings.read`.
    folder : Path
    workers : int
        Processes at work, each with its own renderer; 0: one per core.
    progress : callable, optional

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for bad settings, or if the folder was begun with others; ``BUSY`` if
        somebody else is collecting there; ``RECORDING_FAILED``; ``ENVIRONMENT_FAILED`` if a worker
        died.
    """
    wanted = Settings.read(settings)
    with owned(folder):
        _begin(folder, wanted)
        if (folder / MANIFEST).is_file():
            return Dataset.open(folder)
        sampler = wanted.sampler()
        try:
            jobs = sampler.jobs(wanted.seeds())
            _refuse_twins(jobs)
            shards = {job: shard for job in jobs if (shard := _finished(folder, job)) is not None}
            tell = progress or (lambda done, total: None)
            tell(len(shards), len(jobs))
            left = [job for job in jobs if job not in shards]
            for job, shard in _made(wanted, sampler, folder, left, workers):
                shards[job] = shard
                tell(len(shards), len(jobs))
        finally:
            sampler.close()
        manifest = Manifest(
            sampler.kind,
            SPLIT,
            tuple(sampler.actions),
            tuple(shards[job] for job in jobs),
            {**provenance(wanted.as_dict()), "sampler": wanted.version},
        )
        write(folder / MANIFEST, manifest.to_json().encode("utf-8"))
        return Dataset.open(folder)


def _begin(folder: Path, settings: Settings) -> None:
    """Write the settings, or refuse if the folder was begun with others."""
    text = json.dumps({**settings.as_dict(), "sampler": settings.version}, indent=1) + "\n"
    path = folder / SETTINGS
    if not path.is_file():
        write(path, text.encode("utf-8"))
    elif path.read_text("utf-8") != text:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"'{folder}' was begun with other settings (see {SETTINGS} there).",
            "Use the same, or another folder.",
        )
    for rest in (folder / SHARDS).glob(f"*{PARTIAL}"):
        rest.unlink(missing_ok=True)


def _refuse_twins(jobs: Sequence[Job]) -> None:
    if len({job.name for job in jobs}) < len(jobs):
        raise WiwError(ErrorCode.INTERNAL, "Two jobs of the sampler have the same name.")


def _file(job: Job) -> str:
    return f"{SHARDS}/{job.name}.npz"


def _finished(folder: Path, job: Job) -> Shard | None:
    """Return the shard of a job if it is there and whole."""
    try:
        data = (folder / _file(job)).read_bytes()
        return _shard(job, data, len(unpack(data, ("collided",))["collided"]))
    except (OSError, WiwError):  # not there, or torn: it is made again
        return None


def _shard(job: Job, data: bytes, length: int) -> Shard:
    digest = hashlib.sha256(data).hexdigest()
    return Shard(_file(job), digest, job.scene, job.task, job.text, job.seed, length)


def _make(sampler: Sampler, folder: Path, job: Job) -> Shard:
    trajectory = sampler.collect(job)
    data = pack(trajectory)
    write(folder / _file(job), data)
    return _shard(job, data, len(trajectory["collided"]))


def _made(
    settings: Settings, sampler: Sampler, folder: Path, jobs: Sequence[Job], workers: int
) -> Iterator[tuple[Job, Shard]]:
    count = min(workers or os.cpu_count() or 1, len({job.scene for job in jobs}))
    return _crew(settings, folder, jobs, count) if count > 1 else _alone(sampler, folder, jobs)


def _alone(sampler: Sampler, folder: Path, jobs: Sequence[Job]) -> Iterator[tuple[Job, Shard]]:
    for job in jobs:
        yield job, _make(sampler, folder, job)


def _crew(
    settings: Settings, folder: Path, jobs: Sequence[Job], count: int
) -> Iterator[tuple[Job, Shard]]:
    """Collect in ``count`` processes; the jobs of one scene go to the same one."""
    scenes = [tuple(jobs) for _, jobs in itertools.groupby(jobs, lambda job: job.scene)]
    # Spawned: a forked GL context, or a lock held by another thread, would not work.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, initializer=_start, initargs=(settings, folder))
    try:
        waiting = {pool.submit(_work, scene) for scene in scenes}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield from future.result()
    except BrokenProcessPool as error:
        raise WiwError(
            ErrorCode.ENVIRONMENT_FAILED,
            "A worker that collects has died.",
            "Run the same command again: finished trajectories are kept. If it was killed for"
            " memory, use fewer --workers.",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


class _Worker:
    """What a worker process holds."""

    sampler: Sampler
    folder: Path


def _start(settings: Settings, folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _Worker.sampler, _Worker.folder = settings.sampler(), folder


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _work(jobs: Sequence[Job]) -> list[tuple[Job, Shard]]:
    return [(job, _make(_Worker.sampler, _Worker.folder, job)) for job in jobs]
