"""Action servers of the arm's controllers: they carry goals out as the faults let them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from wiw_core.errors import WiwError
from wiw_env_bridge.simulated_robot.arm_goals import End, Goal
from wiw_env_bridge.simulated_robot.arm_plant import Plant
from wiw_env_bridge.simulated_robot.faults import Faults
from wiw_env_bridge.simulated_robot.servers import Gone, ServerNode
from wiw_ros.action import RESULT_TIMEOUT_S
from wiw_ros.qos import ROLLOUTS

FEEDBACK_S = 0.05


class Offer(NamedTuple):
    """One action: its type and name, what carries a goal out, and why a goal is rejected."""

    action_type: Any
    name: str
    execute: Callable[[ServerGoalHandle], Any]
    problem: Callable[[Any], str]


class Serving:
    """Offers actions from one node that can vanish.

    Parameters
    ----------
    beside : Node
        The robot's.
    name : str
        Of the node that offers them.
    """

    def __init__(self, beside: Node, name: str, plant: Plant, faults: Faults) -> None:
        self._beside, self._name = beside, name
        self._plant, self._faults = plant, faults
        self._gone, self._closing = threading.Event(), threading.Event()
        self._host: ServerNode | None = None
        self._servers: list[ActionServer] = []

    def open(self, offers: Sequence[Offer]) -> None:
        """Offer the actions, unless they are offered."""
        if self._host is not None:
            return
        self._gone.clear()
        self._host = host = ServerNode(self._beside, self._name)
        self._servers = [self._serve(host.node, offer) for offer in offers]

    def vanish(self) -> None:
        """Withdraw the actions; goals in progress get no answer, as when a process ends.

        The servos, left without commands, hold the arm where it is.
        """
        self._gone.set()
        self._plant.stop()
        self._withdraw()

    def close(self) -> None:
        """Hold, answer the goals in progress, and withdraw the actions for good; idempotent."""
        self._closing.set()
        self._plant.stop()
        if self._host is not None:
            self._host.answer()
        self._withdraw()

    def run(
        self,
        handle: ServerGoalHandle,
        begin: Callable[[], Goal],
        tell: Callable[[Goal], None],
    ) -> End:
        """Carry a goal to its end, with feedback, as the faults let it.

        Parameters
        ----------
        begin : callable
            Begins the goal and returns it; what it raises as ``ValueError`` or ``WiwError`` aborts.
        tell : callable
            Publishes feedback.
        """
        goal: Goal | None = None
        began = time.monotonic()
        while goal is None or not goal.over.wait(FEEDBACK_S):
            if self._gone.is_set():
                raise Gone
            if self._closing.is_set() and goal is None:
                return End("abort", "INVALID_GOAL", "The driver ends.")
            if handle.is_cancel_requested and not self._faults.on("ignore_cancel"):
                if goal is None:
                    return End("canceled")
                self._plant.cancel(goal)
            elif self._faults.on("abort_goals"):
                if goal is not None:
                    self._plant.stop()
                return End("abort", "INVALID_GOAL", "The fault abort_goals is active.")
            elif goal is not None:
                tell(goal)
            elif self._faults.on("hang_goals"):
                self._gone.wait(FEEDBACK_S)
            elif (left := self._faults.value("slow") - (time.monotonic() - began)) > 0.0:
                self._gone.wait(min(FEEDBACK_S, left))
            else:
                try:
                    goal = begin()
                except (ValueError, WiwError) as error:
                    return End("abort", "INVALID_GOAL", str(error))
        if self._gone.is_set():
            raise Gone
        assert goal.end is not None
        return goal.end

    def _serve(self, node: Node, offer: Offer) -> ActionServer:
        def may_begin(goal: Any) -> GoalResponse:
            rejected = self._faults.on("reject_goals")
            why = "the fault reject_goals" if rejected else offer.problem(goal)
            if why:
                node.get_logger().warning(f"A goal of {offer.name} is rejected: {why}.")
            return GoalResponse.REJECT if why else GoalResponse.ACCEPT

        return ActionServer(
            node,
            offer.action_type,
            offer.name,
            offer.execute,
            callback_group=ReentrantCallbackGroup(),
            goal_callback=may_begin,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
            feedback_pub_qos_profile=ROLLOUTS,
            result_timeout=RESULT_TIMEOUT_S,
        )

    def _withdraw(self) -> None:
        host, self._host = self._host, None
        if host is None:
            return
        for server in self._servers:
            server.destroy()
        self._servers = []
        host.close()
