"""A simulated base in a process of its own, and what its tests ask of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from geometry_msgs.msg import Twist, TwistStamped
from nav2_msgs.action import DriveOnHeading, Spin
from nav_msgs.msg import Odometry
from rclpy.duration import Duration
from simulated_robot_rig import SimulatedRobotRig

from wiw_core.geometry import Pose2
from wiw_ros.convert import pose_from_msg, stamp_from_msg
from wiw_ros.qos import ODOMETRY
from wiw_ros.testing import Probe

SMALL = {"front_size": 64, "panorama_height": 64, "panorama_width": 128, "camera_hz": 10.0}
"""Pictures that cost little."""
EPISODE = "ignav-val-000"


class SimulatedBaseRig(SimulatedRobotRig):
    """The process, and what its odometry and its command topic have said.

    Parameters
    ----------
    parameters : dict
        Of the node, over :data:`SMALL`.
    """

    def __init__(self, probe: Probe, folder: Path, namespace: str = "", **parameters: Any) -> None:
        super().__init__(probe, folder, namespace, **{**SMALL, **parameters})
        self.odom = probe.record(Odometry, f"{self._ns}odom", ODOMETRY)
        self._stamped = parameters.get("stamped", True)
        kind = TwistStamped if self._stamped else Twist
        self.commands = probe.record(kind, f"{self._ns}cmd_vel", ODOMETRY)
        self._driver = probe.node.create_publisher(kind, f"{self._ns}cmd_vel", 1)

    def until_ready(self) -> None:
        """Wait until the robot works."""
        self.decided()
        self.until(lambda: bool(self.odom), "odometry")

    def pose(self) -> Pose2:
        """Return the newest ``T_odom_base``."""
        return pose_from_msg(self.odom[-1][1].pose.pose)

    def twist(self) -> tuple[float, float]:
        """Return the newest speeds."""
        twist = self.odom[-1][1].twist.twist
        return twist.linear.x, twist.angular.z

    def until_still(self) -> Pose2:
        """Wait for odometry stamped from now on that says zero; return where."""
        now = self._now_s()
        self.until(
            lambda: self._told_s() > now and self.twist() == (0.0, 0.0), "standing on odometry"
        )
        return self.pose()

    def newest_odom(self) -> Odometry:
        """Wait for odometry stamped from now on, and return it."""
        now = self._now_s()
        self.until(lambda: self._told_s() > now, "odometry")
        return self.odom[-1][1]

    def _told_s(self) -> float:
        return stamp_from_msg(self.odom[-1][1].header.stamp) if self.odom else 0.0

    def _now_s(self) -> float:
        return float(self.probe.node.get_clock().now().nanoseconds) * 1e-9

    def command(self, speed: float, turn: float = 0.0, age_s: float = 0.0) -> None:
        """Publish one command, stamped so long ago where the robot wants stamps."""
        twist = Twist()
        twist.linear.x, twist.angular.z = speed, turn
        if not self._stamped:
            self._driver.publish(twist)
            return
        message = TwistStamped(twist=twist)
        now = self.probe.node.get_clock().now() - Duration(seconds=age_s)
        message.header.stamp = now.to_msg()
        self._driver.publish(message)

    def reset(self, task: str = "ignav", episode_id: str = EPISODE) -> Any:
        """Have the robot carried to where an episode begins."""
        return super().reset(task, episode_id)

    def send_drive(
        self,
        metres: float,
        speed: float = 0.6,
        allowance_s: int = 0,
        feedback: Callable[[Any], None] = lambda message: None,
    ) -> Any:
        """Send a DriveOnHeading goal; return its handle."""
        goal = DriveOnHeading.Goal(speed=math.copysign(speed, metres))
        goal.target.x, goal.time_allowance.sec = metres, allowance_s
        return self._send(DriveOnHeading, "drive_on_heading", goal, feedback)

    def send_spin(
        self,
        degrees: float,
        allowance_s: int = 0,
        feedback: Callable[[Any], None] = lambda message: None,
    ) -> Any:
        """Send a Spin goal; return its handle."""
        goal = Spin.Goal(target_yaw=math.radians(degrees))
        goal.time_allowance.sec = allowance_s
        return self._send(Spin, "spin", goal, feedback)

    def drive(self, metres: float, **fields: Any) -> tuple[int, Any]:
        """Drive to the end of the goal; return its status and result."""
        return self._end(self.send_drive(metres, **fields))

    def spin(self, degrees: float, **fields: Any) -> tuple[int, Any]:
        """Turn to the end of the goal; return its status and result."""
        return self._end(self.send_spin(degrees, **fields))

    def turn_to_room(self, metres: float = 0.5) -> None:
        """Turn until the way ahead is free, as the behaviour server sees it."""
        for _ in range(16):
            handle = self.send_drive(metres, speed=0.05)
            self.probe.cancel(handle)
            answer = self.probe.result(handle)
            if answer.result.error_code != DriveOnHeading.Result.COLLISION_AHEAD:
                self.until_still()
                return
            self.spin(45.0)
        raise AssertionError("no way is free")
