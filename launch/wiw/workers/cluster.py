"""A Ray cluster as the crew: actors run the jobs, the records come back as bytes.

No file system is shared: an actor writes into a folder of its own and sends what it wrote; the
command that runs the study puts it in place. Each node needs the same ``wiw`` installed.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wiw import files
from wiw.settings import Settings
from wiw.study import Job, Study
from wiw.workers.crew import Member
from wiw.workers.process import Answer, Ask, Grid, answered
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.records import SUFFIX, provenance

REACH_S = 5.0
"""Seconds for a cluster's address to answer."""
READY_S = 120.0
"""Seconds without any actor at work or ready, after which the cluster counts as lost."""
TICK_S = 1.0
"""Longest wait before the actors are counted again."""


@dataclass(frozen=True)
class Parcel:
    """What an actor sends: the answer, and the files of the job by relative path."""

    answer: Answer
    files: dict[str, bytes]


class Post:
    """The actor: runs jobs in its own process, in a folder that is nobody else's."""

    def __init__(self, settings: Settings) -> None:
        from wiw.workers.in_process import InProcessRunner

        self._folder = tempfile.TemporaryDirectory(prefix="wiw_ray_")
        self._root = Path(self._folder.name)
        self._runner = InProcessRunner(self._root, settings)

    def versions(self) -> dict[str, str]:
        """Return the versions of what may change a result; the first thing it is asked."""
        found: dict[str, str] = provenance()["versions"]
        return found

    def take(self, message: Ask | Job) -> Parcel:
        """Answer a question or run a job."""
        try:
            answer = Answer(answered(self._runner, message))
        except WiwError as error:
            answer = Answer(None, error)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the study goes on
            answer = Answer(None, WiwError(ErrorCode.INTERNAL, f"{type(error).__name__}: {error}"))
        return Parcel(answer, self._collect())

    def _collect(self) -> dict[str, bytes]:
        """Return and remove all that the job has written, whole files only."""
        found = {}
        for path in sorted(self._root.rglob("*")):
            if path.is_file():
                if not path.name.endswith(files.PARTIAL):
                    found[str(path.relative_to(self._root))] = path.read_bytes()
                path.unlink()
        return found


class Actor:
    """The command's end of an actor; a :class:`wiw.workers.crew.Member`."""

    def __init__(self, handle: Any, folder: Path) -> None:
        self.job: Job | None = None
        self.ready = False
        self.waits_for: Any = handle.versions.remote()
        self._handle, self._folder = handle, folder

    def send(self, job: Job) -> None:
        """Give it a job."""
        self.job = job
        self.waits_for = self._handle.take.remote(job)

    def ask(self, question: Ask) -> Grid:
        """Return its answer to a question; raises what it raised, or that it has died."""
        import ray

        self.get_ready()
        try:
            parcel = ray.get(self._handle.take.remote(question))
        except ray.exceptions.RayError as error:
            raise _died(error) from error
        if parcel.answer.error is not None:
            raise parcel.answer.error
        grid: Grid = parcel.answer.value
        return grid

    def hear(self) -> Answer | WiwError | None:
        """Take what it has sent: None that it is ready, an answer, or an error: it has died."""
        import ray

        try:
            news = ray.get(self.waits_for)
        except ray.exceptions.RayError as error:
            return _died(error)
        self.waits_for = None
        if not self.ready:
            _refuse_other(news)
            self.ready = True
            return None
        # The record last: it says that the job is done.
        for name in sorted(news.files, key=lambda name: name.endswith(SUFFIX)):
            files.write_bytes(self._folder / name, news.files[name])
        answer: Answer = news.answer
        return answer

    def close(self) -> None:
        """End the actor, at once."""
        import ray

        with contextlib.suppress(ray.exceptions.RayError):  # it has ended already
            ray.kill(self._handle)

    def get_ready(self) -> None:
        """Wait until a node has taken it in; raises ``INTERNAL`` if none does."""
        import ray

        if self.ready:
            return
        done, _ = ray.wait([self.waits_for], timeout=READY_S)
        if not done:
            raise _nobody()
        news = self.hear()
        if isinstance(news, WiwError):
            raise news


class RayCrew:
    """Actors of a running Ray cluster, one CPU each; a job whose actor dies is given to another.

    Parameters
    ----------
    address : str
        ``auto``, ``host:port`` of the head node, or ``ray://host:port`` of a Ray client server.
    workers : int
        Most actors; 0: one per CPU of the cluster.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` without Ray, or without a cluster at the address.
    """

    tries = 2

    def __init__(self, study: Study, address: str, workers: int) -> None:
        self._study, self._workers = study, workers
        self._heard = time.monotonic()
        ray = _connected(address)
        self._actor = ray.remote(num_cpus=1, max_restarts=0)(Post)

    def size(self, jobs: int) -> int:
        """Return how many actors are of use."""
        import ray

        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        cpus = math.floor(resources.get("CPU", 0))
        return min(self._workers or cpus, max(cpus, 1), jobs)

    def hire(self) -> Actor:
        """Ask for an actor; it is ready once a node has room for it."""
        return Actor(self._actor.remote(self._study.settings), self._study.folder)

    def wait(self, members: Sequence[Member]) -> Iterator[tuple[Member, Answer | WiwError]]:
        """Wait until an actor is ready, answers or dies."""
        import ray

        actors = {a.waits_for: a for a in members if isinstance(a, Actor) and a.waits_for}
        done, _ = ray.wait(list(actors), timeout=TICK_S)
        if done or any(actor.ready for actor in actors.values()):
            self._heard = time.monotonic()
        elif time.monotonic() - self._heard > READY_S:
            raise _nobody()
        for reference in done:
            actor = actors[reference]
            news = actor.hear()
            if news is not None:
                yield actor, news

    def close(self) -> None:
        """Leave the cluster; it goes on for others."""
        import ray

        ray.shutdown()


def _connected(address: str) -> Any:
    # Nothing of an evaluation is told to anybody.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise WiwError(
            ErrorCode.BAD_PARAMETER, "Ray is not installed.", "Install it with: pip install ray"
        ) from error
    _reach(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ray.exceptions.RayError, ValueError, RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"There is no Ray cluster to join at '{address}': {reason}",
            "Start one with 'ray start --head', and give its address.",
        ) from error
    return ray


def _reach(address: str) -> None:
    """Fail soon where nobody listens: Ray itself tries for a minute."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto":
        return
    if not host or not port.isdecimal():
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"'{address}' is no address of a Ray cluster.",
            "Give host:port, ray://host:port, or auto.",
        )
    try:
        socket.create_connection((host, int(port)), REACH_S).close()
    except (OSError, OverflowError) as error:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"Nobody answers at '{address}': {error}.",
            "Start a cluster with 'ray start --head', and give its address.",
        ) from error


def _refuse_other(versions: dict[str, str]) -> None:
    mine = provenance()["versions"]
    differ = sorted(k for k in mine.keys() | versions.keys() if mine.get(k) != versions.get(k))
    if differ:
        name = differ[0]
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"A node of the cluster has {name} {versions.get(name)}, not {mine.get(name)} as here.",
            "Install the same versions on every node.",
        )


def _died(error: Exception) -> WiwError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return WiwError(ErrorCode.INTERNAL, f"The Ray actor has died: {reason}")


def _nobody() -> WiwError:
    return WiwError(
        ErrorCode.INTERNAL,
        f"No node of the Ray cluster has had room for an actor in {READY_S:.0f} s.",
        "Each actor needs one free CPU: see 'ray status'.",
    )
