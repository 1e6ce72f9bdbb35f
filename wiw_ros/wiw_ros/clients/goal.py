"""Action goals followed from a thread that does not spin the executor."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rclpy.action import ActionClient
from rclpy.task import Future

from wiw_core.errors import ErrorCode, WiwError
from wiw_ros.clients.call import SLICE_S, checked

STRAGGLERS_S = 5.0
"""Seconds to wait for feedback that a result has promised: ROS 2 may deliver the result first."""

Inbox = queue.SimpleQueue[tuple["GoalCall", Any]]


class GoalCall:
    """One goal: feedback and the result go to ``inbox`` until the caller abandons it.

    Parameters
    ----------
    promised : callable
        How many feedback messages a result says were sent.
    on_late : callable
        Called for each message that comes after the goal was abandoned.
    """

    def __init__(
        self,
        client: ActionClient,
        goal: Any,
        inbox: Inbox,
        promised: Callable[[Any], int],
        on_late: Callable[[], None],
        what: str,
    ) -> None:
        self.what = what
        self.taken = 0
        self.result: Any = None
        self._error: BaseException | None = None
        self._inbox = inbox
        self._promised = promised
        self._on_late = on_late
        self._handle: Any = None
        self._lock = threading.Lock()
        self._abandoned = False
        self._ended = threading.Event()
        response = client.send_goal_async(goal, feedback_callback=self._on_feedback)
        response.add_done_callback(self._on_response)

    @property
    def complete(self) -> bool:
        """The result is there, and all the feedback that it promised."""
        return self.result is not None and self.taken >= self._promised(self.result)

    @property
    def missing(self) -> int:
        """Feedback messages promised and not taken; 0 before the result."""
        return self._promised(self.result) - self.taken if self.result is not None else 0

    def settle(self, result: Any) -> None:
        """Take the result; raises the server's code if it is not OK."""
        if self._error is not None:
            raise self._error
        self.result = checked(result, self.what)

    def abandon(self, wait_s: float = 0.0) -> None:
        """Cancel what still runs, wait at most ``wait_s`` for its end, and drop what comes."""
        with self._lock:
            self._abandoned = True
            handle = self._handle
        if not self._ended.is_set():
            if handle is not None:
                handle.cancel_goal_async()
            self._ended.wait(wait_s)

    def _put(self, item: Any) -> None:
        with self._lock:
            if not self._abandoned:
                self._inbox.put((self, item))
                return
        self._on_late()

    def _on_feedback(self, message: Any) -> None:
        self._put(message.feedback)

    def _on_response(self, future: Future) -> None:
        handle = future.result() if future.exception() is None else None
        if handle is None or not handle.accepted:
            self._error = future.exception() or WiwError(
                ErrorCode.GOAL_REJECTED, f"{self.what} refused the goal."
            )
            self._end(None)
            return
        with self._lock:
            self._handle = handle
            abandoned = self._abandoned
        if abandoned:
            handle.cancel_goal_async()
        handle.get_result_async().add_done_callback(self._on_result)

    def _on_result(self, future: Future) -> None:
        self._error = future.exception()
        self._end(None if self._error else future.result().result)

    def _end(self, result: Any) -> None:
        self._ended.set()
        with self._lock:
            if not self._abandoned:
                self._inbox.put((self, _Ended(result)))


class _Ended:
    """Marks a result among feedback messages."""

    def __init__(self, result: Any) -> None:
        self.result = result


def follow(
    calls: Sequence[GoalCall], inbox: Inbox, check: Callable[[float], None]
) -> Iterator[tuple[GoalCall, Any]]:
    """Yield ``(call, feedback)`` as they come, until every call is complete.

    Parameters
    ----------
    check : callable
        Given the seconds since anything came; raises to give up. Asked at least every 0.05 s.

    Raises
    ------
    WiwError
        What ``check`` raises, a server's own code, or ``CONTRACT_VIOLATION`` for feedback that was
        promised and never came.
    """
    newest = time.monotonic()
    while not all(call.complete for call in calls):
        quiet_s = time.monotonic() - newest
        check(quiet_s)
        if quiet_s > STRAGGLERS_S and all(call.result is not None for call in calls):
            short = next(call for call in calls if call.missing)
            raise WiwError(
                ErrorCode.CONTRACT_VIOLATION,
                f"{short.what} promised more than the {short.taken} messages that it sent.",
            )
        try:
            call, item = inbox.get(timeout=SLICE_S)
        except queue.Empty:
            continue
        newest = time.monotonic()
        if isinstance(item, _Ended):
            call.settle(item.result)
        else:
            call.taken += 1
            yield call, item
