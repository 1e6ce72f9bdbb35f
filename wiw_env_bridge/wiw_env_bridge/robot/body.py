"""What moves: the part of a robot that executes one action and can say where it is."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from wiw_core.errors import ErrorCode
from wiw_core.geometry import Pose2, Pose3
from wiw_core.plans import Action, ActionSpec, Plan


@dataclass(frozen=True)
class BodyState:
    """Where a body is, by its own sensors.

    Attributes
    ----------
    base_pose : Pose2
        ``T_odom_base`` as the robot says it: the odometry's own origin. Identity for a fixed base.
    joints : tuple of (str, float)
        Name and position of each joint in radians or metres; empty without an arm.
    tool_pose : Pose3 or None
        ``T_base_tool``; None without an arm.
    gripper : float
        Opening, 0 closed to 1 open; 0 without an arm.
    stamp_s : float
        ROS time of the oldest message it rests on.
    age_s : float
        Seconds between that and now, ROS time.
    """

    base_pose: Pose2 = Pose2()
    joints: tuple[tuple[str, float], ...] = ()
    tool_pose: Pose3 | None = None
    gripper: float = 0.0
    stamp_s: float = 0.0
    age_s: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """How one action ended; the body is still.

    Attributes
    ----------
    motion_end_s : float
        ROS time at which the motion had ended: pictures taken before it show the past.
    path_m : float
        Metres really travelled, by the base or by the tool.
    collided : bool
        Something was in the way (an aborted ``DriveOnHeading`` or ``Spin``, contact, no progress).
    code : ErrorCode
        ``OK``; ``NO_PATH`` or ``IK_FAILED``: nothing was sent and nothing moved; ``ACTION_FAILED``:
        the controller gave up on the way. Each but ``OK`` ends the plan, and is no fault.
    message : str
        Why the code is not ``OK``, in a sentence.
    stopped : bool
        ``halted`` was set before the action had ended.
    """

    motion_end_s: float
    path_m: float = 0.0
    collided: bool = False
    code: ErrorCode = ErrorCode.OK
    message: str = ""
    stopped: bool = False


@runtime_checkable
class Body(Protocol):
    """One robot's means of motion, made as ``SomeBody(link, profile)``.

    Nothing moves except inside :meth:`execute`; whatever way that ends, the body is still. All
    methods are for one caller at a time, :meth:`hold` and :meth:`motion` apart.
    """

    @property
    def actions(self) -> Mapping[str, ActionSpec]:
        """Every action that :meth:`execute` takes, by name."""
        ...

    def ready(self) -> None:
        """Wait up to ``timing.server_wait_s`` for every interface it needs.

        Raises ``ACTION_SERVER_LOST``, ``STALE_OBSERVATION`` or ``INTERFACE_MISSING`` naming it.
        """
        ...

    def state(self) -> BodyState:
        """Return where the body is now; raises ``STALE_OBSERVATION`` naming topic and age."""
        ...

    def check(self, plan: Plan) -> None:
        """Pass the plan through the gate without moving; raises what :meth:`execute` would."""
        ...

    def execute(self, action: Action, halted: threading.Event) -> Outcome:
        """Pass one action through the gate, send it as a finite goal, wait until the body is still.

        Returns early, still, once ``halted`` is set. Raises ``WiwError`` on a fault (a rejected
        goal, a lost server, a stale sensor, a limit), after holding.
        """
        ...

    def hold(self) -> None:
        """Stop now: cancel every goal; zero velocity three times where this body owns the topic.

        From any thread, at any time, also repeatedly and before anything is connected; it never
        raises and never waits for an answer.
        """
        ...

    def motion(self) -> tuple[Pose2, float, float]:
        """Return ``T_odom_base``, forward speed in m/s and yaw rate in rad/s; from any thread.

        The newest known, without a check of its age.
        """
        ...

    def close(self) -> None:
        """Hold and give everything back; idempotent."""
        ...
