"""What a robot environment is made of, connected to the robot of one profile."""

from __future__ import annotations

import math

from rclpy.node import Node

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose2
from wiw_env_bridge.robot.body import Body
from wiw_env_bridge.robot.cameras import CameraPort
from wiw_env_bridge.robot.gate import Failures, FrozenCameras
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.profile import RobotProfile
from wiw_env_bridge.robot.referee import Referee, make_referee


class Parts:
    """Link, transforms, cameras, body, referee and memory of one robot.

    Making it sends nothing and waits for nothing.
    """

    def __init__(self, profile: RobotProfile, beside: Node | None) -> None:
        self.profile = profile
        frames = profile.frames
        self.link = RobotLink(beside, tf=frames.tf, tf_static=frames.tf_static)
        try:
            self.body = _make_body(self.link, profile)
            self.cameras = [
                CameraPort(self.link, name, camera, profile.timing, profile.limits, self.locate)
                for name, camera in profile.cameras.items()
            ]
            if any(not camera.extrinsic for camera in profile.cameras.values()):
                self.link.transforms.frames()  # listens from now on
            self.referee: Referee = make_referee(self.link, profile, self.where)
        except BaseException:
            self.link.close()
            raise
        for port, camera in zip(self.cameras, profile.cameras.values()):
            # Three periods of a slow camera: one lost picture is no lost camera.
            self.link.require(port.image, max(profile.timing.image_age_s, 3.0 / camera.rate_hz))
            self.link.watch(port.check_newest)
        self.frozen = FrozenCameras(profile.limits)
        self.failures = Failures(profile.limits)

    def locate(self, frame: str, stamp_s: float) -> Array:
        """Return ``T_base_camera`` of an optical frame at a stamp."""
        wait_s = self.profile.timing.tf_wait_s
        return self.link.transforms.lookup(self.profile.frames.base, frame, stamp_s, wait_s)

    def where(self, frame: str) -> Pose2:
        """Return the base's pose in ``frames.odom`` by odometry, in another frame by tf."""
        if frame == self.profile.frames.odom:
            return self.body.state().base_pose
        wait_s = self.profile.timing.tf_wait_s
        m = self.link.transforms.lookup(frame, self.profile.frames.base, None, wait_s)
        return Pose2(float(m[0, 3]), float(m[1, 3]), math.atan2(m[1, 0], m[0, 0]))

    def close(self) -> None:
        """Hold, and leave the graph."""
        try:
            self.body.close()
        finally:
            self.link.close()


def _make_body(link: RobotLink, profile: RobotProfile) -> Body:
    if profile.kind == "base":
        from wiw_env_bridge.robot.base import BaseBody

        return BaseBody(link, profile)
    if profile.kind == "arm":
        from wiw_env_bridge.robot.arm.body import ArmBody

        return ArmBody(link, profile)
    raise WiwError(ErrorCode.BAD_PARAMETER, f"There is no robot of kind '{profile.kind}'.")
