"""A base as a body: the gate before each primitive, a look at the odometry after it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import replace

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2, wrap
from wiw_core.plans import NAVIGATION, NAVIGATION_DELTA, Action, ActionSpec, Plan, check_plan
from wiw_env_bridge.robot.base.driven import Mover
from wiw_env_bridge.robot.base.nav2 import Nav2Mover
from wiw_env_bridge.robot.base.odometry import OdometryPort, Reading
from wiw_env_bridge.robot.base.velocity import VelocityMover
from wiw_env_bridge.robot.body import BodyState, Outcome
from wiw_env_bridge.robot.gate import (
    check_base_step,
    check_displacement,
    check_speed_seen,
    check_twist,
)
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.profile import RobotProfile

CARRY_RAD = 0.2
"""Largest error of heading that later turns take up; a larger one is not the motors'."""


class BaseBody:
    """The navigation primitives on a real base; see :class:`wiw_env_bridge.robot.body.Body`.

    What a turn, or a drive, left over of its heading is added to the next turn: so the errors of
    single turns do not add up, and sixteen of them are a full circle.
    """

    def __init__(self, link: RobotLink, profile: RobotProfile) -> None:
        self._link, self._profile = link, profile
        self.odometry = OdometryPort(link, profile)
        self._mover: Mover | None = None
        self._left_rad = 0.0
        link.watch(self._check_speed)

    @property
    def actions(self) -> Mapping[str, ActionSpec]:
        """The navigation primitives."""
        return NAVIGATION

    def ready(self) -> None:
        """Wait for odometry and for what moves the base; with ``auto``, choose it."""
        self._left_rad = 0.0
        self.odometry.ready()
        if self._mover is None:
            self._mover = self._choose()
        self._mover.ready()

    def state(self) -> BodyState:
        """Return where the odometry says the base is; waits a little where that is not known."""
        reading = self.odometry.standing()
        age = self._link.now_s() - reading.stamp_s
        return BodyState(base_pose=reading.pose, stamp_s=reading.stamp_s, age_s=age)

    def check(self, plan: Plan) -> None:
        """Pass a plan through the gate without moving."""
        check_plan(plan, self.actions)
        for action in plan.actions:
            self._gate(NAVIGATION_DELTA[action.name])

    def execute(self, action: Action, halted: threading.Event) -> Outcome:
        """Execute one primitive; see :class:`wiw_env_bridge.robot.body.Body`."""
        delta = NAVIGATION_DELTA[action.name]
        before = self.odometry.fresh().pose.yaw_rad
        carried = self._carried(delta) if delta.x_m == 0.0 else 0.0
        outcome = self.move(replace(delta, yaw_rad=delta.yaw_rad + carried), halted)
        turned = wrap(self.odometry.fresh().pose.yaw_rad - before)
        left = self._left_rad + delta.yaw_rad - turned
        done = outcome.code is ErrorCode.OK and not (outcome.collided or outcome.stopped)
        self._left_rad = left if done and abs(left) <= CARRY_RAD else 0.0
        return outcome

    def _carried(self, delta: Pose2) -> float:
        """Return what this turn takes up of what is left over, within what the gate allows."""
        most = max(0.0, self._profile.limits.step_rad - abs(delta.yaw_rad))
        sign = math.copysign(1.0, delta.yaw_rad)
        return sign * min(sign * self._left_rad, most)

    def move(self, delta: Pose2, halted: threading.Event) -> Outcome:
        """Drive straight or turn in place by any amount that the gate lets through."""
        if self._mover is None:
            self.ready()
        mover = self._mover
        assert mover is not None  # ready() has chosen it
        self._gate(delta)
        before = self.odometry.fresh().pose
        try:
            driven = mover.drive(delta, halted)
            after = self._come_to_rest()
        except BaseException:
            self.hold()
            self._rest_quietly()
            raise
        moved = before.inverse() * after.pose
        if not driven.stopped:
            short = driven.collided or driven.code is not ErrorCode.OK
            check_displacement(delta, moved, short, self._profile.limits)
        return Outcome(
            motion_end_s=self._link.now_s(),
            path_m=before.distance_m(after.pose),
            collided=driven.collided,
            code=driven.code,
            message=driven.message,
            stopped=driven.stopped,
        )

    def hold(self) -> None:
        """Stop now; see :class:`wiw_env_bridge.robot.body.Body`."""
        if self._mover is not None:
            self._mover.hold()

    def motion(self) -> tuple[Pose2, float, float]:
        """Return ``T_odom_base`` and speeds by the newest odometry, zeros without any."""
        reading = self.odometry.newest()
        if reading is None:
            return Pose2(), 0.0, 0.0
        return reading.pose, reading.forward_m_s, reading.turn_rad_s

    def close(self) -> None:
        """Hold; the link closes what it has made."""
        self.hold()

    def _choose(self) -> Mover:
        wanted = self._profile.base.interface
        if wanted == "cmd_vel":
            return VelocityMover(self._link, self._profile, self.odometry)
        try:
            nav2 = Nav2Mover(self._link, self._profile)
        except WiwError as error:
            if wanted == "nav2" or error.code is not ErrorCode.INTERFACE_MISSING:
                raise
            self._link.warn(f"{error} The base is driven by velocity.")
            return VelocityMover(self._link, self._profile, self.odometry)
        if wanted == "nav2":
            return nav2
        half_s = self._profile.timing.server_wait_s / 2.0
        if self._link.until(lambda: nav2.offered() or None, half_s, lambda: None):
            return nav2
        self._link.warn("Nav2's DriveOnHeading and Spin are not offered: driving by velocity.")
        return VelocityMover(self._link, self._profile, self.odometry)

    def _gate(self, delta: Pose2) -> None:
        """Raise what forbids this motion now."""
        base, limits = self._profile.base, self._profile.limits
        check_base_step(delta.x_m, delta.yaw_rad, limits)
        check_twist(base.speed_m_s, base.turn_rad_s, limits)
        self._link.check_alive()
        self.odometry.fresh()

    def _check_speed(self) -> None:
        reading = self.odometry.newest()
        if reading is not None:  # its absence is noticed by its age
            check_speed_seen(reading.forward_m_s, reading.turn_rad_s, self._profile.limits)

    def _come_to_rest(self) -> Reading:
        wait_s = self._profile.timing.cancel_s
        resting = self.odometry.rest(time.monotonic(), wait_s, self._link.check_alive)
        if resting is None:
            raise WiwError(
                ErrorCode.ACTION_FAILED,
                f"The base still moves {wait_s:g} s after it was told to stop.",
                "Use its own emergency stop; then look at its driver's command time-out.",
            )
        return resting

    def _rest_quietly(self) -> None:
        try:
            self._come_to_rest()
        except WiwError as error:
            self._link.warn(str(error))
