"""The command topic of the base, stamped or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile

COMMANDS = QoSProfile(depth=1)
"""Reliable; only the newest command counts."""


class VelocityTopic:
    """Publishes velocity commands.

    Parameters
    ----------
    name : str
        Of the topic, fully resolved.
    stamped : bool
        ``TwistStamped``, as ros2_control's drivers want it from Jazzy on, else ``Twist``.
    """

    def __init__(self, node: Node, name: str, stamped: bool) -> None:
        self._node, self._stamped = node, stamped
        self._publisher = node.create_publisher(TwistStamped if stamped else Twist, name, COMMANDS)

    def publish(self, speed_m_s: float, turn_rad_s: float) -> None:
        """Command a forward speed and a yaw rate."""
        twist = Twist()
        twist.linear.x, twist.angular.z = float(speed_m_s), float(turn_rad_s)
        if not self._stamped:
            self._publisher.publish(twist)
            return
        message = TwistStamped(twist=twist)
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.header.frame_id = "base_link"
        self._publisher.publish(message)


def hear_velocity(
    node: Node, stamped: bool, oldest_s: float, take: Callable[[float, float], None]
) -> None:
    """Subscribe to ``cmd_vel``; a command stamped over ``oldest_s`` ago is ignored, with a warning.

    ``take`` gets the forward speed and the yaw rate; its ``ValueError`` becomes a warning.
    """

    def warn(text: str) -> None:
        node.get_logger().warning(text, throttle_duration_sec=1.0)

    def hear(message: Any) -> None:
        twist = message.twist if stamped else message
        if stamped and (message.header.stamp.sec or message.header.stamp.nanosec):
            now = node.get_clock().now().nanoseconds
            sent = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
            if (now - sent) * 1e-9 > oldest_s:
                warn(f"a command that is {(now - sent) * 1e-9:.2f} s old is ignored")
                return
        try:
            take(twist.linear.x, twist.angular.z)
        except ValueError as problem:
            warn(str(problem))

    node.create_subscription(
        TwistStamped if stamped else Twist,
        "cmd_vel",
        hear,
        COMMANDS,
        callback_group=MutuallyExclusiveCallbackGroup(),
    )
