"""Action servers that always answer with a code, and an action client that loses no response."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from rclpy.action import ActionClient, ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from wiw_core.errors import ErrorCode, WiwError
from wiw_ros.qos import ROLLOUTS

LATE_GOALS = 8
RESULT_TIMEOUT_S = 10
"""Seconds a server keeps a result; rclpy's 900 s cost memory and CPU per goal."""


class SafeActionClient(ActionClient):
    """An action client that may be used from any thread.

    In rclpy up to 7.1.6 a response that arrives between "request sent" and "request noted" is
    dropped and its future never completes (ros2/rclpy#1123). One lock around sending and taking
    closes that window.
    """

    def __init__(self, node: Node, action_type: Any, action_name: str, **options: Any) -> None:
        self._turn = threading.RLock()
        self._ended: deque[bytes] = deque()
        options.setdefault("feedback_sub_qos_profile", ROLLOUTS)
        super().__init__(node, action_type, action_name, **options)

    def send_goal_async(self, *args: Any, **kwargs: Any) -> Any:
        """Send a goal; see :class:`rclpy.action.ActionClient`."""
        with self._turn:
            return super().send_goal_async(*args, **kwargs)

    def _cancel_goal_async(self, *args: Any, **kwargs: Any) -> Any:
        with self._turn:
            return super()._cancel_goal_async(*args, **kwargs)

    def _get_result_async(self, *args: Any, **kwargs: Any) -> Any:
        with self._turn:
            return super()._get_result_async(*args, **kwargs)

    def _remove_pending_result_request(self, future: Any) -> None:
        number = self._remove_pending_request(future, self._pending_result_requests)
        goal_id = self._result_sequence_number_to_goal_id.pop(number, None)
        if goal_id is not None:
            self._ended.append(bytes(goal_id.uuid))
            if len(self._ended) > LATE_GOALS:
                self._feedback_callbacks.pop(self._ended.popleft(), None)

    def take_data(self) -> Any:
        """Take what has arrived (called by the executor)."""
        with self._turn:
            return super().take_data()


def serve_action(
    node: Node,
    action_type: Any,
    name: str,
    execute: Callable[[ServerGoalHandle], Any],
    on_error: Callable[[BaseException], WiwError],
) -> ActionServer:
    """Serve an action whose result ends in ``code`` and ``message``.

    Every goal is accepted and every cancel too. ``execute`` runs in an executor thread and returns
    the result with its code set; the goal's state follows: ``OK`` succeeds; after a cancel request
    any other code is CANCELED; otherwise it aborts. What ``execute`` raises becomes its code and
    sentence, so a client never sees (ABORTED, 0).

    Parameters
    ----------
    execute : callable
        Takes the goal handle: ``request``, ``publish_feedback``, ``is_cancel_requested``.
    on_error : callable
        Logs an exception and returns it as a :class:`WiwError`; :meth:`ManagedNode.fail` does.
    """

    def run(handle: ServerGoalHandle) -> Any:
        try:
            result = execute(handle)
            if result.code == ErrorCode.UNSET:
                raise WiwError(ErrorCode.INTERNAL, f"The action '{name}' left its code unset.")
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a code
            failure = on_error(error)
            result = action_type.Result(code=int(failure.code), message=str(failure))
        if result.code == ErrorCode.OK:
            handle.succeed()
        elif handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.abort()
        return result

    return ActionServer(
        node,
        action_type,
        name,
        run,
        callback_group=ReentrantCallbackGroup(),
        cancel_callback=lambda handle: CancelResponse.ACCEPT,
        feedback_pub_qos_profile=ROLLOUTS,
        result_timeout=RESULT_TIMEOUT_S,
    )


def serve(
    node: Node,
    service_type: Any,
    name: str,
    answer: Callable[[Any, Any], None],
    on_error: Callable[[BaseException], WiwError],
) -> Any:
    """Serve a service whose response ends in ``code`` and ``message``; exceptions fill them."""

    def run(request: Any, response: Any) -> Any:
        try:
            answer(request, response)
            response.code = int(ErrorCode.OK)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a code
            failure = on_error(error)
            response = service_type.Response(code=int(failure.code), message=str(failure))
        return response

    return node.create_service(service_type, name, run, callback_group=ReentrantCallbackGroup())
