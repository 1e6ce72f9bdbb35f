"""Fakes for tests of the robot environment: a base of ideal wheels, and action servers that err."""

from __future__ import annotations

import threading
import time
from typing import Any

from geometry_msgs.msg import Twist
from nav2_msgs.action import Spin
from nav_msgs.msg import Odometry
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from wiw_core.geometry import Pose2
from wiw_ros.convert import pose_to_msg

_STEP_S = 0.02


class FakeWheels:
    """Turns ``cmd_vel`` (Twist) into ``odom`` without mass or slip; has no driver's watchdog."""

    def __init__(self, node: Node) -> None:
        self.commands: list[tuple[float, float, float]] = []
        """(monotonic time, forward m/s, turn rad/s) of every command."""
        self.gain, self.free_m, self.speaks = 1.0, float("inf"), True
        """Speed per commanded speed, metres to the wall ahead, whether odometry is published."""
        self.pose, self._speed = Pose2(), (0.0, 0.0)
        self._node, self._lock = node, threading.Lock()
        group = ReentrantCallbackGroup()
        self._odom = node.create_publisher(Odometry, "odom", 10)
        node.create_subscription(Twist, "cmd_vel", self._hear, 10, callback_group=group)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(_STEP_S, self._step, callback_group=group, clock=steady)
        self._stepped = time.monotonic()

    def _hear(self, message: Twist) -> None:
        self.commands.append((time.monotonic(), message.linear.x, message.angular.z))
        self._speed = message.linear.x, message.angular.z

    def _step(self) -> None:
        with self._lock:
            now = time.monotonic()
            dt, self._stepped = min(now - self._stepped, 2 * _STEP_S), now  # starved, it slows down
            v, w = (self.gain * s for s in self._speed)
            ahead = self.pose * Pose2(v * dt, 0.0, w * dt)
            if v * dt > self.free_m:
                v, ahead = 0.0, self.pose
            self.free_m -= v * dt
            self.pose = ahead
        if not self.speaks:
            return
        message = Odometry(child_frame_id="base_link")
        message.header.frame_id = "odom"
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.pose.pose = pose_to_msg(self.pose)
        message.twist.twist.linear.x, message.twist.twist.angular.z = float(v), float(w)
        self._odom.publish(message)


class FakeSpin:
    """A ``spin`` server whose ``manner`` is how it errs: see :meth:`_run`."""

    def __init__(self, node: Node) -> None:
        self.manner, self.goals, self.cancels, self.ran_s = "succeed", 0, 0, 0.1
        self.release = threading.Event()
        self._server = ActionServer(
            node,
            Spin,
            "spin",
            self._run,
            goal_callback=self._goal,
            cancel_callback=self._cancel,
            callback_group=ReentrantCallbackGroup(),
            result_timeout=5,
        )

    def vanish(self) -> None:
        """Take the server out of the graph, its goal still open."""
        self._server.destroy()

    def _goal(self, _: Any) -> GoalResponse:
        self.goals += 1
        return GoalResponse.REJECT if self.manner == "reject" else GoalResponse.ACCEPT

    def _cancel(self, _: Any) -> CancelResponse:
        self.cancels += 1
        deaf = self.manner == "deaf"
        return CancelResponse.REJECT if deaf else CancelResponse.ACCEPT

    def _run(self, handle: Any) -> Any:
        if self.manner in ("hang", "deaf", "fall silent"):
            if self.manner == "fall silent":
                handle.publish_feedback(Spin.Feedback())
            end = time.monotonic() + 20.0
            while not (self.release.wait(0.02) or handle.is_cancel_requested):
                if time.monotonic() > end:
                    break
        else:
            self.release.wait(self.ran_s)
        if handle.is_cancel_requested:
            handle.canceled()
        elif self.manner == "abort":
            handle.abort()
        else:
            handle.succeed()
        return Spin.Result(error_code=703 if self.manner == "abort" else 0)
