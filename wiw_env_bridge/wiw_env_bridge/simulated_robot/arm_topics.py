"""What the arm's driver and robot_state_publisher tell: joint states, description, transforms."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from wiw_core.geometry import Array
from wiw_env_bridge.simulated_robot import arm_urdf
from wiw_env_bridge.simulated_robot.arm_messages import joint_state
from wiw_env_bridge.simulated_robot.arm_plant import ArmState
from wiw_env_bridge.simulated_robot.faults import Faults
from wiw_env_bridge.simulated_robot.odometry import TF, link_to_msg
from wiw_env_bridge.tabletop import panda
from wiw_ros.interfaces import optional
from wiw_ros.qos import JOINTS, LATCHED

TF_EVERY = 2
"""Joint states to one message on tf: 25 a second."""


class ArmTopics:
    """Publishes ``joint_states``, ``tf`` and, once, ``robot_description`` and ``tf_static``.

    Parameters
    ----------
    mounts : mapping
        By optical frame: the link it is fixed to, and ``T_link_camera`` (4, 4).
    """

    def __init__(self, node: Node, mounts: Mapping[str, tuple[str, Array]], faults: Faults) -> None:
        self._node, self._mounts, self._faults = node, dict(mounts), faults
        self._tf_type = optional("tf2_msgs.msg").TFMessage
        self._joints = node.create_publisher(JointState, "joint_states", JOINTS)
        self._description = node.create_publisher(String, "robot_description", LATCHED)
        self._tf = node.create_publisher(self._tf_type, "tf", TF)
        self._static = node.create_publisher(self._tf_type, "tf_static", LATCHED)
        self._mounted, self._count = False, 0
        self._description.publish(String(data=arm_urdf.urdf()))

    def publish(self, state: ArmState) -> None:
        """Tell a state, faults added."""
        if not self._faults.on("joint_states_off"):
            message = joint_state(state)
            if self._faults.on("nan_joint_states"):
                message.position = [math.nan] * len(message.name)
            self._joints.publish(message)
        if not self._faults.on("tf_off"):
            self._tell_static(state)
            if self._count % TF_EVERY == 0:
                self._tell_links(state)
            self._count += 1

    def _tell_links(self, state: ArmState) -> None:
        positions = dict(zip((*panda.JOINTS, *panda.FINGERS), state.positions))
        links = [link_to_msg(*link, state.stamp) for link in arm_urdf.moving(positions)]
        self._tf.publish(self._tf_type(transforms=links))

    def _tell_static(self, state: ArmState) -> None:
        if self._mounted:
            return
        self._mounted = True
        links = [link_to_msg(*link, state.stamp) for link in arm_urdf.fixed()]
        links += [
            link_to_msg(parent, frame, matrix, state.stamp)
            for frame, (parent, matrix) in self._mounts.items()
        ]
        self._static.publish(self._tf_type(transforms=links))
