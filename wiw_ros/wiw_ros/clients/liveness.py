"""Who is alive: heartbeats by node name.

ROS 2 itself does not say: a killed server stays "ready" for 20 s, and its futures never complete.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from wiw_msgs.msg import Heartbeat
from wiw_ros import qos

TURN_S = 0.1


@dataclass
class _Pulse:
    turn: int
    count: int
    heard: int = 0
    restarted: int = 0
    """Which of the beats heard was the first of the newest life."""


class Liveness:
    """Watches the heartbeats on the topic ``heartbeat`` of a node's namespace.

    Silence is counted in turns of our own executor, so a process that was itself stalled never
    accuses a live peer.
    """

    def __init__(self, node: Node) -> None:
        self._lock = threading.Lock()
        self._pulses: dict[str, _Pulse] = {}
        self._turn = 0
        self._node = node
        group = MutuallyExclusiveCallbackGroup()
        self._subscription = node.create_subscription(
            Heartbeat, "heartbeat", self._beat, qos.HEARTBEAT, callback_group=group
        )
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(TURN_S, self._tick, callback_group=group, clock=clock)

    def watch(self, name: str) -> Watch:
        """Begin to watch the node of this fully qualified name from now on."""
        with self._lock:
            pulse = self._pulses.get(name)
            return Watch(self, name, self._turn, pulse.heard if pulse else 0)

    def silence_s(self, name: str, since_turn: int = 0) -> float:
        """Return seconds without a beat of ``name``, at most since ``since_turn``."""
        with self._lock:
            pulse = self._pulses.get(name)
            last = max(pulse.turn, since_turn) if pulse else since_turn
            return (self._turn - last) * TURN_S

    def restarted(self, name: str, since_heard: int) -> bool:
        """Whether ``name`` began to count anew after at least one more beat than ``since_heard``.

        The first beat heard may be of a new life that had begun, unheard, before the watch did.
        """
        with self._lock:
            pulse = self._pulses.get(name)
            return pulse is not None and pulse.restarted > since_heard + 1

    def close(self) -> None:
        """Give timer and subscription back to the node."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_subscription(self._subscription)

    def _tick(self) -> None:
        with self._lock:
            self._turn += 1

    def _beat(self, message: Heartbeat) -> None:
        with self._lock:
            pulse = self._pulses.setdefault(message.node, _Pulse(self._turn, message.count))
            pulse.heard += 1
            if message.count < pulse.count:
                pulse.restarted = pulse.heard
            pulse.turn, pulse.count = self._turn, message.count


class Watch:
    """One wait on one peer: lost when it falls silent, or restarts, after the watch began."""

    def __init__(self, liveness: Liveness, name: str, turn: int, heard: int) -> None:
        self._liveness = liveness
        self.name = name
        self._turn = turn
        self._heard = heard

    def lost(self, after_s: float) -> str:
        """Return why the peer counts as lost after ``after_s`` of silence; empty while it lives."""
        if self._liveness.restarted(self.name, self._heard):
            return "it restarted"
        silence = self._liveness.silence_s(self.name, self._turn)
        return f"no heartbeat for {silence:.1f} s" if silence >= after_s - 1e-9 else ""
