"""The topics of the bridge: observation, cameras, joint_states and odom."""

from __future__ import annotations

import threading
import time
from typing import Any

from nav_msgs.msg import Odometry
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import CameraInfo, Image, JointState

from wiw_core.contracts import Mobile
from wiw_core.geometry import Pose2
from wiw_core.observation import Projection
from wiw_msgs.msg import Observation as ObservationMsg
from wiw_msgs.msg import View as ViewMsg
from wiw_ros.convert import pose_to_msg
from wiw_ros.node import ManagedNode
from wiw_ros.qos import JOINTS, LATCHED, ODOMETRY, SENSOR

ODOM_S = 0.05
"""Seconds between two odom messages while the robot moves."""
REST_S = 0.5
"""The same while it is held: nothing changes, and every message costs."""


class CameraTopics:
    """``image``, ``camera_info`` and ``depth`` of one camera, under a prefix.

    The cameras of an environment are known when it is first looked at: their topics appear then.
    """

    def __init__(self, node: ManagedNode, prefix: str = "") -> None:
        self._image = node.create_publisher(Image, f"{prefix}image", SENSOR)
        self._info = node.create_publisher(CameraInfo, f"{prefix}camera_info", SENSOR)
        self._depth = node.create_publisher(Image, f"{prefix}depth", SENSOR)

    def publish(self, view: ViewMsg) -> None:
        """Publish what somebody listens to; depth in metres, where the camera has it."""
        if self._image.get_subscription_count() + self._info.get_subscription_count():
            self._image.publish(view.image)
            self._info.publish(view.camera_info)
        if view.depth.height and self._depth.get_subscription_count():
            self._depth.publish(view.depth)


class Topics:
    """Publishes what the robot sees, once per observation, and where it is, at a steady rate."""

    def __init__(self, node: ManagedNode) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._rest = Pose2()
        self._moving: Mobile | None = None
        self._published_s = 0.0
        self._observation = node.create_publisher(ObservationMsg, "~/observation", LATCHED)
        self._main = CameraTopics(node)
        self._cameras: dict[str, CameraTopics] = {}
        self._joints: Any = None
        self._odom: Any = None
        self.leave_to_robot(False)
        self.views: tuple[str, ...] = ()
        node.create_timer(
            REST_S,
            self._odom_at_rest,
            callback_group=MutuallyExclusiveCallbackGroup(),
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )

    def leave_to_robot(self, robot: bool) -> None:
        """Publish ``joint_states`` and ``odom`` or, of a robot whose driver does that, do not."""
        if robot == (self._odom is None):
            return
        if robot:
            both, self._joints, self._odom = (self._joints, self._odom), None, None
            for publisher in both:
                self._node.destroy_publisher(publisher)
        else:
            self._joints = self._node.create_publisher(JointState, "joint_states", JOINTS)
            self._odom = self._node.create_publisher(Odometry, "odom", ODOMETRY)

    def observation(self, message: ObservationMsg, pose: Pose2) -> None:
        """Publish an observation, each view of it, and the first perspective one as ``image``."""
        with self._lock:
            self._rest = pose
        self.views = tuple(view.name for view in message.views)
        self._observation.publish(message)
        if message.joint_state.name and self._joints is not None:
            self._joints.publish(message.joint_state)
        for view in message.views:
            if view.name not in self._cameras:
                self._cameras[view.name] = CameraTopics(self._node, f"{view.name}/")
            self._cameras[view.name].publish(view)
        ordered = sorted(message.views, key=lambda v: v.projection != Projection.PERSPECTIVE)
        for view in ordered[:1]:
            self._main.publish(view)

    def begin_motion(self, environment: object) -> None:
        """From now on odom tells the live pose and speed, where the environment can say them."""
        with self._lock:
            self._moving = environment if isinstance(environment, Mobile) else None

    def end_motion(self) -> None:
        """The robot has been told to hold: odom tells where it stands, with zero speed."""
        with self._lock:
            if self._moving is not None:
                self._rest = self._moving.motion()[0]
            self._moving = None
        self.odom()

    def odom_in_motion(self) -> None:
        """Publish odom if it is time to; called often by whoever watches the motion."""
        if time.monotonic() - self._published_s >= ODOM_S:
            self.odom()

    def odom(self) -> None:
        """Publish where the robot is, and how it moves."""
        publisher = self._odom
        if publisher is None:
            return
        with self._lock:
            pose, forward, turn = self._rest, 0.0, 0.0
            if self._moving is not None:
                pose, forward, turn = self._moving.motion()
            self._published_s = time.monotonic()
        message = Odometry(child_frame_id="base_link")
        message.header.frame_id = "odom"
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.pose.pose = pose_to_msg(pose)
        message.twist.twist.linear.x = float(forward)
        message.twist.twist.angular.z = float(turn)
        publisher.publish(message)

    def _odom_at_rest(self) -> None:
        if self._node.is_active:
            self.odom()
