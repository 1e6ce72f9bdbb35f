"""The base by Nav2's behaviour server: collision-checked drives and turns of exact size."""

from __future__ import annotations

import math
import threading
from typing import Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_env_bridge.robot.actions import ActionPort, Ended
from wiw_env_bridge.robot.base.driven import Driven
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.profile import RobotProfile
from wiw_ros.interfaces import optional

_SPARE_S = 1.0
"""The server's own time allowance is this much shorter than ours: it knows better why."""


class Nav2Mover:
    """``DriveOnHeading`` and ``Spin`` of nav2_msgs. The behaviour server owns ``cmd_vel``.

    Nav2 takes the speed of a spin from its own parameters (``max_rotational_vel``).
    Raises ``INTERFACE_MISSING`` without nav2_msgs.
    """

    def __init__(self, link: RobotLink, profile: RobotProfile) -> None:
        actions = optional("nav2_msgs.action")
        self._profile, base = profile, profile.base
        self._link, self._drive_goal, self._spin_goal = (
            link,
            actions.DriveOnHeading.Goal,
            actions.Spin.Goal,
        )
        self._drive = ActionPort(link, actions.DriveOnHeading, base.drive_action, profile.timing)
        self._spin = ActionPort(link, actions.Spin, base.spin_action, profile.timing)
        self._codes = {self._drive: actions.DriveOnHeading.Result, self._spin: actions.Spin.Result}

    def offered(self) -> bool:
        """Tell whether both servers are there."""
        return self._drive.offered and self._spin.offered

    def ready(self) -> None:
        """Wait for both servers."""
        wait_s = self._profile.timing.server_wait_s
        if self._link.until(lambda: self.offered() or None, wait_s, lambda: None):
            return
        absent = [f"'{p.name}'" for p in (self._drive, self._spin) if not p.offered]
        raise WiwError(
            ErrorCode.ACTION_SERVER_LOST,
            f"Nobody offers {' and '.join(absent)}; waited {wait_s:g} s.",
            "Is Nav2's behavior_server active? Or set base.interface to cmd_vel.",
        )

    def drive(self, delta: Pose2, halted: threading.Event) -> Driven:
        """Send one goal and wait for its end."""
        base, timing = self._profile.base, self._profile.timing
        turning = delta.x_m == 0.0
        speed = base.turn_rad_s if turning else base.speed_m_s
        ramp = base.turn_acceleration_rad_s2 if turning else base.acceleration_m_s2
        nominal_s = abs(delta.yaw_rad if turning else delta.x_m) / speed + speed / ramp
        goal: Any = self._spin_goal() if turning else self._drive_goal()
        _set_seconds(goal.time_allowance, timing.result_s(nominal_s) - _SPARE_S)
        if turning:
            goal.target_yaw = delta.yaw_rad
        else:
            goal.target.x, goal.speed = delta.x_m, math.copysign(speed, delta.x_m)
        port = self._spin if turning else self._drive
        return self._driven(port, port.run(goal, nominal_s, halted), halted)

    def hold(self) -> None:
        """Cancel every goal of both."""
        self._drive.cancel_all()
        self._spin.cancel_all()

    def _driven(self, port: ActionPort, ended: Ended, halted: threading.Event) -> Driven:
        """Say what an end means.

        ``COLLISION_AHEAD`` is a collision, and so is an abort of a Nav2 that gives no codes
        (Humble). With any other code it gave up on the way: nobody knows that something was there.
        """
        if ended.succeeded:
            return Driven()
        if halted.is_set() and ended.cancelled:
            return Driven(stopped=True)
        if ended.cancelled:
            why = f"'{port.name}' was cancelled by somebody else."
            return Driven(code=ErrorCode.ACTION_FAILED, message=why)
        codes, code = self._codes[port], getattr(ended.result, "error_code", 0)
        known = {
            getattr(codes, name): name
            for name in ("COLLISION_AHEAD", "TIMEOUT", "TF_ERROR", "INVALID_INPUT", "UNKNOWN")
            if hasattr(codes, name)
        }
        name = known.get(code, "")
        said = getattr(ended.result, "error_msg", "")
        why = f"'{port.name}' aborted: {name or code} {said}".strip()
        if code == 0 or name == "COLLISION_AHEAD":
            return Driven(collided=True, message=why)
        return Driven(code=ErrorCode.ACTION_FAILED, message=why)


def _set_seconds(duration: Any, seconds: float) -> None:
    duration.sec = int(seconds)
    duration.nanosec = int((seconds - int(seconds)) * 1e9)
