"""Notices when ROS time is set, or stands still, while a robot relies on stamps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from wiw_core.errors import ErrorCode, WiwError
from wiw_ros.ears import Ears

SAMPLE_S = 0.1
"""Seconds between two looks at the clock."""
BACK_S = 0.1
"""ROS time that goes back by more than this was set."""
AHEAD_S = 1.0
"""ROS time that runs ahead of the steady clock by more than this was set."""
APART_S, TRIES = 0.05, 20
"""Both clocks are read within this time of one another, or again."""
FASTEST = 5.0
"""A simulator may run so many times faster than real time."""
STALL_S = 1.0
"""Simulated time that stands still for so long has stopped."""


class ClockWatch:
    """Compares ROS time with the steady clock; what it finds stays until :meth:`forget`.

    Parameters
    ----------
    jumped : callable
        Told at once of a clock that was set, in the thread that looks; must not block.
    """

    def __init__(self, node: Node, ears: Ears, jumped: Callable[[WiwError], None]) -> None:
        self._node, self._jumped = node, jumped
        self._lock = threading.Lock()
        self._last: tuple[float, float] | None = None
        self._advanced_s = time.monotonic()
        self._why: WiwError | None = None
        ears.node.create_timer(SAMPLE_S, self.look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def forget(self) -> None:
        """A new episode begins: what came before has no stamps in it."""
        with self._lock:
            self._why = None

    def reason(self) -> WiwError | None:
        """Look at the clock now, and return why nothing may move by it."""
        self.look()
        with self._lock:
            silent_s = time.monotonic() - self._advanced_s
            if self._why is None and self._simulated and silent_s > STALL_S:
                self._why = _jump(f"ROS time has stood still for {silent_s:.1f} s")
            return self._why

    def look(self) -> None:
        """Compare both clocks with the last look."""
        with self._lock:
            ros_s, steady_s = self._both()
            last, self._last = self._last, (ros_s, steady_s)
            if last is None or ros_s != last[0]:
                self._advanced_s = steady_s
            if last is None or last[0] <= 0.0:  # simulated time had not begun
                return
            ran_s, elapsed_s = ros_s - last[0], steady_s - last[1]
            pace = FASTEST if self._simulated else 1.0
            if -BACK_S <= ran_s <= pace * elapsed_s + AHEAD_S:
                return
            why = _jump(f"ROS time went {ran_s:+.2f} s in {elapsed_s:.2f} s")
            self._why = self._why or why
        self._jumped(why)

    def _both(self) -> tuple[float, float]:
        """Return ROS time and steady time of one instant, seconds.

        A thread that is put aside between two readings would see a jump where there is none.
        """
        for _ in range(TRIES):
            before = time.monotonic()
            ros_s = float(self._node.get_clock().now().nanoseconds) * 1e-9
            after = time.monotonic()
            if after - before < APART_S:
                break
        return ros_s, (before + after) / 2.0

    @property
    def _simulated(self) -> bool:
        return bool(self._node.get_clock().ros_time_is_active)


def _jump(what: str) -> WiwError:
    return WiwError(
        ErrorCode.TIME_JUMP, f"{what}; stamps and ages mean nothing now.", "Reset the episode."
    )
