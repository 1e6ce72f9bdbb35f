"""Where the base is and how it moves, by its odometry."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from nav_msgs.msg import Odometry

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_env_bridge.robot.gate import Input, check_fresh, check_reading
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.profile import RobotProfile
from wiw_env_bridge.robot.streams import Heard, Stream
from wiw_ros.convert import pose_from_msg


@dataclass(frozen=True)
class Reading:
    """``T_odom_base``, speeds in m/s and rad/s, and when (ROS time, steady time)."""

    pose: Pose2
    forward_m_s: float
    turn_rad_s: float
    stamp_s: float
    arrived_s: float


class OdometryPort:
    """Listens to one topic of nav_msgs/Odometry and believes only what is new, finite and ours."""

    def __init__(self, link: RobotLink, profile: RobotProfile) -> None:
        self._link, self._profile = link, profile
        self.stream: Stream[Odometry] = link.listen(Odometry, profile.base.odom, keep=16, depth=10)
        link.require(self.stream, profile.base.odom_age_s)

    def ready(self) -> None:
        """Wait up to ``timing.server_wait_s`` for a good reading; raises why there is none."""
        if self._link.until(self._good, self._profile.timing.server_wait_s, lambda: None) is None:
            self.fresh()

    def fresh(self) -> Reading:
        """Return the newest reading; raises ``STALE_OBSERVATION`` or ``TF_UNAVAILABLE``."""
        topic, age = self.stream.topic, self.stream.age_s()
        check_fresh([Input(topic, age, self._profile.base.odom_age_s)], self._profile.limits)
        heard = self.stream.latest()
        if heard is None:  # forgotten between the two looks
            raise WiwError(ErrorCode.STALE_OBSERVATION, f"'{topic}' has said nothing yet.")
        return self._reading(heard)

    def standing(self) -> Reading:
        """Return as :meth:`fresh`; a base that stands has ``timing.reacquire_s`` to give one."""
        reading = self._link.until(self._good, self._profile.timing.reacquire_s, lambda: None)
        return self.fresh() if reading is None else reading

    def _good(self) -> Reading | None:
        try:
            return self.fresh()
        except WiwError as error:
            if error.code is ErrorCode.STALE_OBSERVATION:
                return None
            raise

    def newest(self) -> Reading | None:
        """Return the newest reading whatever its age; None if there is none that makes sense."""
        heard = self.stream.latest()
        try:
            return None if heard is None else self._reading(heard)
        except WiwError:
            return None

    def rest(
        self, since_s: float, timeout_s: float, check: Callable[[], None] = lambda: None
    ) -> Reading | None:
        """Return the first reading that arrived after ``since_s`` (steady) and says: standing.

        None if there was none within ``timeout_s``.
        """

        def standing() -> Reading | None:
            for heard in self.stream.heard():
                if heard.arrived_s <= since_s:
                    continue
                reading = self._reading(heard)
                base = self._profile.base
                if (
                    abs(reading.forward_m_s) <= base.still_m_s
                    and abs(reading.turn_rad_s) <= base.still_rad_s
                ):
                    return reading
            return None

        return self._link.until(standing, timeout_s, check)

    def _reading(self, heard: Heard[Odometry]) -> Reading:
        message, topic = heard.message, self.stream.topic
        p, q = message.pose.pose.position, message.pose.pose.orientation
        v, w = message.twist.twist.linear.x, message.twist.twist.angular.z
        check_reading(topic, (p.x, p.y, p.z, q.x, q.y, q.z, q.w, v, w))
        frames = self._profile.frames
        told = message.header.frame_id, message.child_frame_id
        if told != (frames.odom, frames.base):
            raise WiwError(
                ErrorCode.TF_UNAVAILABLE,
                f"'{topic}' tells of '{told[1]}' in '{told[0]}';"
                f" '{frames.base}' in '{frames.odom}' is wanted.",
                "Set frames.odom and frames.base in the profile.",
            )
        try:
            pose = pose_from_msg(message.pose.pose)
        except WiwError as error:
            raise WiwError(ErrorCode.STALE_OBSERVATION, f"'{topic}': {error}") from error
        return Reading(pose, float(v), float(w), heard.stamp_s, heard.arrived_s)


class Progress:
    """How far the base has come on a straight drive or a turn, in metres or radians, signed.

    Turns add up beyond half a circle.
    """

    def __init__(self, start: Pose2, turning: bool) -> None:
        self._start, self._turning = start, turning
        self._last_yaw, self._turned = start.yaw_rad, 0.0

    def of(self, pose: Pose2) -> float:
        """Return the progress at this pose; each call sees the next pose."""
        self._turned += math.remainder(pose.yaw_rad - self._last_yaw, math.tau)
        self._last_yaw = pose.yaw_rad
        return self._turned if self._turning else (self._start.inverse() * pose).x_m
