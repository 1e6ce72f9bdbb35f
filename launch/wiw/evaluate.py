"""Run a study: hand its jobs to workers, count what comes back, survive whatever dies."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Protocol

from wiw.study import Job, Study
from wiw.workers.crew import Crew, LocalCrew, Member
from wiw.workers.process import Answer, Ask
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


def evaluate(
    study: Study, workers: int, watcher: Watcher, crew: Callable[[], Crew] | None = None
) -> None:
    """Run the remaining jobs of a study.

    A worker that dies costs its job (a recorded fault, once the crew's tries are used up) and is
    replaced. On any exit, also Ctrl-C, every process is ended first; finished episodes are safe,
    and the next call runs the rest.

    Parameters
    ----------
    crew : callable, optional
        Finds the workers; called only if there is work. By default they are processes here.

    Raises
    ------
    WiwError
        If the environment cannot list the episodes, or no job could run, or :data:`FUSE` in a
        row could not; those are not recorded, and will be run again.
    """
    if not study.complete():
        _Sitting(study, crew() if crew else LocalCrew(study, workers), watcher).run()


class _Sitting:
    """One call of :func:`evaluate`: its workers, and the faults that are not recorded yet."""

    def __init__(self, study: Study, crew: Crew, watcher: Watcher) -> None:
        self._study, self._crew, self._watcher = study, crew, watcher
        self._members: list[Member] = []
        self._jobs: deque[Job] = deque()
        self._tries: Counter[Job] = Counter()
        self._failed: list[tuple[Job, WiwError]] = []
        self._ran = False

    def run(self) -> None:
        start = time.monotonic()
        try:
            self._ask_grid()
            self._jobs.extend(self._study.remaining())
            self._watcher.begin(tuple(self._jobs))
            while len(self._members) < self._crew.size(len(self._jobs)):
                self._members.append(self._crew.hire())
            while self._hand_out():
                for member, news in self._crew.wait(self._members):
                    self._hear(member, news)
            if self._failed and not self._ran:
                raise self._failed[-1][1]
            self._record_failed()
        finally:
            for member in self._members:
                member.close()
            self._crew.close()
            self._study.add_wall_time(time.monotonic() - start)

    def _ask_grid(self) -> None:
        # Asked in every sitting: a worker that cannot even say this must not be given the jobs.
        member = self._crew.hire()
        self._members.append(member)
        for task in self._study.settings.tasks:
            wanted = self._study.settings.count(task)
            grid = member.ask(Ask(task, wanted, self._study.unasked(task)))
            self._study.set_grid(task, grid.episode_ids, grid.serves)

    def _hand_out(self) -> bool:
        """Give every idle member a job; return whether anything is left to wait for."""
        for member in self._members:
            if self._jobs and member.job is None and member.ready:
                member.send(self._jobs.popleft())
        return bool(self._jobs) or any(member.job for member in self._members)

    def _hear(self, member: Member, news: Answer | WiwError) -> None:
        job, member.job = member.job, None
        if isinstance(news, WiwError):
            self._replace(member)
            self._lost(job, news)
        elif job is not None and news.error is not None:
            self._could_not_run(job, news.error)
        elif job is not None and isinstance(news.value, EpisodeResult):
            self._ran = True
            self._record_failed()
            self._watcher.ended(job, news.value)

    def _replace(self, member: Member) -> None:
        self._members.remove(member)
        member.close()
        self._members.append(self._crew.hire())

    def _lost(self, job: Job | None, error: WiwError) -> None:
        """A member has died; its job is given to another, or counts as a fault."""
        if job is None:
            return
        self._tries[job] += 1
        if self._tries[job] < self._crew.tries:
            self._jobs.appendleft(job)
        else:
            self._could_not_run(job, error)

    def _could_not_run(self, job: Job, error: WiwError) -> None:
        self._watcher.ended(job, error)
        self._failed.append((job, error))
        if len(self._failed) >= FUSE:
            raise error

    def _record_failed(self) -> None:
        for job, error in self._failed:
            self._study.record_fault(job, error)
        self._failed.clear()
