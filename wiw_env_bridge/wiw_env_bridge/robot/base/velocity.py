"""The base by velocity commands, closed on its odometry: for robots without Nav2."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import Any

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.qos import QoSProfile, ReliabilityPolicy

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_env_bridge.robot.base.driven import Driven
from wiw_env_bridge.robot.base.odometry import OdometryPort, Progress
from wiw_env_bridge.robot.gate import check_twist
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.profile import RobotProfile
from wiw_env_bridge.robot.sections import BaseSettings

STAMPED, PLAIN = "geometry_msgs/msg/TwistStamped", "geometry_msgs/msg/Twist"
ZEROS = 3
"""A stop is said so often: one message may be lost."""
_LAG_S = 0.1
"""From what the odometry saw to what a command does: braking begins so much earlier."""


@dataclass(frozen=True)
class _Axis:
    """Numbers of a drive (m) or of a turn (rad).

    Attributes
    ----------
    top, ramp : float
        Greatest speed, and its change per second.
    near : float
        It ends this near.
    creep : float
        Slowest command on the last bit: below it many motors do not turn at all.
    least : float
        Least progress that counts.
    back : float
        Going the other way by more than this is a wrong sign somewhere.
    """

    top: float
    ramp: float
    near: float
    creep: float
    least: float
    back: float


def _axis(base: BaseSettings, turning: bool) -> _Axis:
    if turning:
        ramp = base.turn_acceleration_rad_s2
        return _Axis(base.turn_rad_s, ramp, base.tolerance_rad, 0.05, 0.01, 0.1)
    return _Axis(base.speed_m_s, base.acceleration_m_s2, base.tolerance_m, 0.02, 0.005, 0.05)


class VelocityMover:
    """Publishes ``cmd_vel`` while it drives, and only then; ends with zero, whatever happens."""

    def __init__(self, link: RobotLink, profile: RobotProfile, odometry: OdometryPort) -> None:
        self._link, self._profile, self._odometry = link, profile, odometry
        self._topic = link.node.resolve_topic_name(profile.base.cmd_vel)
        self._publisher: Any = None
        self._stamped = False
        self._driving = False

    def offered(self) -> bool:
        """Tell whether somebody listens to the velocity topic."""
        return bool(self._listeners())

    def ready(self) -> None:
        """Wait for a listener; take the message type that it wants."""
        wait_s = self._profile.timing.server_wait_s
        types = self._link.until(lambda: self._listeners() or None, wait_s, lambda: None)
        if not types:
            raise WiwError(
                ErrorCode.ACTION_SERVER_LOST,
                f"Nobody listens to '{self._topic}' as a velocity; waited {wait_s:g} s.",
                "Is the robot's driver running? Is base.twist right?",
            )
        if self._publisher is not None:
            return
        if len(types) > 1:
            self._link.warn(f"'{self._topic}' is heard as Twist and as TwistStamped.")
        self._stamped = STAMPED in types
        qos = QoSProfile(depth=ZEROS, reliability=ReliabilityPolicy.RELIABLE)
        kind = TwistStamped if self._stamped else Twist
        self._publisher = self._link.node.create_publisher(kind, self._topic, qos)
        matched = self._publisher.get_subscription_count
        self._link.until(lambda: matched() or None, wait_s, lambda: None)

    def drive(self, delta: Pose2, halted: threading.Event) -> Driven:
        """Drive or turn until the odometry says that it is done."""
        self._driving = True
        try:
            return self._loop(delta, halted)
        finally:
            self._zero()
            self._driving = False

    def hold(self) -> None:
        """Zero velocity, while this drives: at other times the topic belongs to others."""
        if self._driving:
            self._zero()

    def _loop(self, delta: Pose2, halted: threading.Event) -> Driven:
        base = self._profile.base
        turning = delta.x_m == 0.0
        target = delta.yaw_rad if turning else delta.x_m
        axis = _axis(base, turning)
        sign, period_s = math.copysign(1.0, target), 1.0 / base.rate_hz
        progress = Progress(self._odometry.fresh().pose, turning)
        began = advanced = time.monotonic()
        limit_s = self._profile.timing.result_s(abs(target) / axis.top + axis.top / axis.ramp)
        best, speed = 0.0, 0.0
        while not halted.is_set():
            self._require_listener()
            self._link.check_alive()
            done = sign * progress.of(self._odometry.fresh().pose)
            left, now = abs(target) - done, time.monotonic()
            if left <= axis.near:
                return Driven()
            if done < -axis.back:
                raise _wrong_way(self._odometry.stream.topic, turning)
            if done >= best + axis.least:
                best, advanced = done, now
            if now - advanced > base.stuck_s:
                return Driven(collided=True, message="The base does not get on.")
            if now - began > limit_s:
                raise WiwError(
                    ErrorCode.ACTION_FAILED,
                    f"The base has not done {abs(target):.2f} within {limit_s:.1f} s; it is at"
                    f" {done:.2f}.",
                )
            brake = math.sqrt(axis.ramp * max(0.0, left - speed * _LAG_S))  # at half the ramp
            speed = min(axis.top, speed + axis.ramp * period_s, max(axis.creep, brake))
            self._publish(0.0 if turning else sign * speed, sign * speed if turning else 0.0)
            halted.wait(period_s)
        return Driven(stopped=True)

    def _publish(self, forward_m_s: float, turn_rad_s: float) -> None:
        check_twist(forward_m_s, turn_rad_s, self._profile.limits)
        message: Any = TwistStamped() if self._stamped else Twist()
        if self._stamped:
            message.header.stamp = self._link.node.get_clock().now().to_msg()
            message.header.frame_id = self._profile.frames.base
        twist = message.twist if self._stamped else message
        twist.linear.x, twist.angular.z = float(forward_m_s), float(turn_rad_s)
        self._publisher.publish(message)

    def _zero(self) -> None:
        for _ in range(ZEROS):
            try:
                self._publish(0.0, 0.0)
            except Exception as error:  # noqa: BLE001 - try again, and let the caller go on
                self._link.warn(f"Zero velocity could not be published: {error}")

    def _require_listener(self) -> None:
        if not self._publisher.get_subscription_count():
            raise WiwError(
                ErrorCode.ACTION_SERVER_LOST, f"Nobody listens to '{self._topic}' any more."
            )

    def _listeners(self) -> set[str]:
        """Return the message types that the topic is heard as, of those the profile allows."""
        allowed = {"auto": {STAMPED, PLAIN}, "stamped": {STAMPED}, "plain": {PLAIN}}
        heard = self._link.node.get_subscriptions_info_by_topic(self._topic)
        return {info.topic_type for info in heard} & allowed[self._profile.base.twist]


def _wrong_way(topic: str, turning: bool) -> WiwError:
    what = "turned the other way" if turning else "went backwards"
    return WiwError(
        ErrorCode.DISPLACEMENT_MISMATCH,
        f"By '{topic}' the base {what} when it was told to go on.",
        "Check the signs and units of the odometry and of the velocity topic.",
    )
