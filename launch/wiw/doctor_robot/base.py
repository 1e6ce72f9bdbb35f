"""Does the base say where it is, and is there something to drive it by?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from wiw.doctor import Finding, Grade
from wiw.doctor_robot.visit import Visit
from wiw_env_bridge.robot.base.odometry import OdometryPort
from wiw_ros.convert import pose_from_msg
from wiw_ros.qos import ODOMETRY

DRIFT_M, DRIFT_RAD = 0.02, 0.02
"""A base that stands does not go so far while it is listened to."""
SURE = 3.0
"""So many messages must fit into the age limit: one that is lost is no fault."""


class BaseChecks:
    """Odometry, what drives the base, and who else does."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._odometry = OdometryPort(visit.link, visit.profile)
        visit.expect(self._odometry.stream)

    def checks(self) -> Iterator[Callable[[], Iterator[Finding]]]:
        """Yield what is to be run once the robot has been heard."""
        yield from (self._topic, self._reading, self._interface, self._velocity)

    def _topic(self) -> Iterator[Finding]:
        age_s = self._visit.profile.base.odom_age_s
        stream = self._odometry.stream
        yield from self._visit.topic(stream, "nav_msgs/msg/Odometry", ODOMETRY, SURE / age_s, age_s)
        if stream.publishers() > 1:
            who = ", ".join(i.node_name for i in self._visit.publishers(stream.topic))
            advice = f"Published by {who}: one of them is enough."
            yield Finding(stream.topic, Grade.WARN, "has more than one publisher", advice)

    def _reading(self) -> Iterator[Finding]:
        stream = self._odometry.stream
        if not stream.count:
            return  # said above
        now = self._odometry.fresh()
        name, limits = f"{stream.topic} units", self._visit.profile.limits
        moved = pose_from_msg(stream.heard()[0].message.pose.pose).inverse() * now.pose
        seen = (
            f"({now.pose.x_m:.2f}, {now.pose.y_m:.2f}) m, {now.pose.yaw_rad:.2f} rad,"
            f" {now.forward_m_s:.2f} m/s, {now.turn_rad_s:.2f} rad/s"
        )
        if abs(now.forward_m_s) > 2 * limits.speed_m_s or (
            abs(now.turn_rad_s) > 2 * limits.turn_rad_s
        ):
            advice = "Faster than its limits allow: are these m/s and rad/s?"
            yield Finding(name, Grade.FAIL, seen, advice)
        elif math.hypot(moved.x_m, moved.y_m) > DRIFT_M or abs(moved.yaw_rad) > DRIFT_RAD:
            yield Finding(name, Grade.WARN, seen, "The base moves: let it stand, and look again.")
        else:
            yield Finding(name, Grade.OK, seen)

    def _interface(self) -> Iterator[Finding]:
        base = self._visit.profile.base
        if base.interface == "cmd_vel":
            return
        found = [
            self._visit.action(base.drive_action, "nav2_msgs", "DriveOnHeading"),
            self._visit.action(base.spin_action, "nav2_msgs", "Spin"),
        ]
        if base.interface == "auto" and any(f.grade is not Grade.OK for f in found):
            why = "; ".join(f"{f.name}: {f.seen}" for f in found if f.grade is not Grade.OK)
            advice = "The base is driven by velocity, without Nav2's look at obstacles ahead."
            yield Finding("Nav2", Grade.WARN, why, advice)
            return
        yield from found

    def _velocity(self) -> Iterator[Finding]:
        visit, base = self._visit, self._visit.profile.base
        topic = visit.link.node.resolve_topic_name(base.cmd_vel)
        drivers = visit.link.node.get_subscriptions_info_by_topic(topic)
        others = [i for i in visit.publishers(topic) if not i.node_name.startswith("_")]
        kinds = sorted({i.topic_type.rpartition("/")[2] for i in (*drivers, *others)})
        wanted = {"stamped": ["TwistStamped"], "plain": ["Twist"]}.get(base.twist, kinds[:1])
        seen = f"{', '.join(kinds) or 'no type'}; driven: {len(drivers)}, drivers: {len(others)}"
        if not drivers:
            advice = "Nobody listens to velocities: start the base's driver."
            yield Finding(topic, Grade.FAIL, seen, advice)
        elif kinds != wanted:
            advice = f"One type is wanted: {', '.join(wanted)}. Set base.twist, or mend the graph."
            yield Finding(topic, Grade.FAIL, seen, advice)
        elif len(others) > 1:
            who = ", ".join(sorted(i.node_name for i in others))
            advice = f"{who} all command the base: one command path at a time, else a multiplexer."
            yield Finding(topic, Grade.WARN, seen, advice)
        else:
            yield Finding(topic, Grade.OK, seen)
