"""Action goals to a robot: sent once, watched all the time, and ended whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from action_msgs.msg import GoalStatus
from action_msgs.srv import CancelGoal
from rclpy.callback_groups import ReentrantCallbackGroup

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.sections import Timing
from wiw_ros.action import SafeActionClient
from wiw_ros.clients.call import wait

_CANCEL_AGAIN_S = 0.1
_SLICE_S = 0.02


@dataclass(frozen=True)
class Ended:
    """How a goal ended: ``SUCCEEDED``, ``ABORTED`` or ``CANCELED`` of action_msgs/GoalStatus."""

    status: int
    result: Any

    @property
    def succeeded(self) -> bool:
        """Whether the server says that it did what it was asked."""
        return bool(self.status == GoalStatus.STATUS_SUCCEEDED)

    @property
    def cancelled(self) -> bool:
        """Whether it was ended before its time, by us or by somebody else."""
        return bool(self.status == GoalStatus.STATUS_CANCELED)


class ActionPort:
    """One action of a robot, one goal at a time.

    Every wait is bounded by the steady clock. A server that dies leaves a future that never
    completes, and the graph names it for 20 s more: so this also watches the server's feedback and
    the sensors that the link requires (:meth:`RobotLink.require`).
    """

    def __init__(self, link: RobotLink, action_type: Any, name: str, timing: Timing) -> None:
        self._link, self._type, self._timing = link, action_type, timing
        self.name = link.node.resolve_topic_name(name)
        group = ReentrantCallbackGroup()
        self._client = SafeActionClient(link.node, action_type, name, callback_group=group)
        self._cancel_all = link.node.create_client(
            CancelGoal, f"{name}/_action/cancel_goal", callback_group=group
        )
        self._cancelled_at = 0.0
        self._fed_at: float | None = None
        self._active = False

    @property
    def offered(self) -> bool:
        """Whether a server is there now."""
        return bool(self._client.server_is_ready())

    def run(
        self,
        goal: Any,
        nominal_s: float,
        halted: threading.Event,
        watch: Callable[[], None] = lambda: None,
    ) -> Ended:
        """Send a goal and wait for its end; returns soon, with the goal cancelled, once ``halted``.

        Parameters
        ----------
        nominal_s : float
            How long it should take; ``timing.result_s`` of it is the time-out.
        watch : callable
            Asked about 50 times a second; what it raises ends the goal.

        Raises
        ------
        WiwError
            ``GOAL_REJECTED``; ``ACTION_SERVER_LOST`` if there is no server, it vanishes, falls
            silent, or does not stop when told; ``ACTION_FAILED`` if it does not end in time;
            ``STALE_OBSERVATION`` if a required sensor is lost. The goal has been cancelled then.
        """
        self._require_server("; nothing was sent")
        self._link.check_alive()
        self._active = True
        try:
            return self._run(goal, nominal_s, halted, watch)
        finally:
            self._active = False

    def _run(
        self, goal: Any, nominal_s: float, halted: threading.Event, watch: Callable[[], None]
    ) -> Ended:
        handle = self._send(goal)
        if not handle.accepted:
            raise WiwError(
                ErrorCode.GOAL_REJECTED,
                f"'{self.name}' refused the goal.",
                "Its log says why; a server refuses while it is inactive or busy.",
            )
        over = handle.get_result_async()
        done = threading.Event()
        over.add_done_callback(lambda _: done.set())
        limit_s = self._timing.result_s(nominal_s)
        until = time.monotonic() + limit_s
        try:
            while not done.wait(_SLICE_S):
                if halted.is_set():
                    return self._stop(handle, done, over)
                self._require_server(" in motion")
                self._require_feedback()
                self._link.check_alive()
                watch()
                if time.monotonic() >= until:
                    raise WiwError(
                        ErrorCode.ACTION_FAILED,
                        f"'{self.name}' has not ended within {limit_s:.1f} s"
                        f" (nominally {nominal_s:.1f} s); it was cancelled.",
                    )
        except BaseException:
            self._stop_quietly(handle, done, over)
            raise
        return _ended(over)

    def cancel_all(self) -> None:
        """Ask the server to end every goal, while one of ours runs; never waits, never raises.

        At other times its goals are somebody else's.
        """
        now = time.monotonic()
        if not self._active or now - self._cancelled_at < _CANCEL_AGAIN_S:
            return
        try:
            if self._cancel_all.service_is_ready():
                self._cancelled_at = now
                future = self._cancel_all.call_async(CancelGoal.Request())
                future.add_done_callback(self._cancel_all.remove_pending_request)
        except Exception as error:  # noqa: BLE001 - holding must go on to the next client
            self._link.warn(f"'{self.name}' could not be told to cancel: {error}")

    def _send(self, goal: Any) -> Any:
        self._fed_at = None
        sent = self._client.send_goal_async(goal, feedback_callback=self._fed)
        late = WiwError(
            ErrorCode.ACTION_SERVER_LOST,
            f"'{self.name}' did not answer a goal within {self._timing.accept_s:g} s.",
        )
        try:
            return wait(sent, time.monotonic() + self._timing.accept_s, late)
        except WiwError:
            sent.add_done_callback(_cancel_late)  # it may still come, and must not run
            self.cancel_all()
            raise

    def _fed(self, _: Any) -> None:
        self._fed_at = time.monotonic()

    def _require_server(self, when: str) -> None:
        if not self.offered:
            raise WiwError(
                ErrorCode.ACTION_SERVER_LOST,
                f"Nobody offers the action '{self.name}'{when}.",
                "Is the robot's driver or behaviour server running and active?",
            )

    def _require_feedback(self) -> None:
        fed, limit_s = self._fed_at, self._timing.silence_s
        if fed is not None and time.monotonic() - fed > limit_s:
            raise WiwError(
                ErrorCode.ACTION_SERVER_LOST,
                f"'{self.name}' has given no feedback for {limit_s:g} s in motion.",
            )

    def _stop(self, handle: Any, done: threading.Event, over: Any) -> Ended:
        handle.cancel_goal_async()
        until = time.monotonic() + self._timing.cancel_s
        while not done.wait(_SLICE_S):
            self._require_server(" while it was told to stop")
            if time.monotonic() >= until:
                raise WiwError(
                    ErrorCode.ACTION_SERVER_LOST,
                    f"'{self.name}' has not stopped within {self._timing.cancel_s:g} s of being"
                    " cancelled.",
                    "Use the robot's own emergency stop.",
                )
        return _ended(over)

    def _stop_quietly(self, handle: Any, done: threading.Event, over: Any) -> None:
        try:
            self.cancel_all()
            self._stop(handle, done, over)
        except WiwError as error:
            self._link.warn(str(error))


def _ended(over: Any) -> Ended:
    reply = over.result()
    return Ended(reply.status, reply.result)


def _cancel_late(future: Any) -> None:
    handle = future.result() if future.exception() is None else None
    if handle is not None and handle.accepted:
        handle.cancel_goal_async()
