"""The worker: one thread owns the model, exceptions travel, nothing waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from wiw_core.errors import ErrorCode, WiwError
from wiw_ros.worker import Worker


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker("model", ErrorCode.WM_UNRESPONSIVE)
    yield worker
    worker.close(0.0)


def test_all_jobs_run_in_one_thread_of_their_own(worker: Worker) -> None:
    threads = {worker.call(threading.get_ident, 5.0) for _ in range(5)}
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_jobs_run_in_the_order_they_came(worker: Worker) -> None:
    order: list[int] = []
    futures = [worker.submit(lambda k=k: order.append(k)) for k in range(20)]
    futures[-1].result(5.0)
    assert order == list(range(20))


def test_an_exception_travels_and_the_next_job_runs(worker: Worker) -> None:
    def fail() -> None:
        raise TimeoutError("from the job")

    with pytest.raises(TimeoutError, match="from the job"):
        worker.call(fail, 5.0)
    assert worker.call(lambda: 7, 5.0) == 7


def test_a_job_that_hangs_gets_the_overdue_code(worker: Worker) -> None:
    release = threading.Event()
    with pytest.raises(WiwError) as caught:
        worker.call(release.wait, 0.05)
    assert caught.value.code is ErrorCode.WM_UNRESPONSIVE
    release.set()
    assert worker.call(lambda: 7, 5.0) == 7


def test_a_job_given_up_before_it_began_never_runs(worker: Worker) -> None:
    begun, release, ran = threading.Event(), threading.Event(), []
    blocked = worker.submit(lambda: begun.set() or release.wait())
    assert begun.wait(5.0)
    with pytest.raises(WiwError):
        worker.call(lambda: ran.append(1), 0.05)
    release.set()
    blocked.result(5.0)
    worker.call(lambda: None, 5.0)
    assert ran == []


def test_close_is_bounded_and_drops_what_waits() -> None:
    worker, begun, release = Worker("model"), threading.Event(), threading.Event()
    worker.submit(lambda: begun.set() or release.wait())
    assert begun.wait(5.0)
    waiting = worker.submit(lambda: 1)
    assert not worker.close(0.05)
    release.set()
    assert worker.close(5.0)
    assert waiting.cancelled()
    with pytest.raises(WiwError) as caught:
        worker.call(lambda: 1, 1.0)
    assert caught.value.code is ErrorCode.NOT_ACTIVE
