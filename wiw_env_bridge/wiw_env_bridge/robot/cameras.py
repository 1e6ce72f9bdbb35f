"""The cameras of a robot: one fresh, whole and consistent view of each."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose3
from wiw_core.observation import Depth, Projection, View
from wiw_env_bridge.robot.gate import Input, Limits, check_fresh
from wiw_env_bridge.robot.images import (
    Calibration,
    calibration,
    check_depth,
    check_image,
    depth_from_image,
    rgb_from_compressed,
    rgb_from_image,
)
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.sections import Camera, Timing
from wiw_env_bridge.robot.streams import Heard, Stream

LocateFrame = Callable[[str, float], Array]
"""Takes an optical frame and a stamp, returns ``T_base_camera`` (4, 4)."""


@dataclass(frozen=True)
class _Set:
    """What one camera said of one instant."""

    image: Heard[Any]
    info: Heard[CameraInfo] | None
    depth: Heard[Image] | None
    depth_info: Heard[CameraInfo] | None


class CameraPort:
    """One camera.

    Parameters
    ----------
    locate : callable
        Gives ``T_base_camera`` where the profile has no extrinsic.
    """

    def __init__(
        self,
        link: RobotLink,
        name: str,
        camera: Camera,
        timing: Timing,
        limits: Limits,
        locate: LocateFrame,
    ) -> None:
        self._link, self.name, self._camera = link, name, camera
        self._timing, self._limits, self._locate = timing, limits, locate
        kind: Any = CompressedImage if camera.compressed else Image
        self.image: Stream[Any] = link.listen(kind, camera.image)
        self.info = _maybe(link, CameraInfo, camera.info)
        self.depth = _maybe(link, Image, camera.depth)
        self.depth_info = _maybe(link, CameraInfo, camera.depth_info)
        self._checked: Any = None

    @property
    def streams(self) -> tuple[Stream[Any], ...]:
        """Every topic of this camera."""
        parts = (self.image, self.info, self.depth, self.depth_info)
        return tuple(stream for stream in parts if stream is not None)

    def take(self, after_s: float, wait_s: float, check: Callable[[], None]) -> tuple[View, float]:
        """Return the first whole view stamped after ``after_s`` (ROS time), and its stamp.

        A view that is older than ``timing.image_age_s`` when it comes is passed over. Waits up to
        ``wait_s``; ``check`` raises to give up sooner.

        Raises
        ------
        WiwError
            ``STALE_OBSERVATION`` naming topic and age, ``BAD_IMAGE``, ``TF_UNAVAILABLE``.
        """
        seen = self._link.until(lambda: self._first(after_s), wait_s, check)
        if seen is None:
            raise self._stale(after_s)
        age_s = self._link.now_s() - seen.image.stamp_s
        check_fresh([Input(self.image.topic, age_s, self._timing.image_age_s)], self._limits)
        return self._view(seen), seen.image.stamp_s

    def check_newest(self) -> None:
        """Raise ``BAD_IMAGE`` if what came last could not be a view; quick, decodes nothing."""
        image = self.image.latest()
        if image is None or image is self._checked:
            return
        self._checked = image
        if not self._camera.compressed:
            check_image(image.message, self.image.topic)
        depth = None if self.depth is None else self.depth.latest()
        if self.depth is not None and depth is not None:
            check_depth(depth.message, self.depth.topic)
        info = None if self.info is None else self.info.latest()
        if self.info is not None and info is not None and not self._camera.compressed:
            size = image.message.height, image.message.width
            calibration(info.message, size, self.info.topic, self._camera.rectified)
        self._frame(_Set(image, info, depth, None))

    def _first(self, after_s: float) -> _Set | None:
        oldest_s = max(after_s, self._link.now_s() - self._timing.image_age_s)
        for image in self.image.heard():
            if image.stamp_s <= oldest_s:
                continue
            others = [self._beside(s, image) for s in (self.info, self.depth, self.depth_info)]
            if all(known for known, _ in others):
                return _Set(image, *(message for _, message in others))
        return None

    def _beside(
        self, stream: Stream[Any] | None, image: Heard[Any]
    ) -> tuple[bool, Heard[Any] | None]:
        """Return whether the message that belongs to this image is known, and the message."""
        if stream is None:
            return True, None
        heard = stream.heard()
        nearest = min(heard, key=lambda h: abs(h.stamp_s - image.stamp_s), default=None)
        if nearest is None or abs(nearest.stamp_s - image.stamp_s) > self._timing.pair_s:
            return False, None
        return True, nearest

    def _stale(self, after_s: float) -> WiwError:
        now = self._link.now_s()
        limit_s = min(self._timing.image_age_s, max(now - after_s, 0.0))
        for stream in self.streams:
            newest = stream.latest()
            if newest is None:
                how = "has said nothing yet"
            elif now - newest.stamp_s > limit_s:
                how = f"is {now - newest.stamp_s:.2f} s old by its stamp"
            else:
                continue
            return WiwError(
                ErrorCode.STALE_OBSERVATION,
                f"'{stream.topic}' {how}; the limit is {limit_s:.2f} s.",
                "Is its driver alive, and are the clocks of both computers synchronised?",
            )
        names = ", ".join(f"'{s.topic}'" for s in self.streams)
        return WiwError(
            ErrorCode.STALE_OBSERVATION,
            f"Camera '{self.name}' gave no set of {names} within {self._timing.pair_s:g} s of one"
            " another.",
            "Does its driver stamp them alike? Raise timing.pair_s only if the robot is still.",
        )

    def _view(self, seen: _Set) -> View:
        camera, topic = self._camera, self.image.topic
        decode: Any = rgb_from_compressed if camera.compressed else rgb_from_image
        rgb = decode(seen.image.message, topic)
        size = rgb.shape[0], rgb.shape[1]
        frame = self._frame(seen)
        lens = None
        if self.info is not None and seen.info is not None:
            lens = calibration(seen.info.message, size, self.info.topic, camera.rectified)
            rgb = lens.straighten(rgb)
        depth = self._depth(seen, size, lens)
        panorama = camera.projection == "equirectangular"
        if panorama and not 1.5 <= size[1] / size[0] <= 2.5:
            raise WiwError(
                ErrorCode.BAD_IMAGE,
                f"'{topic}' has {size[1]}x{size[0]} pixels; a panorama of 360 x 180 degrees is"
                " about twice as wide as high.",
            )
        return View(
            self.name,
            rgb,
            Projection.EQUIRECTANGULAR if panorama else Projection.PERSPECTIVE,
            depth,
            np.zeros((3, 3)) if lens is None or panorama else lens.intrinsics,
            self._pose(frame, seen.image.stamp_s),
        )

    def _depth(self, seen: _Set, size: tuple[int, int], lens: Calibration | None) -> Depth | None:
        if self.depth is None or seen.depth is None:
            return None
        depth = depth_from_image(seen.depth.message, self.depth.topic, self._camera.depth_max_m)
        if depth.shape != size:
            raise WiwError(
                ErrorCode.BAD_IMAGE,
                f"'{self.depth.topic}' has {depth.shape[1]}x{depth.shape[0]} pixels, the image"
                f" {size[1]}x{size[0]}: the depth must be registered to the image.",
            )
        if self.depth_info is not None and seen.depth_info is not None and lens is not None:
            rectified = self._camera.rectified
            other = calibration(seen.depth_info.message, size, self.depth_info.topic, rectified)
            if not np.allclose(other.k, lens.k, rtol=1e-3, atol=0.5):
                raise WiwError(
                    ErrorCode.BAD_IMAGE,
                    f"'{self.depth_info.topic}' has another matrix than the image: the depth must"
                    " be registered to the image.",
                )
        return depth if lens is None else np.asarray(lens.straighten(depth, nearest=True))

    def _frame(self, seen: _Set) -> str:
        """Return the optical frame that all messages agree on."""
        frame = str(seen.image.message.header.frame_id)
        wanted = self._camera.frame or frame
        for stream, heard in zip(
            (self.image, self.info, self.depth), (seen.image, seen.info, seen.depth)
        ):
            if stream is None or heard is None:
                continue
            told = str(heard.message.header.frame_id)
            if told != wanted:
                raise WiwError(
                    ErrorCode.BAD_IMAGE,
                    f"'{stream.topic}' has the frame '{told}'; '{wanted}' is wanted.",
                )
        if not wanted and not self._camera.extrinsic:
            raise WiwError(ErrorCode.BAD_IMAGE, f"'{self.image.topic}' has no frame_id.")
        return wanted

    def _pose(self, frame: str, stamp_s: float) -> Array:
        if self._camera.extrinsic:
            return Pose3(*self._camera.extrinsic).matrix()
        return self._locate(frame, stamp_s)


def take_all(
    ports: list[CameraPort], after_s: float, wait_s: float, check: Callable[[], None]
) -> tuple[tuple[View, ...], float]:
    """Return a view of every camera within ``wait_s``, and the oldest stamp."""
    until = time.monotonic() + wait_s
    taken = [port.take(after_s, max(0.0, until - time.monotonic()), check) for port in ports]
    return tuple(view for view, _ in taken), min(stamp for _, stamp in taken)


def _maybe(link: RobotLink, kind: Any, topic: str) -> Stream[Any] | None:
    return link.listen(kind, topic) if topic else None
