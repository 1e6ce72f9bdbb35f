"""Run a study: hand its jobs to workers, count what comes back, survive whatever dies."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from typing import Protocol

from wiw.study import Job, Study
from wiw.workers.process import Ask, Worker
from wiw_core.decisions import EpisodeResult
from wiw_core.errors import WiwError


class Watcher(Protocol):
    """Is told how a study goes."""

    def begin(self, jobs: Sequence[Job]) -> None:
        """These jobs are left to do."""
        ...

    def ended(self, job: Job, outcome: EpisodeResult | WiwError) -> None:
        """A job has ended; an error is one that left no record of its own."""
        ...


def evaluate(study: Study, workers: int, watcher: Watcher) -> None:
    """Run the remaining jobs of a study.

    A worker that dies costs its job (a recorded fault) and is replaced. On any exit, also Ctrl-C,
    every process is ended first; finished episodes are safe, and the next call runs the rest.
    """
    start = time.monotonic()
    pool: dict[Connection, Worker] = {}
    made = 0

    def hire() -> Worker:
        nonlocal made
        worker = Worker(study.folder, study.settings, made)
        pool[worker.connection] = worker
        made += 1
        return worker

    try:
        if not study.complete():
            # Asked in every sitting: a worker that cannot even say this must not be given the jobs.
            worker = hire()
            for task in study.settings.tasks:
                study.set_episodes(task, worker.ask(Ask(task, study.settings.episodes)))
        jobs = deque(study.remaining())
        watcher.begin(tuple(jobs))
        while len(pool) < min(workers, len(jobs)):
            hire()
        for worker in pool.values():
            _next(worker, jobs)
        while any(worker.job is not None for worker in pool.values()):
            for ready in wait([w.connection for w in pool.values() if w.job is not None]):
                assert isinstance(ready, Connection)
                worker = pool[ready]
                if not _collect(study, worker, watcher):
                    del pool[ready]
                    worker.close()
                    worker = hire()
                _next(worker, jobs)
    finally:
        for connection in [w.connection for w in pool.values()]:
            pool[connection].close()
        study.add_wall_time(time.monotonic() - start)


def _next(worker: Worker, jobs: deque[Job]) -> None:
    worker.job = None
    if jobs:
        worker.send(jobs.popleft())


def _collect(study: Study, worker: Worker, watcher: Watcher) -> bool:
    """Take a worker's answer; return False if the worker is dead."""
    job = worker.job
    assert job is not None
    try:
        answer = worker.connection.recv()
        alive, error = True, answer.error
    except (EOFError, OSError):
        alive, error, answer = False, worker.death(), None
    if error is not None:
        study.record_fault(job, error)
        watcher.ended(job, error)
    elif isinstance(answer.value, EpisodeResult):
        watcher.ended(job, answer.value)
    return alive
