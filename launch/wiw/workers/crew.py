"""Those who do the jobs of a study: processes of this machine, or actors of a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Protocol

from wiw.study import Job, Study
from wiw.workers.process import Answer, Ask, Grid, Worker
from wiw_core.errors import WiwError


class Member(Protocol):
    """One who does one job at a time.

    Attributes
    ----------
    job : Job or None
        What it has been sent and has not answered.
    ready : bool
        It can be sent a job.
    """

    job: Job | None

    @property
    def ready(self) -> bool:
        """It can be sent a job."""
        ...

    def send(self, job: Job) -> None:
        """Give it a job; the answer comes through :meth:`Crew.wait`."""
        ...

    def ask(self, question: Ask) -> Grid:
        """Return its answer to a question; raises what it raised."""
        ...

    def close(self) -> None:
        """End it and all it started."""
        ...


class Crew(Protocol):
    """Finds members for a study, and hears from them.

    Attributes
    ----------
    tries : int
        Times that a job is given out whose member died, before it counts as a fault.
    """

    tries: int

    def size(self, jobs: int) -> int:
        """Return how many members are of use for so many jobs."""
        ...

    def hire(self) -> Member:
        """Return a new member; it may become ready later."""
        ...

    def wait(self, members: Sequence[Member]) -> Iterator[tuple[Member, Answer | WiwError]]:
        """Wait for news and yield it: an answer, or the error of a member that has died."""
        ...

    def close(self) -> None:
        """Give back what was taken, after every member was closed."""
        ...


class LocalCrew:
    """Worker processes of this machine. A job that kills its worker is not tried again."""

    tries = 1

    def __init__(self, study: Study, workers: int) -> None:
        self._study, self._workers, self._hired = study, workers, 0

    def size(self, jobs: int) -> int:
        """Return how many workers are of use."""
        return min(self._workers, jobs)

    def hire(self) -> Worker:
        """Start a worker."""
        self._hired += 1
        return Worker(self._study.folder, self._study.settings, self._hired - 1)

    def wait(self, members: Sequence[Member]) -> Iterator[tuple[Member, Answer | WiwError]]:
        """Wait until a pipe has something to say."""
        pipes = {m.connection: m for m in members if isinstance(m, Worker) and m.job}
        for ready in wait(list(pipes)):
            assert isinstance(ready, Connection)
            worker = pipes[ready]
            try:
                yield worker, ready.recv()
            except (EOFError, OSError):
                yield worker, worker.death()

    def close(self) -> None:
        """Nothing is shared."""
