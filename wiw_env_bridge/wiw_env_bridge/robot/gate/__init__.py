"""The gate: every check between a plan and a robot, in plain numbers.

Nothing here talks to ROS, waits or keeps time. A check returns None, or raises a ``WiwError`` that
names the value, the limit and the unit. Who moves a robot calls them just before each command.
"""

from wiw_env_bridge.robot.gate.arm import (
    Joint,
    Trajectory,
    check_joints_read,
    check_start,
    check_tool_displacement,
    check_tool_target,
    check_trajectory,
)
from wiw_env_bridge.robot.gate.base import (
    check_base_step,
    check_displacement,
    check_speed_seen,
    check_twist,
)
from wiw_env_bridge.robot.gate.inputs import Input, check_fresh, check_reading
from wiw_env_bridge.robot.gate.limits import Limits
from wiw_env_bridge.robot.gate.memory import Failures, FrozenCameras

__all__ = [
    "Failures",
    "FrozenCameras",
    "Input",
    "Joint",
    "Limits",
    "Trajectory",
    "check_base_step",
    "check_displacement",
    "check_fresh",
    "check_joints_read",
    "check_reading",
    "check_speed_seen",
    "check_start",
    "check_tool_displacement",
    "check_tool_target",
    "check_trajectory",
    "check_twist",
]
