"""Where the joints are: the newest word on each, by its name."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import JointState

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array
from wiw_env_bridge.robot.gate import Input, Limits, check_fresh, check_reading
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.sections import Timing
from wiw_env_bridge.robot.streams import Heard

_KEPT = 16
"""Messages looked through for a joint: arm and gripper may speak in turns on one topic."""


@dataclass(frozen=True)
class Reading:
    """Joint positions (n,) in rad or m, and when the oldest of them was measured (ROS time)."""

    positions: Array
    stamp_s: float
    age_s: float


class JointReader:
    """Reads ``sensor_msgs/JointState`` by name, never by index; thread-safe.

    Parameters
    ----------
    timing : Timing
        ``joint_age_s``: older positions are stale while the arm stands; ``silence_s``: in motion;
        ``reacquire_s``: how long fresh ones are waited for.
    limits : Limits
        How far a stamp may lie in the future.
    """

    def __init__(self, link: RobotLink, topic: str, timing: Timing, limits: Limits) -> None:
        self._link, self._timing, self._limits = link, timing, limits
        self.stream = link.listen(JointState, topic, keep=_KEPT, depth=10)

    def wait(self, names: Sequence[str], timeout_s: float) -> None:
        """Wait until every joint has been heard of; raises ``STALE_OBSERVATION`` naming it."""

        def complete() -> bool | None:
            return True if self._missing(names) is None else None

        self._link.until(complete, timeout_s, lambda: None)
        missing = self._missing(names)
        if missing is None:
            return
        known = sorted({name for heard in self.stream.heard() for name in heard.message.name})
        raise WiwError(
            ErrorCode.STALE_OBSERVATION,
            f"'{self.stream.topic}' says nothing of the joint '{missing}'"
            f" (it tells of: {', '.join(known) or 'nothing'}).",
            "Is the joint state broadcaster running, and is the profile's robot this one?",
        )

    def fresh(self, names: Sequence[str]) -> Reading:
        """Return where these joints are now, waiting a little where the arm stands.

        Raises
        ------
        WiwError
            ``STALE_OBSERVATION`` if one is not told of, too old, or not a number all that time.
        """

        def look() -> Reading | None:
            try:
                return self._read(names, self._timing.joint_age_s)
            except WiwError:
                return None

        found = self._link.until(look, self._timing.reacquire_s, lambda: None)
        return found or self._read(names, self._timing.joint_age_s)

    def moving(self, names: Sequence[str]) -> Reading:
        """Return the same in motion: what fails, fails at once."""
        return self._read(names, self._timing.silence_s)

    def _read(self, names: Sequence[str], age_s: float) -> Reading:
        found = [self._find(name) for name in names]
        for name, entry in zip(names, found):
            if entry is None:
                self._missing_now(name)
        entries = [entry for entry in found if entry is not None]
        now_s, steady_s = self._link.now_s(), time.monotonic()
        ages = [_age(heard, now_s, steady_s) for heard, _ in entries]
        worst = {max(ages), min(ages)}  # too old, or from the future
        check_fresh([Input(self.stream.topic, age, age_s) for age in worst], self._limits)
        positions = [position for _, position in entries]
        check_reading(self.stream.topic, positions)
        stamp_s = min(heard.stamp_s for heard, _ in entries)
        return Reading(np.array(positions), stamp_s, max(ages))

    def history(self, names: Sequence[str], since_s: float) -> Array:
        """Return the positions (T, n) of messages with all these joints since a steady instant."""
        rows = [
            [message.position[list(message.name).index(name)] for name in names]
            for heard in self.stream.heard()
            if heard.arrived_s >= since_s and _has_all(message := heard.message, names)
        ]
        return np.array(rows).reshape(-1, len(names))

    def _find(self, name: str) -> tuple[Heard[JointState], float] | None:
        for heard in reversed(self.stream.heard()):
            message = heard.message
            if name in message.name and len(message.position) == len(message.name):
                return heard, float(message.position[list(message.name).index(name)])
        return None

    def _missing(self, names: Sequence[str]) -> str | None:
        return next((name for name in names if self._find(name) is None), None)

    def _missing_now(self, name: str) -> None:
        limit_s = self._timing.joint_age_s
        check_fresh([Input(self.stream.topic, self.stream.age_s(), limit_s)], self._limits)
        self.wait([name], 0.0)


def _age(heard: Heard[JointState], now_s: float, steady_s: float) -> float:
    """Return the age by stamp or by arrival, whichever is greater; a future stamp's is kept."""
    by_stamp = now_s - heard.stamp_s
    return by_stamp if by_stamp < 0.0 else max(by_stamp, steady_s - heard.arrived_s)


def _has_all(message: JointState, names: Sequence[str]) -> bool:
    return len(message.position) == len(message.name) and set(names) <= set(message.name)
