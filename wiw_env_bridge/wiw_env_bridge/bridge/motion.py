"""The action ``~/execute_plan``: the only way the robot moves, and every way it stops."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any

from rclpy.action.server import ServerGoalHandle

from wiw_core.decisions import Transition
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import Plan
from wiw_env_bridge.bridge.holder import HolderWatch
from wiw_env_bridge.bridge.session import Session
from wiw_env_bridge.bridge.supervision import Supervision
from wiw_env_bridge.bridge.topics import Topics
from wiw_msgs.action import ExecutePlan
from wiw_ros import convert
from wiw_ros.node import ManagedNode

DISCOVERY_S = 5.0
"""Seconds to wait, still, for the first heartbeat of a holder that has just started.

DDS repeats a lost announcement of a new node only every 3 s.
"""
SETTLE_S = 5.0
"""Seconds in which an environment that was told to hold must have stopped."""
_POLL_S = 0.02


class Motion:
    """Executes one plan at a time while its holder lives.

    Parameters
    ----------
    ttl_s : float
        Seconds of silence of the holder after which the robot must be still (steady clock).
    reserve_s : float
        How long before that the hold is sent: a robot needs time to obey.
    allow_unattended : bool
        Whether a goal may name no holder.
    """

    def __init__(
        self,
        node: ManagedNode,
        session: Session,
        topics: Topics,
        watch: HolderWatch,
        supervision: Supervision,
        ttl_s: float,
        reserve_s: float,
        allow_unattended: bool,
    ) -> None:
        self._node, self._session, self._topics, self._watch = node, session, topics, watch
        self._supervision, self._allow_unattended = supervision, allow_unattended
        self._ttl_s, self._patience_s = ttl_s, ttl_s - reserve_s
        self._busy = threading.Lock()
        self._why: WiwError | None = None

    def interrupt(self, why: WiwError) -> None:
        """Hold now, and end the goal in progress, if any, with this error."""
        self._why = self._why or why
        self._session.environment.hold()

    def wait_still(self, timeout_s: float = SETTLE_S) -> None:
        """Wait until no goal is in progress; raises ``ENVIRONMENT_UNRESPONSIVE``."""
        if not self._busy.acquire(timeout=timeout_s):
            raise WiwError(
                ErrorCode.ENVIRONMENT_UNRESPONSIVE,
                f"The robot was told to hold and is not still after {timeout_s:g} s.",
            )
        self._busy.release()

    def execute(self, handle: ServerGoalHandle) -> Any:
        """Run one goal to its end; the result says what really happened, also after a failure."""
        start = time.monotonic()
        result = ExecutePlan.Result(code=int(ErrorCode.OK))
        with self._alone():
            try:
                self._run(handle, result)
            except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a code
                failure = self._node.fail(error)
                result.code, result.message = int(failure.code), str(failure)
                if failure.code is ErrorCode.COMMAND_LOST and result.executed.actions:
                    self._close(failure)
        result.seconds = time.monotonic() - start
        return result

    def _run(self, handle: ServerGoalHandle, result: Any) -> None:
        goal = handle.request
        plan = _prefix(convert.plan_from_msg(goal.plan), goal.prefix_length)
        self._require_holder(goal.holder)
        lives = self._watch.lives(goal.holder)
        self._supervision.admit(
            plan,
            goal.episode_id,
            goal.holder,
            lambda: self._session.check(goal.episode_id, goal.generation, plan),
            lambda: self._reason_to_hold(handle, lives),
        )
        steps: queue.SimpleQueue[Transition | None] = queue.SimpleQueue()
        drive = self._session.worker.submit(lambda: self._drive(goal, plan, steps))
        drive.add_done_callback(lambda _: steps.put(None))
        try:
            while (step := self._next(handle, lives, drive, steps)) is not None:
                self._report(handle, plan, step, result)
        finally:
            self._come_to_rest(drive)
        failure = None if drive.cancelled() else drive.exception()
        if failure is not None:
            # What the environment stumbled over may be the first sign of a reason to hold.
            self._why = self._why or self._reason_to_hold(handle, lives)
        if self._why is not None:
            raise self._why from failure
        if failure is not None:
            raise failure
        if not result.observation.views:
            raise WiwError(
                ErrorCode.STALE_OBSERVATION,
                "The environment gave no observation of where it is now.",
            )

    def _drive(self, goal: Any, plan: Plan, steps: queue.SimpleQueue[Transition | None]) -> None:
        """Run in the environment's thread."""
        if self._why is not None:
            return
        transitions = self._session.act(
            goal.episode_id, goal.generation, plan, bool(goal.observe_each)
        )
        self._topics.begin_motion(self._session.environment)
        try:
            for transition in transitions:
                steps.put(transition)
        finally:
            self._session.environment.hold()
            self._topics.end_motion()

    def _next(
        self,
        handle: ServerGoalHandle,
        lives: int,
        drive: Future[None],
        steps: queue.SimpleQueue[Transition | None],
    ) -> Transition | None:
        """Return the next transition, None at the end; watch every reason to hold meanwhile."""
        told = None
        while True:
            self._topics.odom_in_motion()
            self._why = self._why or self._reason_to_hold(handle, lives)
            if self._why is not None and not drive.cancel():
                # Again and again: a hold just before the environment begins to act would be lost.
                self._session.environment.hold()
                told = told or time.monotonic()
                if time.monotonic() - told > SETTLE_S:
                    raise WiwError(
                        ErrorCode.ENVIRONMENT_UNRESPONSIVE,
                        f"The environment does not stop. It was told to because: {self._why}",
                    )
            try:
                return steps.get(timeout=_POLL_S)
            except queue.Empty:
                continue

    def _reason_to_hold(self, handle: ServerGoalHandle, lives: int) -> WiwError | None:
        holder = handle.request.holder
        if handle.is_cancel_requested:
            return WiwError(ErrorCode.CANCELLED, "The motion was cancelled.")
        if not self._node.is_active:
            return WiwError(ErrorCode.NOT_ACTIVE, "The bridge was deactivated in motion.")
        forbidden = self._supervision.reason()
        if forbidden is not None or not holder:
            return forbidden
        if self._watch.lives(holder) != lives:
            return WiwError(ErrorCode.COMMAND_LOST, f"'{holder}' restarted while the robot moved.")
        silence_s = self._watch.silence_s(holder)
        if silence_s >= self._patience_s:
            return WiwError(
                ErrorCode.COMMAND_LOST, f"'{holder}' has been silent for {silence_s:.2f} s."
            )
        return None

    def _report(self, handle: ServerGoalHandle, plan: Plan, step: Transition, result: Any) -> None:
        executed = len(result.executed.actions) + 1
        result.executed = convert.plan_to_msg(plan.prefix(executed))
        result.collisions += int(step.collided)
        result.failures += int(step.code is not ErrorCode.OK)
        result.path_m += float(step.path_m)
        result.done = bool(step.done)
        feedback = ExecutePlan.Feedback(
            executed=executed, collided=bool(step.collided), path_m=float(step.path_m)
        )
        feedback.code = int(step.code)
        if step.observation is not None:
            seen = self._session.stamped(step.observation)
            result.observation = convert.observation_to_msg(seen)
            self._topics.observation(result.observation, seen.base_pose)
            if handle.request.observe_each:
                feedback.observation = result.observation
        handle.publish_feedback(feedback)
        self._node.counters["actions"] += 1

    def _come_to_rest(self, drive: Future[None]) -> None:
        if drive.done() or drive.cancel():
            return
        self.interrupt(WiwError(ErrorCode.INTERNAL, "The bridge could not report the motion."))
        end = time.monotonic() + SETTLE_S
        while not drive.done() and time.monotonic() < end:
            self._session.environment.hold()
            wait([drive], timeout=_POLL_S)

    def _close(self, failure: WiwError) -> None:
        try:
            self._session.close_as_fault(failure.code, failure.message)
        except WiwError as error:
            self._node.fail(error)

    def _require_holder(self, holder: str) -> None:
        if not holder:
            if not self._allow_unattended:
                raise WiwError(
                    ErrorCode.GOAL_REJECTED,
                    "The goal names no holder, and allow_unattended is false.",
                    "Name the node whose heartbeat keeps the motion alive.",
                )
            return
        if not self._watch.wait(holder, self._ttl_s + DISCOVERY_S, self._patience_s):
            raise WiwError(
                ErrorCode.COMMAND_LOST,
                f"No heartbeat of the holder '{holder}' is heard; nothing was moved.",
                "The holder is a fully qualified node name in this namespace.",
            )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._busy.acquire(blocking=False):
            raise WiwError(ErrorCode.BUSY, "Another plan is being executed.", "Cancel it first.")
        self._why = None
        try:
            self._node.require_active()
            forbidden = self._supervision.reason()
            if forbidden is not None:
                raise forbidden
            yield
        finally:
            self._busy.release()


def _prefix(plan: Plan, length: int) -> Plan:
    if not plan.actions:
        raise WiwError(ErrorCode.EMPTY_PLAN, "The plan has no actions.", "Send at least one.")
    if not 1 <= length <= len(plan):
        raise WiwError(
            ErrorCode.ACTION_OUT_OF_LIMITS,
            f"prefix_length is {length}; the plan has {len(plan)} actions.",
        )
    return plan.prefix(length)
