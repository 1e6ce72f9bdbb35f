"""A simulated arm in a process of its own, and what its tests ask of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from control_msgs.action import FollowJointTrajectory, ParallelGripperCommand
from moveit_msgs.action import MoveGroup
from moveit_msgs.msg import Constraints, OrientationConstraint, PositionConstraint
from rclpy.duration import Duration
from sensor_msgs.msg import JointState
from simulated_robot_rig import SimulatedRobotRig
from trajectory_msgs.msg import JointTrajectoryPoint

from wiw_core.geometry import Array, Pose3
from wiw_env_bridge.tabletop.kinematics import Kinematics
from wiw_env_bridge.tabletop.panda import FINGERS, JOINTS
from wiw_ros.convert.geometry import pose3_to_msg
from wiw_ros.qos import JOINTS as JOINTS_QOS
from wiw_ros.testing import Probe

SPEED = 5.0
SMALL = {"kind": "arm", "image_size": 64, "camera_hz": 10.0, "speed": SPEED}
"""Pictures that cost little, and time that runs faster."""
TRAJECTORY = "panda_arm_controller/follow_joint_trajectory"
GRIPPER = "panda_hand_controller/gripper_cmd"
_RATE_RAD_S = 1.0


class SimulatedArmRig(SimulatedRobotRig):
    """The process, and what its joint states have said."""

    def __init__(self, probe: Probe, folder: Path, namespace: str = "", **parameters: Any) -> None:
        super().__init__(probe, folder, namespace, **{**SMALL, **parameters})
        self.joints = probe.record(JointState, self.name("joint_states"), JOINTS_QOS)
        self._kinematics = Kinematics()

    def until_ready(self) -> None:
        """Wait until the robot works."""
        self.decided()
        self.until(lambda: bool(self.joints), "joint states")

    def angles(self) -> Array:
        """Return the newest angles of the seven joints, by name."""
        message = self.joints[-1][1]
        return np.array([message.position[message.name.index(name)] for name in JOINTS])

    def until_still(self) -> Array:
        """Wait for a state from now on that is at rest; return its angles."""
        now = self.probe.node.get_clock().now().to_msg()

        def rests() -> bool:
            message = self.joints[-1][1]
            stamp = message.header.stamp
            newer = (stamp.sec, stamp.nanosec) > (now.sec, now.nanosec)
            return newer and max(map(abs, message.velocity)) < 0.01

        self.until(rests, "rest")
        return self.angles()

    def goal(self, rows: Sequence[Array], seconds: float, names: Sequence[str] = JOINTS) -> Any:
        """Return a goal through rows of angles at even times, at rest at its end."""
        table = np.stack(rows)
        step = seconds / len(rows)
        rates = np.zeros_like(table)
        if len(rows) > 1:
            rates = np.gradient(table, step, axis=0)
            rates[-1] = 0.0
        goal = FollowJointTrajectory.Goal()
        goal.trajectory.joint_names = list(names)
        order = [JOINTS.index(name) for name in names if name in JOINTS]
        for k, (row, rate) in enumerate(zip(table, rates), start=1):
            point = JointTrajectoryPoint(positions=row[order].tolist())
            point.velocities = rate[order].tolist()
            point.time_from_start = Duration(seconds=k * step).to_msg()
            goal.trajectory.points.append(point)
        return goal

    def straight(self, pose: Array) -> Any:
        """Return a goal that brings the tool to a pose, (4, 4), along a straight line."""
        path = self._kinematics.straight(self.angles(), pose)
        assert path is not None
        seconds = float(np.abs(np.diff(path, axis=0)).max()) * len(path) / _RATE_RAD_S
        return self.goal(path[1:], max(0.3, seconds))

    def tool(self) -> Array:
        """Return the pose of the tool, (4, 4), by the newest angles."""
        return self.tool_at(self.angles())

    def tool_at(self, angles: Sequence[float] | Array) -> Array:
        """Return the pose of the tool, (4, 4), at these angles."""
        return self._kinematics.tool(np.asarray(angles))

    def move(
        self,
        pose: Array,
        *,
        plan_only: bool,
        planner: str = "LIN",
        group: str = "panda_arm",
        link: str = "panda_hand_tcp",
    ) -> Any:
        """Ask MoveIt to bring a link to a pose, (4, 4); return its result."""
        goal, aim = MoveGroup.Goal(), pose3_to_msg(Pose3.from_matrix(pose))
        goal.planning_options.plan_only = plan_only
        goal.request.group_name, goal.request.planner_id = group, planner
        goal.request.max_velocity_scaling_factor = 0.5
        place, turn = PositionConstraint(link_name=link), OrientationConstraint(link_name=link)
        place.header.frame_id = turn.header.frame_id = "world"
        place.constraint_region.primitive_poses = [aim]
        turn.orientation = aim.orientation
        goal.request.goal_constraints = [
            Constraints(position_constraints=[place], orientation_constraints=[turn])
        ]
        handle = self._send(MoveGroup, "move_action", goal, lambda message: None)
        return self._end(handle)[1]

    def send(self, goal: Any, feedback: Callable[[Any], None] = lambda message: None) -> Any:
        """Send a trajectory; return its handle."""
        return self._send(FollowJointTrajectory, TRAJECTORY, goal, feedback)

    def follow(self, goal: Any) -> tuple[int, Any]:
        """Follow a trajectory to its end; return status and result."""
        return self._end(self.send(goal))

    def grip(self, position_m: float, effort_n: float = 0.0) -> tuple[int, Any]:
        """Bring the fingers to a position; return status and result."""
        goal = ParallelGripperCommand.Goal()
        goal.command.name, goal.command.position = [FINGERS[0]], [position_m]
        goal.command.effort = [effort_n] if effort_n else []
        return self._end(self._send(ParallelGripperCommand, GRIPPER, goal, lambda message: None))

    def send_grip(self, position_m: float) -> Any:
        """Send a gripper goal; return its handle."""
        goal = ParallelGripperCommand.Goal()
        goal.command.name, goal.command.position = [FINGERS[0]], [position_m]
        return self._send(ParallelGripperCommand, GRIPPER, goal, lambda message: None)


def finite(values: Sequence[float]) -> bool:
    """Tell whether all are finite."""
    return all(map(math.isfinite, values))
