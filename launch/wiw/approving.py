"""A person at a terminal decides on each plan before the robot moves."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from std_srvs.srv import Trigger

from wiw_core.errors import ErrorCode, WiwError, describe
from wiw_core.plans import Plan
from wiw_msgs.msg import PendingPlan
from wiw_msgs.srv import ApprovePlan
from wiw_ros import convert
from wiw_ros.clients.call import Service, wait
from wiw_ros.qos import LATCHED

REPLY_S = 10.0
"""Longest wait for the bridge's answer to a decision."""
_SLICE_S = 0.1
Ask = Callable[[str], str]
Say = Callable[[str], None]


class Approver:
    """Shows each plan that waits at a bridge, and passes the decision on.

    Parameters
    ----------
    node : rclpy.node.Node
        Spun here, in a thread, until :meth:`close`.
    bridge : str
        Node name of the bridge, relative to the node's namespace.
    by : str
        Who decides, for the bridge's log.
    """

    def __init__(self, node: Node, bridge: str, by: str) -> None:
        self._node, self._by = node, by
        self._pending: queue.SimpleQueue[PendingPlan] = queue.SimpleQueue()
        self._newest = 0
        self._approve = Service(
            node, ApprovePlan, f"{bridge}/approve", ErrorCode.ENVIRONMENT_UNRESPONSIVE
        )
        self._stop = node.create_client(Trigger, f"{bridge}/estop")
        node.create_subscription(PendingPlan, f"{bridge}/pending_plan", self._heard, LATCHED)
        self._closed = threading.Event()
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; the node stays."""
        self._closed.set()
        self._executor.shutdown(timeout_sec=1.0)
        self._thread.join(1.0)

    def run(self, ask: Ask, say: Say, ended: Callable[[], bool]) -> None:
        """Ask about one plan after the other until ``ended``, or until the asked one is gone.

        Parameters
        ----------
        ask : callable
            Shows a question, returns the answer; raises ``EOFError`` when nobody answers any more.
        """
        while not ended():
            try:
                plan = self._pending.get(timeout=_SLICE_S)
            except queue.Empty:
                continue
            if plan.id != self._newest:
                continue  # over before it could be asked about
            say(described(plan))
            try:
                self._act_on(ask("[y]es, [n]o, or [s]top the robot? "), plan, say)
            except EOFError:
                return

    def _act_on(self, answer: str, plan: PendingPlan, say: Say) -> None:
        word = answer.strip().lower()
        if word in ("s", "stop"):
            self._estop()
            say("Stopped; ~/reset_estop of the bridge ends that.")
            return
        approve = word in ("y", "yes")
        request = ApprovePlan.Request(id=plan.id, approve=approve, by=self._by)
        try:
            self._approve.call(request, REPLY_S)
        except WiwError as error:
            say(f"{describe(error.code)}: {error}")
            return
        say("approved" if approve else "refused")

    def _estop(self) -> None:
        if not self._stop.wait_for_service(REPLY_S):
            raise WiwError(
                ErrorCode.ENVIRONMENT_UNRESPONSIVE,
                "The bridge cannot be reached: use the robot's own emergency stop.",
            )
        late = WiwError(
            ErrorCode.ENVIRONMENT_UNRESPONSIVE,
            "The bridge did not answer: use the robot's own emergency stop.",
        )
        wait(self._stop.call_async(Trigger.Request()), time.monotonic() + REPLY_S, late)

    def _heard(self, plan: Any) -> None:
        self._newest = plan.id
        if plan.id:
            self._pending.put(plan)

    def _spin(self) -> None:
        while not self._closed.is_set():
            try:
                self._executor.spin_once(timeout_sec=0.5)
            except ExternalShutdownException:
                return


def described(pending: PendingPlan) -> str:
    """Return a plan in words, one action a line."""
    plan: Plan = convert.plan_from_msg(pending.plan)
    lines = [
        f"Plan {pending.id} of {pending.holder or 'nobody named'}, episode {pending.episode_id}"
        f" ({pending.timeout_s:g} s to decide){': ' + plan.text if plan.text else ''}"
    ]
    for number, action in enumerate(plan.actions, 1):
        values = ", ".join(f"{value:.3f}" for value in action.values)
        lines.append(f"{number:>4}. {action.name} {values}".rstrip())
    return "\n".join(lines)
