"""A worker: a spawned process that takes jobs from a pipe and sends back how they ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any, Protocol

from wiw import files
from wiw.serving import serves
from wiw.study import Job, Settings
from wiw_core.decisions import EpisodeResult
from wiw_core.errors import ErrorCode, WiwError

STOP_S = 20.0
"""Seconds a worker has to end its nodes before it is killed."""


class Runner(Protocol):
    """Runs jobs one by one."""

    def episode_ids(self, task: str, limit: int) -> list[str]:
        """Return the first episodes of a task, in evaluation order."""
        ...

    def run(self, job: Job) -> EpisodeResult:
        """Run an episode and leave its record; raises ``WiwError`` if there is no record."""
        ...

    def close(self) -> None:
        """End whatever was started; callable from any thread."""
        ...


@dataclass(frozen=True)
class Ask:
    """A question to a worker: the first ``limit`` episodes of ``task``, and who can serve it."""

    task: str
    limit: int
    arms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grid:
    """The answer to :class:`Ask`; ``serves`` as :func:`wiw.serving.serves` gives it."""

    episode_ids: list[str]
    serves: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What came of a job or a question; ``error`` says why there is nothing else."""

    value: EpisodeResult | Grid | None
    error: WiwError | None = None


class Worker:
    """The parent's end of a worker process; a :class:`wiw.crew.Member`."""

    ready = True
    """Jobs may be sent at once: they wait in the pipe."""

    def __init__(self, folder: Path, settings: Settings, index: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.job: Job | None = None
        self._process = context.Process(
            target=serve, args=(theirs, folder, settings, index), name=f"worker {index}"
        )
        with _deaf_to_ctrl_c():
            self._process.start()
        theirs.close()

    def send(self, job: Job) -> None:
        """Give it a job; its answer comes through ``connection``."""
        self.job = job
        self._send(job)

    def ask(self, question: Ask) -> Grid:
        """Return a worker's answer to a question; raises what it raised."""
        self._send(question)
        try:
            answer = self.connection.recv()
        except (EOFError, OSError) as error:
            raise self.death() from error
        if answer.error is not None:
            raise answer.error
        grid: Grid = answer.value
        return grid

    def death(self) -> WiwError:
        """Return the error for a worker that has gone."""
        self._end()
        code = self._process.exitcode
        return WiwError(ErrorCode.INTERNAL, f"The worker process died with exit code {code}.")

    def close(self) -> None:
        """End the process and all it started."""
        self.connection.close()  # the worker sees the end of the pipe and stops
        self._end()

    def _end(self) -> None:
        self._process.join(timeout=STOP_S)
        with contextlib.suppress(
            ProcessLookupError, PermissionError
        ):  # nothing is left of the group
            os.killpg(self._process.pid or 0, signal.SIGKILL)
        self._process.join()

    def _send(self, message: Any) -> None:
        try:
            self.connection.send(message)
        except OSError:
            pass  # it has died: the caller sees the end of the pipe when it reads


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Have a child begin deaf to Ctrl-C, which is for the parent, until it has its own session."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def serve(connection: Connection, folder: Path, settings: Settings, index: int) -> None:
    """Run in the worker process until the pipe ends."""
    # A session of its own: Ctrl-C reaches the parent alone, which ends the pipe, and whatever this
    # process starts can be ended as one group even after it has died.
    os.setsid()
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    runner: Runner | None = None

    def listen() -> None:
        # Sees the parent go, however it goes, even while a job runs.
        try:
            while True:
                inbox.put(connection.recv())
        except (EOFError, OSError):
            if runner is not None:
                runner.close()
            os._exit(0)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        at_work = files.join_workers(folder)
    except WiwError:
        os._exit(0)  # the command that started this worker is gone: nobody waits for an answer
    while True:
        message = inbox.get()
        try:
            runner = runner or _runner(folder, settings, index, at_work)
            answer = Answer(answered(runner, message))
        except WiwError as error:
            answer = Answer(None, error)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the study goes on
            answer = Answer(None, WiwError(ErrorCode.INTERNAL, f"{type(error).__name__}: {error}"))
        try:
            connection.send(answer)
        except OSError:
            listener.join()  # the parent has gone: the listener ends this process


def answered(runner: Runner, message: Ask | Job) -> EpisodeResult | Grid:
    """Return what a runner has to say to a message."""
    if isinstance(message, Ask):
        ids = runner.episode_ids(message.task, message.limit)
        return Grid(ids, serves(message.task, message.arms))
    return runner.run(message)


def _runner(folder: Path, settings: Settings, index: int, at_work: IO[bytes]) -> Runner:
    if settings.in_process:
        from wiw.workers.in_process import InProcessRunner

        return InProcessRunner(folder, settings)
    from wiw.workers.nodes import NodesRunner

    return NodesRunner(folder, settings, index, at_work)
