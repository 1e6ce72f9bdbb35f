"""Do the cameras say what the profile promises of them?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from wiw.doctor import Finding, Grade
from wiw.doctor_robot.visit import Visit
from wiw_core.geometry import Array
from wiw_core.observation import Projection, View
from wiw_env_bridge.robot.cameras import CameraPort
from wiw_env_bridge.robot.sections import Camera
from wiw_ros.qos import SENSOR

FIELD_DEG = (20.0, 150.0)
"""Fields of view of usual lenses."""
NEAR_M = 0.05
"""A nearer median depth is no scene, or not in metres."""


class CameraChecks:
    """Topics, pictures, depth and places of all cameras."""

    def __init__(self, visit: Visit) -> None:
        self._visit, profile = visit, visit.profile
        self._ports = [
            (
                camera,
                CameraPort(visit.link, name, camera, profile.timing, profile.limits, self._locate),
            )
            for name, camera in profile.cameras.items()
        ]
        for _, port in self._ports:
            visit.expect(*port.streams)
        if any(not camera.extrinsic for camera, _ in self._ports):
            visit.start_tf()

    def checks(self) -> Iterator[Callable[[], Iterator[Finding]]]:
        """Yield what is to be run once the robot has been heard."""
        for camera, port in self._ports:
            yield partial(self._topics, camera, port)
            yield partial(self._view, camera, port)

    def _topics(self, camera: Camera, port: CameraPort) -> Iterator[Finding]:
        image = "CompressedImage" if camera.compressed else "Image"
        age_s = self._visit.profile.timing.image_age_s
        for stream, kind in (
            (port.image, image),
            (port.info, "CameraInfo"),
            (port.depth, "Image"),
            (port.depth_info, "CameraInfo"),
        ):
            if stream is not None:
                yield from self._visit.topic(
                    stream, f"sensor_msgs/msg/{kind}", SENSOR, camera.rate_hz, age_s
                )

    def _view(self, camera: Camera, port: CameraPort) -> Iterator[Finding]:
        """Take pictures as an episode would: encoding, size, matrix, frames and tf must fit."""
        name = f"camera '{port.name}'"
        if any(stream.count == 0 for stream in port.streams):
            return  # said above
        wait_s = 3.0 / camera.rate_hz
        now = self._visit.link.now_s()
        view, stamp = port.take(now - self._visit.profile.timing.image_age_s, wait_s, _nothing)
        later, _ = port.take(stamp, wait_s, _nothing)
        height, width = view.size
        place = ", ".join(f"{v:.2f}" for v in view.T_base_camera[:3, 3])
        yield Finding(name, Grade.OK, f"{width}x{height} pixels, at ({place}) m in the base frame")
        if np.array_equal(view.rgb, later.rgb):
            seen = "two pictures have the same pixels"
            advice = "A real sensor is noisy: does it still look, or repeat its last picture?"
            yield Finding(name, Grade.WARN, seen, advice)
        if view.projection is Projection.PERSPECTIVE:
            yield from _lens(name, view)
        if view.depth is not None:
            yield _depth(name, view, camera.depth_max_m)

    def _locate(self, frame: str, stamp_s: float) -> Array:
        profile = self._visit.profile
        wait_s = profile.timing.tf_wait_s
        return self._visit.link.transforms.lookup(profile.frames.base, frame, stamp_s, wait_s)


def _lens(name: str, view: View) -> Iterator[Finding]:
    height, width = view.size
    fx, fy = float(view.intrinsics[0, 0]), float(view.intrinsics[1, 1])
    cx, cy = float(view.intrinsics[0, 2]), float(view.intrinsics[1, 2])
    field = math.degrees(2.0 * math.atan2(width, 2.0 * fx))
    seen = f"field of view {field:.0f} degrees, centre ({cx:.0f}, {cy:.0f})"
    odd = (
        not FIELD_DEG[0] <= field <= FIELD_DEG[1]
        or not 0.8 <= fx / fy <= 1.25
        or not 0.3 <= cx / width <= 0.7
        or not 0.3 <= cy / height <= 0.7
    )
    if odd:
        advice = "Is camera_info of this camera, at this size? Calibrate it."
        yield Finding(f"{name} lens", Grade.WARN, seen, advice)
    else:
        yield Finding(f"{name} lens", Grade.OK, seen)


def _depth(name: str, view: View, max_m: float) -> Finding:
    assert view.depth is not None
    known = view.depth[view.depth > 0.0]
    share = known.size / view.depth.size
    if known.size == 0:
        advice = "Is it aligned, and does it see anything between its limits?"
        return Finding(f"{name} depth", Grade.FAIL, "no pixel of it is known", advice)
    low, middle, high = (float(v) for v in np.percentile(known, (2, 50, 98)))
    seen = f"{low:.2f} to {high:.2f} m, median {middle:.2f} m, {share:.0%} known"
    if middle < NEAR_M or middle > max_m / 2.0:
        advice = "Metres are wanted (32FC1), or millimetres as 16UC1."
        return Finding(f"{name} depth", Grade.FAIL, seen, advice)
    if share < 0.2:
        return Finding(f"{name} depth", Grade.WARN, seen, "Most of it is unknown.")
    return Finding(f"{name} depth", Grade.OK, seen)


def _nothing() -> None:
    return None
