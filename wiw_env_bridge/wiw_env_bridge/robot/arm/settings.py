"""The ``arm`` section of a robot's profile."""

from __future__ import annotations

from dataclasses import dataclass

from wiw_env_bridge.robot.schema import setting

TRAJECTORY, MOVEIT = "trajectory", "moveit"
"""How an arm is moved: by our own straight lines, or by what MoveIt plans."""
FAILED, CONTACT = "failed", "contact"
"""What a violated tolerance means."""


@dataclass(frozen=True)
class GripperSettings:
    """How the gripper is told to open and close, and how wide it is known to be."""

    action: str = setting(
        "Action that opens and closes it; ParallelGripperCommand or GripperCommand, whichever is "
        "offered under this name.",
        "gripper_controller/gripper_cmd",
    )
    joints: tuple[str, ...] = setting(
        "Joints in joint_states whose mean position is the opening.",
        ("panda_finger_joint1", "panda_finger_joint2"),
    )
    command_joint: str = setting(
        "Joint named in a ParallelGripperCommand; empty for the first of `joints`.", ""
    )
    open_position: float = setting("Position of the joints when open.", 0.04, unit="m or rad")
    closed_position: float = setting("Position of the joints when closed.", 0.0, unit="m or rad")
    command_scale: float = setting(
        "What a GripperCommand is told, per position of a joint: 1 as ros2_control takes it, 2 for "
        "a driver that takes the gap between two fingers.",
        1.0,
        above=0.0,
        high=10.0,
    )
    effort: float = setting("Greatest effort.", 30.0, unit="N or N m", above=0.0, high=1000.0)
    nominal_s: float = setting(
        "How long opening or closing takes at most; the time limit follows from it.",
        2.0,
        unit="s",
        above=0.0,
        high=30.0,
    )

    def problems(self) -> list[str]:
        """Return what does not fit together."""
        found = [] if self.joints else ["'joints' is empty"]
        if self.open_position == self.closed_position:
            found.append("'open_position' and 'closed_position' are the same")
        return found


@dataclass(frozen=True)
class MoveItSettings:
    """What MoveIt is asked; used only with ``interface: moveit``."""

    action: str = setting("MoveGroup action.", "move_action")
    group: str = setting("Planning group.", "panda_arm")
    pipeline: str = setting("Planning pipeline; empty for MoveIt's default.", "")
    planner: str = setting(
        "Planner; only `LIN` of pilz_industrial_motion_planner goes in a straight line.", ""
    )
    planning_s: float = setting("Time to plan.", 5.0, unit="s", above=0.0, high=60.0)
    attempts: int = setting("How often it may try.", 3, low=1, high=100)
    position_tolerance_m: float = setting(
        "Radius within which the tool must end.", 0.002, unit="m", above=0.0, high=0.05
    )
    rotation_tolerance_rad: float = setting(
        "Angle about each axis within which it must end.", 0.01, unit="rad", above=0.0, high=0.2
    )


@dataclass(frozen=True)
class ArmSettings:
    """How the arm is described, moved and watched."""

    interface: str = setting(
        "How it is moved: straight lines of the tool by our own inverse kinematics, or plans of "
        "MoveIt. Either way the trajectory passes the gate, then goes to `trajectory_action`.",
        TRAJECTORY,
        choices=(TRAJECTORY, MOVEIT),
    )
    trajectory_action: str = setting(
        "FollowJointTrajectory action.", "joint_trajectory_controller/follow_joint_trajectory"
    )
    joint_states: str = setting("Topic of the joints' positions.", "joint_states")
    description: str = setting(
        "Latched topic with the URDF; used unless `urdf` is given.", "robot_description"
    )
    urdf: str = setting("A URDF file in place of the topic; empty for the topic.", "")
    base_xyz: tuple[float, ...] = setting(
        "Where the planning frame is in the base frame; empty to ask tf.", (), unit="m", length=3
    )
    base_rpy: tuple[float, ...] = setting(
        "How it is turned: roll, pitch, yaw; used with `base_xyz`.",
        (0.0, 0.0, 0.0),
        unit="rad",
        length=3,
    )
    tool_xyz: tuple[float, ...] = setting(
        "WIW's tool in the tool frame: between the finger tips, looking along +z, the fingers "
        "opening along y.",
        (0.0, 0.0, 0.0),
        unit="m",
        length=3,
    )
    tool_rpy: tuple[float, ...] = setting(
        "How it is turned in the tool frame: roll, pitch, yaw.",
        (0.0, 0.0, 0.0),
        unit="rad",
        length=3,
    )
    posture: tuple[float, ...] = setting(
        "Joint angles that the arm is drawn to where the task leaves it free, from base to tool; "
        "empty for the middle of each range.",
        (),
        unit="rad",
    )
    velocity_scaling: float = setting(
        "Share of each joint's greatest velocity in the URDF.", 0.1, above=0.0, high=1.0
    )
    acceleration: float = setting(
        "Greatest acceleration of a joint.", 1.0, unit="rad/s2", above=0.0, high=20.0
    )
    speed_m_s: float = setting("Greatest speed of the tool.", 0.1, unit="m/s", above=0.0, high=1.0)
    turn_rad_s: float = setting(
        "Greatest rate at which the tool turns.", 0.5, unit="rad/s", above=0.0, high=3.0
    )
    point_s: float = setting(
        "Time between two points of a trajectory.", 0.04, unit="s", low=0.01, high=0.1
    )
    path_tolerance_rad: float = setting(
        "How far a joint may be from its trajectory on the way.",
        0.1,
        unit="rad",
        above=0.0,
        high=1.0,
    )
    goal_tolerance_rad: float = setting(
        "How far a joint may be from its goal at the end.", 0.02, unit="rad", above=0.0, high=0.5
    )
    goal_time_s: float = setting(
        "Longest wait for that after the trajectory's end.", 1.5, unit="s", above=0.0, high=10.0
    )
    violation: str = setting(
        "What a tolerance that the controller reports as violated means: `failed` ends the plan "
        "with ACTION_FAILED; `contact` says that the arm met something: a collision, after which "
        "the gripper acts and the plan goes on.",
        FAILED,
        choices=(FAILED, CONTACT),
    )
    gripper: GripperSettings = setting("The gripper.", factory=GripperSettings)
    moveit: MoveItSettings = setting("MoveIt.", factory=MoveItSettings)

    def problems(self) -> list[str]:
        """Return what does not fit together."""
        names = "trajectory_action", "joint_states", "description"
        return [f"'{name}' is empty" for name in names if not getattr(self, name)]
