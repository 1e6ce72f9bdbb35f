"""One bridge per robot: a lease on the wire, and a lock file between processes of one computer."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO

from rclpy.clock import Clock, ClockType

from wiw_core.errors import ErrorCode, WiwError
from wiw_msgs.msg import RobotLease
from wiw_ros.ears import Ears
from wiw_ros.host import host_id
from wiw_ros.node import ManagedNode
from wiw_ros.qos import LEASE

TOPIC = "/wiw/robot_lease"
"""Not relative: bridges in two namespaces may mean the same robot."""
BEAT_S = 0.25
LISTEN_S = 1.0
"""Seconds a bridge listens for another holder before it takes a robot."""
FRESH_S = 1.0
"""A holder that has been silent for longer is gone."""
TIE_S = 0.25
"""Two leases nearer in age than messages may be late are told apart by chance."""


class Lease:
    """Asks for a robot, holds it, and hears who else does.

    A bridge that asks yields to one that holds; of two that ask, or that hold (a network that was
    parted and has healed), the one that was first stays.

    Parameters
    ----------
    lost : callable
        Told at once that another bridge holds the robot too and was first; must not block.
    """

    def __init__(self, node: ManagedNode, ears: Ears, lost: Callable[[WiwError], None]) -> None:
        self._node, self._lost = node, lost
        self._lock = threading.Lock()
        self._mine: RobotLease | None = None
        self._others: dict[str, tuple[float, RobotLease]] = {}
        self._why: WiwError | None = None
        self._file: IO[str] | None = None
        self._asked_s = 0.0
        self._instance = uuid.uuid4().hex
        self._publisher = ears.node.create_publisher(RobotLease, TOPIC, LEASE)
        ears.node.create_subscription(RobotLease, TOPIC, self._heard, LEASE)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        ears.node.create_timer(BEAT_S, self._beat, clock=steady)

    @property
    def reason(self) -> WiwError | None:
        """Why the robot is another bridge's; None while it is ours."""
        return self._why

    def take(self, robot: str) -> None:
        """Take a robot, or only the node's own name if ``robot`` is empty.

        Raises
        ------
        WiwError
            ``DUPLICATE_BRIDGE`` if another bridge holds the robot, or has this node's name.
        """
        self.release()
        if robot:
            self._file = _lock_file(robot)
        self._asked_s = time.monotonic()
        self._mine = RobotLease(
            robot=robot,
            bridge=self._node.full_name,
            host=host_id(),
            instance=self._instance,
        )
        try:
            self._listen(robot)
        except WiwError:
            self.release()
            raise
        self._mine.held = True

    def release(self) -> None:
        """Give the robot back; idempotent."""
        with self._lock:
            self._mine = self._why = None
        if self._file is not None:
            self._file.close()  # which unlocks it, as the end of the process would
            self._file = None

    def _listen(self, robot: str) -> None:
        end = time.monotonic() + LISTEN_S
        # A simulator is nobody else's: only who has the node's very name is in the way.
        while (robot or self._namesakes() > 1) and time.monotonic() < end:
            self._require_ours()
            time.sleep(BEAT_S / 5)
        self._require_ours()

    def _require_ours(self) -> None:
        with self._lock:
            since = time.monotonic() - FRESH_S
            for heard_s, other in self._others.values():
                if heard_s >= since and self._loses_to(other):
                    raise _duplicate(other)

    def _namesakes(self) -> int:
        names = self._node.get_node_names_and_namespaces()
        own = self._node.get_name(), self._node.get_namespace()
        return sum(entry == own for entry in names)

    def _loses_to(self, other: RobotLease) -> bool:
        mine = self._mine
        if mine is None or not (
            (mine.robot and mine.robot == other.robot) or mine.bridge == other.bridge
        ):
            return False
        if mine.held != other.held:
            return bool(other.held)
        older_s = other.age_s - (time.monotonic() - self._asked_s)
        if abs(older_s) < TIE_S:
            return bool(other.instance < mine.instance)
        return bool(older_s > 0.0)

    def _heard(self, other: RobotLease) -> None:
        if other.instance == self._instance:
            return
        with self._lock:
            self._others[other.instance] = time.monotonic(), other
            mine = self._mine
            ours = mine is None or not mine.held or self._why is not None
            if ours or not self._loses_to(other):
                return
            why = self._why = _duplicate(other)
        self._lost(why)

    def _beat(self) -> None:
        with self._lock:
            mine = None if self._why is not None else self._mine
            gone = time.monotonic() - 10 * FRESH_S
            self._others = {k: v for k, v in self._others.items() if v[0] > gone}
        if mine is not None:
            mine.age_s = time.monotonic() - self._asked_s
            self._publisher.publish(mine)


def _duplicate(other: RobotLease) -> WiwError:
    what = f"The robot '{other.robot}' is held" if other.robot else "This node's name is taken"
    return WiwError(
        ErrorCode.DUPLICATE_BRIDGE,
        f"{what} by the bridge '{other.bridge}' on '{other.host}'.",
        "Stop one of the two.",
    )


def _lock_file(robot: str) -> IO[str]:
    domain = os.environ.get("ROS_DOMAIN_ID", "0")
    name = re.sub(r"[^A-Za-z0-9]+", "_", robot)
    path = Path(tempfile.gettempdir()) / f"wiw_robot_{os.getuid()}_{domain}_{name}.lock"
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise WiwError(
            ErrorCode.DUPLICATE_BRIDGE,
            f"The robot '{robot}' is held by another process of this computer ({path}).",
            "Stop the other bridge.",
        ) from error
    return file
