"""What a robot sees where it stands: after it has settled, and never from before that."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2, wrap
from wiw_core.observation import Observation, View
from wiw_env_bridge.robot.base import BaseBody
from wiw_env_bridge.robot.cameras import CameraPort, take_all
from wiw_env_bridge.robot.panorama import Shot, look_around
from wiw_env_bridge.robot.parts import Parts

Check = Callable[[], None]


def _nothing() -> None:
    pass


class Eyes:
    """Takes observations of one robot.

    Parameters
    ----------
    halted : threading.Event
        Once set, nothing turns.
    still_only : bool
        Nothing may turn at all.
    """

    def __init__(self, parts: Parts, halted: threading.Event, still_only: bool) -> None:
        self._parts, self._halted, self._still_only = parts, halted, still_only
        self._timing = parts.profile.timing

    def ready(self) -> None:
        """Wait for a good picture of every camera; raises what is wrong with it.

        A transform that is not there yet is waited for as long as a driver.
        """
        until = time.monotonic() + self._timing.server_wait_s
        while True:
            left_s = max(0.0, until - time.monotonic())
            after_s = self._parts.link.now_s() - self._timing.image_age_s
            try:
                take_all(self._parts.cameras, after_s, left_s, _nothing)
                return
            except WiwError as error:
                if error.code is not ErrorCode.TF_UNAVAILABLE or left_s == 0.0:
                    raise

    def observe(self, episode_id: str, step: int, motion_end_s: float, check: Check) -> Observation:
        """Return a view of every camera, and the panorama by turning, if the profile has one.

        Parameters
        ----------
        motion_end_s : float
            ROS time; only pictures stamped more than ``timing.settle_s`` after it are taken.
        check : callable
            Raises to give up sooner.

        Raises
        ------
        WiwError
            ``STALE_OBSERVATION``, ``BAD_IMAGE``, ``TF_UNAVAILABLE``, ``FROZEN_CAMERA``; while
            turning also what the body raises; ``DRY_RUN`` if nothing may turn.
        """
        around: tuple[View, ...] = ()
        if self._parts.profile.panorama.turning:
            around = (self._panorama(motion_end_s, check),)
            motion_end_s = self._parts.link.now_s()
        patience_s = self._timing.image_age_s + self._timing.reacquire_s
        return self._seen(episode_id, step, motion_end_s, patience_s, check, around)

    def glance(self, episode_id: str, step: int, motion_end_s: float) -> Observation:
        """Return the views that need no turning, soon or not at all."""
        patience_s = self._timing.image_age_s
        return self._seen(episode_id, step, motion_end_s, patience_s, _nothing, ())

    def _seen(
        self,
        episode_id: str,
        step: int,
        motion_end_s: float,
        patience_s: float,
        check: Check,
        around: tuple[View, ...],
    ) -> Observation:
        views, stamp_s = self._take(self._parts.cameras, motion_end_s, patience_s, check)
        state = self._parts.body.state()
        return Observation(
            episode_id,
            step,
            (*views, *around),
            base_pose=state.base_pose,
            stamp_s=stamp_s,
            joints=state.joints,
            tool_pose=state.tool_pose,
            gripper=state.gripper,
        )

    def _take(
        self, cameras: list[CameraPort], motion_end_s: float, patience_s: float, check: Check
    ) -> tuple[tuple[View, ...], float]:
        now = self._parts.link.now_s()
        after_s = max(motion_end_s + self._timing.settle_s, now - self._timing.image_age_s)
        wait_s = max(0.0, after_s - now) + patience_s
        views, stamp_s = take_all(cameras, after_s, wait_s, check)
        for view in views:
            self._parts.frozen.seen(view.name, view.rgb)
        return views, stamp_s

    def _panorama(self, motion_end_s: float, check: Check) -> View:
        if self._still_only:
            raise WiwError(
                ErrorCode.DRY_RUN, "In a dry run the robot does not turn to look around."
            )
        parts, settings = self._parts, self._parts.profile.panorama
        camera = [c for c in parts.cameras if c.name == settings.turning]
        base = parts.body
        assert isinstance(base, BaseBody)  # the profile was refused otherwise
        start = base.state().base_pose.yaw_rad
        ended = motion_end_s

        def heading() -> float:
            return wrap(base.state().base_pose.yaw_rad - start)

        def turn_to(angle_rad: float) -> None:
            nonlocal ended
            # By the odometry, so that errors of single turns do not add up.
            turn = wrap(angle_rad - heading())
            outcome = base.move(Pose2(0.0, 0.0, turn), self._halted)
            check()
            if outcome.collided or outcome.code is not ErrorCode.OK or outcome.stopped:
                raise WiwError(
                    ErrorCode.ACTION_FAILED,
                    f"The robot could not turn to look around. {outcome.message}".strip(),
                )
            parts.frozen.moved(0.0, abs(turn))
            ended = outcome.motion_end_s

        def shoot() -> Shot:
            patience_s = self._timing.image_age_s + self._timing.reacquire_s
            views, _ = self._take(camera, ended, patience_s, check)
            return Shot(views[0], heading())

        return look_around(settings, turn_to, shoot, heading)
