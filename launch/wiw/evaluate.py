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

FUSE = 6
"""So many jobs in a row that could not run mean that none will: the study is stopped."""


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

    Raises
    ------
    WiwError
        If the environment cannot list the episodes, or no job could run, or :data:`FUSE` in a
        row could not; those are not recorded, and will be run again.
    """
    if not study.complete():
        _Sitting(study, workers, watcher).run()


class _Sitting:
    """One call of :func:`evaluate`: its workers, and the faults that are not recorded yet."""

    def __init__(self, study: Study, workers: int, watcher: Watcher) -> None:
        self._study, self._workers, self._watcher = study, workers, watcher
        self._pool: dict[Connection, Worker] = {}
        self._hired = 0
        self._jobs: deque[Job] = deque()
        self._failed: list[tuple[Job, WiwError]] = []
        self._ran = False

    def run(self) -> None:
        start = time.monotonic()
        try:
            self._ask_episodes()
            self._jobs.extend(self._study.remaining())
            self._watcher.begin(tuple(self._jobs))
            while len(self._pool) < min(self._workers, len(self._jobs)):
                self._hire()
            for worker in self._pool.values():
                self._next(worker)
            while busy := [w.connection for w in self._pool.values() if w.job]:
                for ready in wait(busy):
                    assert isinstance(ready, Connection)
                    self._next(self._collect(self._pool[ready]))
            if self._failed and not self._ran:
                raise self._failed[-1][1]
            self._record_failed()
        finally:
            for worker in list(self._pool.values()):
                worker.close()
            self._study.add_wall_time(time.monotonic() - start)

    def _ask_episodes(self) -> None:
        # Asked in every sitting: a worker that cannot even say this must not be given the jobs.
        worker = self._hire()
        for task in self._study.settings.tasks:
            wanted = Ask(task, self._study.settings.episodes)
            self._study.set_episodes(task, worker.ask(wanted))

    def _hire(self) -> Worker:
        worker = Worker(self._study.folder, self._study.settings, self._hired)
        self._pool[worker.connection] = worker
        self._hired += 1
        return worker

    def _next(self, worker: Worker) -> None:
        worker.job = None
        if self._jobs:
            worker.send(self._jobs.popleft())

    def _collect(self, worker: Worker) -> Worker:
        """Take a worker's answer; return the worker, or its successor if it is dead."""
        job = worker.job
        assert job is not None
        try:
            answer = worker.connection.recv()
        except (EOFError, OSError):
            error = worker.death()
            del self._pool[worker.connection]
            worker.close()
            self._could_not_run(job, error)
            return self._hire()
        if answer.error is not None:
            self._could_not_run(job, answer.error)
        else:
            self._ran = True
            self._record_failed()
            self._watcher.ended(job, answer.value)
        return worker

    def _could_not_run(self, job: Job, error: WiwError) -> None:
        self._watcher.ended(job, error)
        self._failed.append((job, error))
        if len(self._failed) >= FUSE:
            raise error

    def _record_failed(self) -> None:
        for job, error in self._failed:
            self._study.record_fault(job, error)
        self._failed.clear()
