"""A simulated base in a process of its own, and what its tests ask of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from geometry_msgs.msg import TwistStamped
from nav2_msgs.action import DriveOnHeading, Spin
from nav_msgs.msg import Odometry
from std_srvs.srv import Trigger

from wiw_core.errors import WiwError
from wiw_core.geometry import Pose2
from wiw_msgs.srv import FinishEpisode, InjectFault, ResetEpisode
from wiw_ros.convert import pose_from_msg
from wiw_ros.qos import ODOMETRY
from wiw_ros.testing import ASK_S, READY_S, NodeProcess, Probe

SMALL = {"front_size": 64, "panorama_height": 64, "panorama_width": 128, "camera_hz": 10.0}
"""Pictures that cost little."""
EPISODE = "ignav-val-000"
SUCCEEDED, CANCELED, ABORTED = 4, 5, 6


class SimulatedBaseRig:
    """The process, and what its odometry and its command topic have said.

    Parameters
    ----------
    parameters : dict
        Of the node, over :data:`SMALL`.
    """

    def __init__(
        self, probe: Probe, folder: Path, namespace: str = "", **parameters: Any
    ) -> None:
        self.probe, self._ns = probe, f"{namespace}/" if namespace else ""
        label = f"robot{namespace.replace('/', '_')}"
        folder = folder / label
        folder.mkdir(exist_ok=True)
        self.process = NodeProcess(
            "wiw_env_bridge.simulated_robot.node",
            folder,
            {**SMALL, **parameters},
            namespace=namespace,
        )
        self.odom = probe.record(Odometry, f"{self._ns}odom", ODOMETRY)
        self.commands = probe.record(TwistStamped, f"{self._ns}cmd_vel", ODOMETRY)
        self._driver = probe.node.create_publisher(TwistStamped, f"{self._ns}cmd_vel", 1)
        probe.greetings[self._ns] = self.decided

    def name(self, relative: str) -> str:
        """Return a name in the robot's namespace."""
        return f"{self._ns}{relative}"

    def until_ready(self) -> None:
        """Wait until the robot works."""
        self.decided()
        self.until(lambda: bool(self.odom), "odometry")

    def decided(self) -> Any:
        """Ask whether the task is decided; asks again where an answer was lost."""
        end = time.monotonic() + READY_S
        while True:
            try:
                service = self.name("simulated_robot/referee/decided")
                return self.probe.call(Trigger, service, Trigger.Request(), ASK_S)
            except (WiwError, AssertionError):
                assert time.monotonic() < end, self.process.output
                assert self.process.process.poll() is None, self.process.output

    def until(self, holds: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
        """Wait until something holds, asked whenever a message arrives."""
        self.probe.until(holds, timeout_s, what)

    def pose(self) -> Pose2:
        """Return the newest ``T_odom_base``."""
        return pose_from_msg(self.odom[-1][1].pose.pose)

    def twist(self) -> tuple[float, float]:
        """Return the newest speeds."""
        twist = self.odom[-1][1].twist.twist
        return twist.linear.x, twist.angular.z

    def until_still(self) -> Pose2:
        """Wait for odometry from now on that says zero; return where."""
        seen = len(self.odom)
        self.until(lambda: len(self.odom) > seen + 1 and self.twist() == (0.0, 0.0), "standing")
        return self.pose()

    def command(self, speed: float, turn: float = 0.0) -> None:
        """Publish one stamped command."""
        message = TwistStamped()
        message.header.stamp = self.probe.node.get_clock().now().to_msg()
        message.twist.linear.x, message.twist.angular.z = speed, turn
        self._driver.publish(message)

    def inject(self, fault: str, value: float = 0.0, duration_s: float = 0.0) -> Any:
        """Begin a fault, or mend all with an empty name."""
        request = InjectFault.Request(fault=fault, value=value, duration_s=duration_s)
        return self._call(InjectFault, "simulated_robot/inject", request)

    def reset(self, task: str = "ignav", episode_id: str = EPISODE) -> Any:
        """Have the robot carried to where an episode begins."""
        request = ResetEpisode.Request(task=task, episode_id=episode_id)
        return self._call(ResetEpisode, "simulated_robot/referee/reset_episode", request)

    def finish(self, **fields: Any) -> Any:
        """Have the open episode judged."""
        request = FinishEpisode.Request(fault=1, confidence=math.nan, **fields)
        return self._call(FinishEpisode, "simulated_robot/referee/finish_episode", request)

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

    def close(self) -> None:
        """End the process."""
        del self.probe.greetings[self._ns]
        self.process.__exit__()
        assert "Traceback" not in self.process.output, self.process.output

    def _end(self, handle: Any) -> tuple[int, Any]:
        answer = self.probe.result(handle, 40.0)
        return answer.status, answer.result

    def _call(self, service_type: Any, name: str, request: Any) -> Any:
        return self.probe.call(service_type, self.name(name), request)

    def _send(self, action_type: Any, name: str, goal: Any, feedback: Any) -> Any:
        return self.probe.send(action_type, self.name(name), goal, feedback)
