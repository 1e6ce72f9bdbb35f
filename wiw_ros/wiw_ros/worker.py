"""One thread that owns what must not be shared: a renderer, a simulator, a model."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

from wiw_core.errors import ErrorCode, WiwError

T = TypeVar("T")


class Worker:
    """Runs jobs one after another in its own thread.

    Parameters
    ----------
    name : str
        Of the thread, and in error messages.
    overdue : ErrorCode
        The code of a job that does not end in time.
    """

    def __init__(self, name: str, overdue: ErrorCode = ErrorCode.INTERNAL) -> None:
        self._name, self._overdue = name, overdue
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = (
            queue.SimpleQueue()
        )
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """Queue a job; its value or its exception arrives in the future."""
        future: Future[T] = Future()
        if self._closed.is_set():
            future.set_exception(
                WiwError(ErrorCode.NOT_ACTIVE, f"The {self._name} thread is closed.")
            )
        else:
            self._jobs.put((future, job))
        return future

    def call(self, job: Callable[[], T], timeout_s: float) -> T:
        """Run a job and return its value; raises what it raises, or ``overdue`` when late."""
        future = self.submit(job)
        try:
            return future.result(timeout_s)
        except FutureTimeout as error:
            if future.done():  # the job itself raised it
                raise
            future.cancel()
            raise WiwError(
                self._overdue, f"The {self._name} did not answer within {timeout_s:g} s."
            ) from error

    def close(self, timeout_s: float = 2.0) -> bool:
        """Refuse new jobs, drop queued ones; False if the running one did not end in time."""
        self._closed.set()
        self._jobs.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            future, job = item
            if self._closed.is_set():
                future.cancel()
            elif future.set_running_or_notify_cancel():
                try:
                    future.set_result(job())
                except BaseException as error:  # noqa: BLE001 - every exception travels to the caller
                    future.set_exception(error)
            del (
                item,
                future,
                job,
            )  # frees the frames a finished job holds while waiting for the next
        self._cancel_rest()

    def _cancel_rest(self) -> None:
        while True:
            try:
                item = self._jobs.get_nowait()
            except queue.Empty:
                return
            if item is not None:
                item[0].cancel()
