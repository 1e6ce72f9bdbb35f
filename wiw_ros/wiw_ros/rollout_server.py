"""The action ``~/rollout`` and the service ``~/describe_model`` around any world model."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rclpy.action.server import ServerGoalHandle

from wiw_core.contracts import WorldModel
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.rollouts import Rollout, RolloutRequest
from wiw_msgs.action import Rollout as RolloutAction
from wiw_msgs.srv import DescribeModel
from wiw_ros import convert
from wiw_ros.action import serve, serve_action
from wiw_ros.host import host_id
from wiw_ros.node import ManagedNode
from wiw_ros.worker import Worker

GRACE_S = 0.2
"""Seconds past the deadline after which the server answers in place of a model that does not."""
GOALS = 8
"""Most goals waiting or running; more are refused with ``BUSY``."""
_POLL_S = 0.02


@dataclass(frozen=True)
class Backend:
    """A world model and the one thread that may call it."""

    model: WorldModel
    worker: Worker


class RolloutServer:
    """Serves rollouts of plans, one feedback message per plan as it finishes.

    Goals run one after another in the model's thread. A cancel or a passed deadline is answered at
    once, even if the model hangs; what the model says later is dropped.

    Parameters
    ----------
    backend : callable
        Returns the model that is loaded now, or raises a :class:`WiwError` if there is none.
    """

    def __init__(self, node: ManagedNode, backend: Callable[[], Backend]) -> None:
        self._node, self._backend = node, backend
        self._places = threading.BoundedSemaphore(GOALS)
        serve_action(node, RolloutAction, "~/rollout", self._execute, node.fail)
        serve(node, DescribeModel, "~/describe_model", self._describe, node.fail)

    def _describe(self, request: Any, response: Any) -> None:
        self._node.require_active()
        response.info = convert.model_info_to_msg(self._backend().model.info)
        response.host = host_id()

    def _execute(self, handle: ServerGoalHandle) -> Any:
        start, sent = time.monotonic(), 0
        result = RolloutAction.Result(code=int(ErrorCode.OK))
        try:
            for rollout in self._rollouts(handle):
                message = convert.rollout_to_msg(rollout, handle.request.return_mode)
                sent += 1
                handle.publish_feedback(
                    RolloutAction.Feedback(
                        rollout=message, finished=sent, total=len(handle.request.plans)
                    )
                )
        except Exception as error:  # noqa: BLE001 - a model may raise anything; the client gets a code
            failure = self._node.fail(error)
            result.code, result.message = int(failure.code), str(failure)
        result.rollouts, result.seconds = sent, time.monotonic() - start
        self._node.counters["rollouts"] += sent
        return result

    def _rollouts(self, handle: ServerGoalHandle) -> Iterator[Rollout]:
        self._node.require_active()
        backend = self._backend()
        given_up = threading.Event()
        request = convert.request_from_goal(
            handle.request, lambda: given_up.is_set() or bool(handle.is_cancel_requested)
        )
        finished: queue.SimpleQueue[Rollout | None] = queue.SimpleQueue()

        def imagine() -> None:
            for rollout in backend.model.rollout(request):
                finished.put(rollout)

        with self._place():
            job = backend.worker.submit(imagine)
            job.add_done_callback(lambda _: finished.put(None))
            try:
                while (rollout := self._next(handle, request, job, finished)) is not None:
                    yield rollout
            finally:
                given_up.set()
                job.cancel()
        job.result()

    def _next(
        self,
        handle: ServerGoalHandle,
        request: RolloutRequest,
        job: Future[None],
        finished: queue.SimpleQueue[Rollout | None],
    ) -> Rollout | None:
        while True:
            try:
                return finished.get(timeout=_POLL_S)
            except queue.Empty:
                pass
            if handle.is_cancel_requested:
                raise WiwError(ErrorCode.CANCELLED, "The rollout was cancelled.")
            if not self._node.is_active:
                raise WiwError(ErrorCode.NOT_ACTIVE, "The node was deactivated during the rollout.")
            if time.monotonic() > request.deadline_s + GRACE_S:
                if job.running():
                    why = "The model did not finish before the deadline."
                    raise WiwError(ErrorCode.DEADLINE_EXCEEDED, why)
                if not job.done():  # if it ended a moment ago, its own word is in the queue
                    why = "The model was still busy with an earlier request at the deadline."
                    raise WiwError(ErrorCode.WM_UNRESPONSIVE, why)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise WiwError(
                ErrorCode.BUSY, f"{GOALS} rollout goals are waiting already.", "Try again later."
            )
        try:
            yield
        finally:
            self._places.release()
