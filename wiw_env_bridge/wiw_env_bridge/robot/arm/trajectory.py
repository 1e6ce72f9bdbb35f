"""Trajectories to a joint trajectory controller of ros2_control, or what speaks like one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NamedTuple

from builtin_interfaces.msg import Duration
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.robot.actions import ActionPort, Ended
from wiw_env_bridge.robot.arm.settings import ArmSettings
from wiw_env_bridge.robot.arm.timing import Timed
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.sections import Timing
from wiw_ros.interfaces import optional

_REFUSED = (-2, -3)
"""INVALID_JOINTS and OLD_HEADER_TIMESTAMP of control_msgs/FollowJointTrajectory.

Not INVALID_GOAL: ros2_control also says so of a goal in whose place another one came.
"""
_VIOLATED = {-4: "its path", -5: "its goal"}
"""PATH_TOLERANCE_VIOLATED, GOAL_TOLERANCE_VIOLATED."""


class End(Enum):
    """How a trajectory ended: at its goal, off its path, given up for another reason, or halted."""

    DONE = "done"
    VIOLATED = "violated"
    FAILED = "failed"
    HALTED = "halted"


class Followed(NamedTuple):
    """How it ended, and why in a sentence."""

    end: End
    message: str = ""


class TrajectoryPort:
    """A FollowJointTrajectory action, one trajectory at a time; ``cancel`` from any thread."""

    def __init__(self, link: RobotLink, settings: ArmSettings, timing: Timing) -> None:
        self._action = optional("control_msgs.action").FollowJointTrajectory
        self._tolerance = optional("control_msgs.msg").JointTolerance
        self._settings = settings
        self.port = ActionPort(link, self._action, settings.trajectory_action, timing)

    def follow(
        self,
        names: Sequence[str],
        timed: Timed,
        halted: threading.Event,
        watch: Callable[[], None],
    ) -> Followed:
        """Send a trajectory and wait for its end; see :meth:`ActionPort.run`.

        Raises
        ------
        WiwError
            As :meth:`ActionPort.run`; also ``GOAL_REJECTED`` if the controller finds it invalid.
        """
        nominal_s = timed.duration_s + self._settings.goal_time_s
        ended = self.port.run(self._goal(names, timed), nominal_s, halted, watch)
        if ended.succeeded and ended.result.error_code == self._action.Result.SUCCESSFUL:
            return Followed(End.DONE)
        if halted.is_set():
            return Followed(End.HALTED)
        return self._why(ended)

    def _why(self, ended: Ended) -> Followed:
        code, said = int(ended.result.error_code), str(ended.result.error_string)[:200]
        if code in _REFUSED:
            raise WiwError(
                ErrorCode.GOAL_REJECTED, f"'{self.port.name}' found the goal invalid: {said}"
            )
        if code in _VIOLATED:
            what = f"The arm left the tolerance of {_VIOLATED[code]}"
            return Followed(End.VIOLATED, f"{what}: {said}" if said else f"{what}.")
        if ended.cancelled:
            return Followed(End.FAILED, f"Somebody else cancelled the goal of '{self.port.name}'.")
        return Followed(End.FAILED, f"'{self.port.name}' gave up (code {code}): {said}")

    def _goal(self, names: Sequence[str], timed: Timed) -> Any:
        """Return the goal; each tolerance is told, as 0 leaves it to the controller, or off."""
        settings = self._settings
        goal = self._action.Goal()
        goal.trajectory = JointTrajectory(joint_names=list(names))
        for index, time_s in enumerate(timed.times_s):
            point = JointTrajectoryPoint(positions=timed.positions[index].tolist())
            if timed.velocities is not None:
                point.velocities = timed.velocities[index].tolist()
            point.time_from_start = _duration(float(time_s))
            goal.trajectory.points.append(point)
        goal.path_tolerance = self._tolerances(names, settings.path_tolerance_rad)
        goal.goal_tolerance = self._tolerances(names, settings.goal_tolerance_rad)
        goal.goal_time_tolerance = _duration(settings.goal_time_s)
        return goal

    def _tolerances(self, names: Sequence[str], position: float) -> list[Any]:
        return [self._tolerance(name=name, position=position) for name in names]


def _duration(seconds: float) -> Duration:
    nanoseconds = round(seconds * 1e9)
    return Duration(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)
