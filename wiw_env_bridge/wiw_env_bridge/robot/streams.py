"""The newest messages of one topic, with their stamps and when they came."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from wiw_ros.convert import stamp_from_msg

if TYPE_CHECKING:
    from wiw_env_bridge.robot.link import RobotLink

M = TypeVar("M")
_ARRIVALS = 256


@dataclass(frozen=True)
class Heard(Generic[M]):
    """One message.

    Attributes
    ----------
    stamp_s : float
        ROS time of its header; NaN for a type without one.
    arrived_s : float
        ``time.monotonic()`` at its arrival.
    """

    message: M
    stamp_s: float
    arrived_s: float


class Stream(Generic[M]):
    """The newest messages of one topic; thread-safe."""

    def __init__(
        self, link: RobotLink, topic: str, keep: int, hear: Callable[[M], None] | None
    ) -> None:
        self.topic = topic
        self._link, self._hear = link, hear
        self._ring: deque[Heard[M]] = deque(maxlen=keep)
        self._arrivals: deque[float] = deque(maxlen=_ARRIVALS)
        self.count = 0

    def take(self, message: M) -> None:
        """Note a message; called by the link's thread."""
        header = getattr(message, "header", None)
        stamp = math.nan if header is None else stamp_from_msg(header.stamp)
        now = time.monotonic()
        if self._hear is not None:
            self._hear(message)
        with self._link.news:
            self._ring.append(Heard(message, stamp, now))
            self._arrivals.append(now)
            self.count += 1
            self._link.news.notify_all()

    def heard(self) -> tuple[Heard[M], ...]:
        """Return what is kept, oldest first."""
        with self._link.news:
            return tuple(self._ring)

    def latest(self) -> Heard[M] | None:
        """Return the newest message, or None."""
        with self._link.news:
            return self._ring[-1] if self._ring else None

    def wait(
        self,
        test: Callable[[Heard[M]], bool] = lambda _: True,
        timeout_s: float = 5.0,
        check: Callable[[], None] = lambda: None,
    ) -> Heard[M] | None:
        """Return the oldest kept message that passes, waiting for one; None after the time."""

        def first() -> Heard[M] | None:
            return next((h for h in self.heard() if test(h)), None)

        return self._link.until(first, timeout_s, check)

    def age_s(self) -> float:
        """Return the age of the newest message, infinite without one.

        The greater of the age of its stamp by ROS time and the time since it arrived by the steady
        clock: a driver whose stamps stand still is as stale as one that is silent. A stamp from the
        future has a negative age, and keeps it where it is younger than its arrival.
        """
        newest = self.latest()
        if newest is None:
            return math.inf
        silent = time.monotonic() - newest.arrived_s
        if math.isnan(newest.stamp_s):
            return silent
        by_stamp = self._link.now_s() - newest.stamp_s
        return by_stamp if by_stamp < 0.0 else max(by_stamp, silent)

    def rate_hz(self, window_s: float = 2.0) -> float:
        """Return how many messages per second arrived in the last ``window_s`` seconds."""
        since = time.monotonic() - window_s
        with self._link.news:
            return sum(t >= since for t in self._arrivals) / window_s

    def publishers(self) -> int:
        """Return how many publishers the graph shows on the topic."""
        return int(self._link.node.count_publishers(self.topic))

    def clear(self) -> None:
        """Forget every message."""
        with self._link.news:
            self._ring.clear()
