"""The arm's states, goals and plans as messages."""

from __future__ import annotations

from typing import Any

import numpy as np
from rclpy.duration import Duration
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from wiw_core.geometry import Array
from wiw_env_bridge.simulated_robot.arm_goals import Report
from wiw_env_bridge.simulated_robot.arm_plant import ArmState
from wiw_env_bridge.simulated_robot.arm_trajectory import Trajectory
from wiw_env_bridge.tabletop import panda


def joint_state(state: ArmState, *, fingers_only: bool = False) -> JointState:
    """Return a state as a message: names, positions and velocities."""
    first = len(panda.JOINTS) if fingers_only else 0
    message = JointState(
        name=[*panda.JOINTS, *panda.FINGERS][first:],
        position=state.positions[first:].tolist(),
        velocity=state.rates[first:].tolist(),
    )
    message.header.stamp = state.stamp
    if fingers_only:
        message.effort = [state.grip_n] * len(panda.FINGERS)
    return message


def trajectory_to_msg(trajectory: Trajectory) -> JointTrajectory:
    """Return a trajectory of the seven joints as a message."""
    message = JointTrajectory(joint_names=list(panda.JOINTS))
    rates = trajectory.velocities
    if rates is None:
        rates = np.zeros_like(trajectory.positions)
    for seconds, positions, row in zip(trajectory.times_s, trajectory.positions, rates):
        at = Duration(seconds=float(seconds)).to_msg()
        message.points.append(_point(positions, row, at))
    return message


def report_to_msg(report: Report, feedback: Any) -> Any:
    """Fill a FollowJointTrajectory feedback with desired, actual and their difference."""
    feedback.joint_names = list(panda.JOINTS)
    rows = {
        "desired": (report.desired, report.desired_rates),
        "actual": (report.actual, report.actual_rates),
        "error": (report.desired - report.actual, report.desired_rates - report.actual_rates),
    }
    at = Duration(seconds=report.time_s).to_msg()
    for field, (positions, rates) in rows.items():
        setattr(feedback, field, _point(positions, rates, at))
    return feedback


def _point(positions: Array, rates: Array, at: Any) -> JointTrajectoryPoint:
    return JointTrajectoryPoint(
        positions=positions.tolist(), velocities=rates.tolist(), time_from_start=at
    )
