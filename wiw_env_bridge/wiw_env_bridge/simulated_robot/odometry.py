"""The base's odometry topic and its transforms."""

from __future__ import annotations

import math
from collections.abc import Mapping

from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import QoSProfile

from wiw_core.geometry import Array, Pose2
from wiw_env_bridge.simulated_robot.drive import DriveState
from wiw_env_bridge.simulated_robot.faults import Faults
from wiw_ros.convert import pose_to_msg, transform_to_msg
from wiw_ros.interfaces import optional
from wiw_ros.qos import LATCHED, ODOMETRY

TF = QoSProfile(depth=100)
"""As tf2's broadcasters use it."""
COVARIANCE = 1e-4
"""Variance of each of x, y and yaw; of what is not measured a millionfold of it."""


class OdometryTopics:
    """Publishes ``odom``, ``tf`` (odom to base_link) and, once, ``tf_static``.

    Parameters
    ----------
    mounts : mapping
        ``T_base_camera`` (4, 4) by optical frame.
    """

    def __init__(self, node: Node, mounts: Mapping[str, Array], faults: Faults) -> None:
        self._node, self._mounts, self._faults = node, dict(mounts), faults
        self._tf_type = optional("tf2_msgs.msg").TFMessage
        self._odom = node.create_publisher(Odometry, "odom", ODOMETRY)
        self._tf = node.create_publisher(self._tf_type, "tf", TF)
        self._static = node.create_publisher(self._tf_type, "tf_static", LATCHED)
        self._mounted = False

    def publish(self, state: DriveState, stamp: Time) -> None:
        """Tell a state, faults added; ``stamp`` is its ROS time."""
        pose, scale = state.odom, self._faults.value("odom_scale") or 1.0
        turn = 180.0 / math.pi if self._faults.on("odom_degrees") else 1.0
        pose = Pose2(pose.x_m * scale, pose.y_m * scale, pose.yaw_rad * turn)
        if not self._faults.on("odom_off"):
            self._tell_odom(pose, state.speed_m_s * scale, state.turn_rad_s * turn, stamp)
        if not self._faults.on("tf_off"):
            self._tell_tf(pose, stamp)

    def _tell_odom(self, pose: Pose2, speed: float, turn: float, stamp: Time) -> None:
        message = Odometry(child_frame_id="base_link")
        message.header.frame_id, message.header.stamp = "odom", stamp
        message.pose.pose = pose_to_msg(pose)
        message.twist.twist.linear.x, message.twist.twist.angular.z = speed, turn
        for k in range(6):
            variance = COVARIANCE if k in (0, 1, 5) else COVARIANCE * 1e6
            message.pose.covariance[7 * k] = message.twist.covariance[7 * k] = variance
        if self._faults.on("nan_odom"):
            message.pose.pose.position.x = message.twist.twist.linear.x = math.nan
        self._odom.publish(message)

    def _tell_tf(self, pose: Pose2, stamp: Time) -> None:
        if not self._mounted:
            self._mounted = True
            links = [link_to_msg("base_link", f, T, stamp) for f, T in self._mounts.items()]
            self._static.publish(self._tf_type(transforms=links))
        self._tf.publish(
            self._tf_type(transforms=[link_to_msg("odom", "base_link", pose.matrix(), stamp)])
        )


def link_to_msg(parent: str, child: str, matrix: Array, stamp: Time) -> TransformStamped:
    """Return ``T_parent_child``, (4, 4), as tf tells it."""
    message = TransformStamped(child_frame_id=child, transform=transform_to_msg(matrix))
    message.header.frame_id, message.header.stamp = parent, stamp
    return message
