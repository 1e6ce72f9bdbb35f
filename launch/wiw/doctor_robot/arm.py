"""Is the arm described, does it say where it is, and is there something to move it by?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from std_msgs.msg import String

from wiw.doctor import Finding, Grade
from wiw.doctor_robot.visit import Visit
from wiw_env_bridge.robot.arm.description import Description
from wiw_env_bridge.robot.arm.joints import JointReader
from wiw_env_bridge.robot.arm.model import ArmModel, make_model, placement
from wiw_env_bridge.robot.arm.settings import MOVEIT
from wiw_env_bridge.robot.gate import check_joints_read
from wiw_ros.qos import JOINTS, LATCHED

STILL_RAD = 0.01
"""A joint that stands does not go so far while it is listened to."""
SURE = 3.0
"""So many messages must fit into the age limit: one that is lost is no fault."""


class ArmChecks:
    """Description, joints, and the actions that move them."""

    def __init__(self, visit: Visit) -> None:
        self._visit, profile = visit, visit.profile
        self._description = Description(visit.link, profile.arm, profile.folder)
        self._joints = JointReader(
            visit.link, profile.arm.joint_states, profile.timing, profile.limits
        )
        visit.expect(self._joints.stream)
        if not profile.arm.base_xyz and profile.frames.planning not in ("", profile.frames.base):
            visit.start_tf()

    def checks(self) -> Iterator[Callable[[], Iterator[Finding]]]:
        """Yield what is to be run once the robot has been heard."""
        yield from (self._topics, self._described, self._actions)

    def _topics(self) -> Iterator[Finding]:
        profile, visit = self._visit.profile, self._visit
        age_s = profile.timing.joint_age_s
        yield from visit.topic(
            self._joints.stream, "sensor_msgs/msg/JointState", JOINTS, SURE / age_s, age_s
        )
        if not profile.arm.urdf:
            stream = visit.link.listen(String, profile.arm.description, latched=True)
            yield from visit.topic(stream, "std_msgs/msg/String", LATCHED, 0.0, float("inf"))

    def _described(self) -> Iterator[Finding]:
        profile = self._visit.profile
        urdf = self._description.read(0.5)
        model = make_model(urdf, profile, placement(self._visit.link, profile))
        slow = [j.name for j in model.joints if not j.velocity_rad_s > 0.0]
        seen = f"{len(model.joints)} joints from '{profile.frames.planning or profile.frames.base}'"
        seen += f" to '{profile.frames.tool}'"
        if slow:
            advice = "A joint without a velocity limit is not moved at all."
            yield Finding("description", Grade.FAIL, f"no speed for {', '.join(slow)}", advice)
        else:
            yield Finding("description", Grade.OK, seen)
        yield from self._positions(model)

    def _positions(self, model: ArmModel) -> Iterator[Finding]:
        topic = self._joints.stream.topic
        if not self._joints.stream.count:
            return  # said above
        names = (*model.names, *self._visit.profile.arm.gripper.joints)
        self._joints.wait(names, 0.5)
        now = self._joints.fresh(names).positions
        check_joints_read(model.joints, now[: len(model.names)].tolist(), topic)
        moved = np.ptp(self._joints.history(names, 0.0), axis=0)
        shown = ", ".join(f"{q:.2f}" for q in now[: len(model.names)])
        if moved.size and float(moved.max()) > STILL_RAD:
            worst = names[int(np.argmax(moved))]
            advice = f"'{worst}' moves: let the arm stand, and look again."
            yield Finding(f"{topic} units", Grade.WARN, f"({shown}) rad", advice)
        else:
            yield Finding(f"{topic} units", Grade.OK, f"({shown}) rad, within the limits")

    def _actions(self) -> Iterator[Finding]:
        arm, action = self._visit.profile.arm, self._visit.action
        yield action(arm.trajectory_action, "control_msgs", "FollowJointTrajectory")
        kinds = ("ParallelGripperCommand", "GripperCommand")
        yield action(arm.gripper.action, "control_msgs", *kinds)
        if arm.interface == MOVEIT:
            yield action(arm.moveit.action, "moveit_msgs", "MoveGroup")
