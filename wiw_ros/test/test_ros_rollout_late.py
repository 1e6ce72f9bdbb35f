"""Who is to blame when a rollout's deadline passes: the model, or the one before it."""

from __future__ import annotations

import queue
import time
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from wiw_core.errors import ErrorCode, WiwError
from wiw_ros.rollout_server import RolloutServer


class _EndsNow(queue.SimpleQueue):
    """A queue that is empty when it is first asked; the job ends right after that."""

    def __init__(self, job: Future[None], end: Any) -> None:
        super().__init__()
        self._job, self._end = job, end

    def get(self, *args: Any, **kwargs: Any) -> Any:
        if self._end is not None:
            self._end(self._job)
            self._end = None
            raise queue.Empty
        return super().get(*args, **kwargs)


def waiting(job: Future[None], end: Any) -> Any:
    """Wait for the next rollout of a job, long past the deadline."""
    server = RolloutServer.__new__(RolloutServer)
    server._node = SimpleNamespace(is_active=True)  # type: ignore[assignment]
    finished = _EndsNow(job, end)
    job.add_done_callback(lambda _: finished.put(None))
    handle: Any = SimpleNamespace(is_cancel_requested=False)
    request: Any = SimpleNamespace(deadline_s=time.monotonic() - 10.0)
    return server._next(handle, request, job, finished)


def test_a_model_that_ends_at_that_moment_is_heard() -> None:
    job: Future[None] = Future()
    job.set_running_or_notify_cancel()
    assert waiting(job, lambda job: job.set_result(None)) is None


@pytest.mark.parametrize(
    ("running", "code"),
    [(True, ErrorCode.DEADLINE_EXCEEDED), (False, ErrorCode.WM_UNRESPONSIVE)],
)
def test_a_model_at_work_is_late_and_one_that_never_began_was_kept_busy(
    running: bool, code: ErrorCode
) -> None:
    job: Future[None] = Future()
    if running:
        job.set_running_or_notify_cancel()
    with pytest.raises(WiwError) as caught:
        waiting(job, lambda job: None)
    assert caught.value.code is code
