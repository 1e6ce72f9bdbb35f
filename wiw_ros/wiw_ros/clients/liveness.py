"""Who is alive: ROS 2 keeps a killed server "ready" for 20 s, and its futures never complete."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node

from wiw_core.errors import ErrorCode, WiwError
from wiw_msgs.msg import Heartbeat
from wiw_ros import qos
from wiw_ros.ears import Ears

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

    Two signs are told apart. A process that ended stops beating, and DDS loses its publisher: DDS
    asserts that from threads of its own, so a busy process is never taken for a dead one. A process
    that hangs only stops beating. Silence is counted in turns of our own thread: a process that
    was itself stalled accuses nobody.
    """

    def __init__(self, node: Node) -> None:
        self._lock = threading.Lock()
        self._pulses: dict[str, _Pulse] = {}
        self._turn = 0
        self._publisher_lost = -1
        self._ears = Ears(node)
        self._ears.node.create_subscription(
            Heartbeat,
            "heartbeat",
            self._beat,
            qos.HEARTBEAT,
            event_callbacks=SubscriptionEventCallbacks(liveliness=self._changed),
        )
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._ears.node.create_timer(TURN_S, self._tick, clock=clock)

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

    def ended(self, name: str) -> bool:
        """Whether DDS has lost a publisher of heartbeats since ``name`` was last heard."""
        with self._lock:
            pulse = self._pulses.get(name)
            return pulse is not None and self._publisher_lost >= pulse.turn

    def restarted(self, name: str, since_heard: int) -> bool:
        """Whether ``name`` began to count anew after at least one more beat than ``since_heard``.

        The first beat heard may be of a new life that had begun, unheard, before the watch did.
        """
        with self._lock:
            pulse = self._pulses.get(name)
            return pulse is not None and pulse.restarted > since_heard + 1

    def close(self) -> None:
        """Stop listening."""
        self._ears.close()

    def _tick(self) -> None:
        with self._lock:
            self._turn += 1

    def _changed(self, event: Any) -> None:
        with self._lock:
            if event.not_alive_count_change > 0 or event.alive_count_change < 0:
                self._publisher_lost = self._turn

    def _beat(self, message: Heartbeat) -> None:
        with self._lock:
            pulse = self._pulses.setdefault(message.node, _Pulse(self._turn, message.count))
            pulse.heard += 1
            if message.count < pulse.count:
                pulse.restarted = pulse.heard
            pulse.turn, pulse.count = self._turn, message.count


@dataclass(frozen=True)
class Patience:
    """How long a peer may be silent, in seconds.

    Attributes
    ----------
    dead_s : float
        Once DDS has lost its publisher.
    hung_s : float
        While its process lives.
    """

    dead_s: float = 0.6
    hung_s: float = 15.0


DEFAULT_PATIENCE = Patience()


class Watch:
    """One wait on one peer: lost when it falls silent, or restarts, after the watch began."""

    def __init__(self, liveness: Liveness, name: str, turn: int, heard: int) -> None:
        self._liveness = liveness
        self.name = name
        self._turn = turn
        self._heard = heard

    def dead(self, patience: Patience) -> str:
        """Return how one knows that the peer's process ended; empty if it did not."""
        if self._liveness.restarted(self.name, self._heard):
            return "it restarted"
        silence_s = self._liveness.silence_s(self.name, self._turn)
        if silence_s > patience.dead_s - TURN_S / 2 and self._liveness.ended(self.name):
            return "its process has ended"
        return ""

    def require(self, patience: Patience, dead: ErrorCode, hung: ErrorCode, doing: str) -> None:
        """Raise ``dead`` or ``hung`` with a sentence if the peer is lost."""
        for code, why in ((dead, self.dead(patience)), (hung, self.hung(patience))):
            if why:
                raise WiwError(
                    code,
                    f"'{self.name}' was lost during {doing}: {why}.",
                    "Restart it; the next episode can run then.",
                )

    def hung(self, patience: Patience) -> str:
        """Return how one knows that the peer does not work any more; empty if it does."""
        silence_s = self._liveness.silence_s(self.name, self._turn)
        return f"no heartbeat for {silence_s:.1f} s" if silence_s > patience.hung_s else ""
