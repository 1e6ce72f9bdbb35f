"""Who holds a motion alive: heartbeats on the steady clock."""

from __future__ import annotations

import threading
import time

from wiw_msgs.msg import Heartbeat
from wiw_ros.ears import Ears
from wiw_ros.qos import HEARTBEAT


class HolderWatch:
    """Remembers when each node was last heard.

    Unlike a client's watch on a peer, time in which this process itself was stalled counts as
    silence: a bridge that cannot hear must not move.
    """

    def __init__(self, ears: Ears) -> None:
        self._heard = threading.Condition()
        self._last: dict[str, tuple[float, int]] = {}
        self._lives: dict[str, int] = {}
        ears.node.create_subscription(Heartbeat, "heartbeat", self._beat, HEARTBEAT)

    def wait(self, name: str, timeout_s: float, fresh_s: float) -> bool:
        """Wait for a beat of ``name`` not older than ``fresh_s``; False if none comes in time."""
        with self._heard:
            return self._heard.wait_for(lambda: self._silence_s(name) <= fresh_s, timeout_s)

    def silence_s(self, name: str) -> float:
        """Return seconds since ``name`` was last heard; infinite if never."""
        with self._heard:
            return self._silence_s(name)

    def lives(self, name: str) -> int:
        """Return how often ``name`` has begun to count anew: a restarted holder is another one."""
        with self._heard:
            return self._lives.get(name, 0)

    def _silence_s(self, name: str) -> float:
        last = self._last.get(name)
        return float("inf") if last is None else time.monotonic() - last[0]

    def _beat(self, message: Heartbeat) -> None:
        with self._heard:
            last = self._last.get(message.node)
            if last is None or message.count < last[1]:
                self._lives[message.node] = self._lives.get(message.node, 0) + 1
            self._last[message.node] = (time.monotonic(), message.count)
            self._heard.notify_all()
