"""A latched stop in software: beside the robot's own emergency stop, never in place of it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from wiw_core.errors import ErrorCode, WiwError
from wiw_ros.ears import Ears
from wiw_ros.node import ManagedNode
from wiw_ros.qos import LATCHED, SENSOR


class EStop:
    """Latches when the topic ``estop`` says true or ``~/estop`` is called, until ``~/reset_estop``.

    It is not a safety function: it needs this process, its computer and the network. It outlives
    every lifecycle state of the node, not its process; the topic is latched, and is heard again.

    Parameters
    ----------
    stop : callable
        Told the reason at once, in the thread that hears it; must not block.
    """

    def __init__(self, node: ManagedNode, ears: Ears, stop: Callable[[WiwError], None]) -> None:
        self._node, self._stop = node, stop
        self._lock = threading.Lock()
        self._why: WiwError | None = None
        self._pressed = False
        self._heard_s, self._silence_s = -math.inf, math.inf
        self._state = node.create_publisher(Bool, "~/estopped", LATCHED)
        topic = node.resolve_topic_name("estop")  # the ears do not know what was remapped
        # Latched publishers are heard late, by the first; volatile and best-effort ones only by the
        # second. A stop must not be lost to a QoS that does not fit.
        for qos in (LATCHED, SENSOR):
            ears.node.create_subscription(Bool, topic, self._heard, qos)
        group = ReentrantCallbackGroup()
        node.create_service(Trigger, "~/estop", self._called, callback_group=group)
        node.create_service(Trigger, "~/reset_estop", self._reset, callback_group=group)
        self._publish()

    def require(self, silence_s: float) -> None:
        """Demand that the topic says something every ``silence_s`` seconds; infinite: never mind.

        A button whose wire is cut is a pressed one.
        """
        self._silence_s = silence_s

    @property
    def reason(self) -> WiwError | None:
        """Why the robot must not move, or None."""
        silent_s = time.monotonic() - self._heard_s
        if self._why is not None or silent_s <= self._silence_s:
            return self._why
        said = (
            "never said anything" if silent_s == math.inf else f"been silent for {silent_s:.1f} s"
        )
        return WiwError(
            ErrorCode.ESTOPPED,
            f"The topic 'estop' has {said}, and require_estop is set.",
            f"Its button must say true or false at least every {self._silence_s:g} s.",
        )

    def _heard(self, message: Bool) -> None:
        self._heard_s, self._pressed = time.monotonic(), bool(message.data)
        if self._pressed:
            self._latch("The topic 'estop' says stop.")

    def _called(self, request: Any, response: Any) -> Any:
        self._latch("The service '~/estop' was called.")
        response.success, response.message = True, "Stopped. Only ~/reset_estop ends it."
        return response

    def _reset(self, request: Any, response: Any) -> Any:
        with self._lock:
            response.success = not self._pressed
            if response.success:
                self._why = None
        if response.success:
            response.message = "The stop is over: goals are accepted again."
            self._node.get_logger().warning("the e-stop was reset")
            self._publish()
        else:
            response.message = "The topic 'estop' still says stop: release it first."
        return response

    def _latch(self, sentence: str) -> None:
        why = WiwError(ErrorCode.ESTOPPED, sentence, "Clear the cause, then call ~/reset_estop.")
        with self._lock:
            fresh, self._why = self._why is None, self._why or why
        self._stop(why)
        if fresh:
            self._node.fail(why)
            self._publish()

    def _publish(self) -> None:
        latched = self._why is not None
        self._node.counters["e-stop latched"] = int(latched)  # shown in /diagnostics
        self._state.publish(Bool(data=latched))
