"""The cameras of a simulated robot: standard topics, noisy frames, and what faults do to them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from wiw_core.geometry import Array
from wiw_core.observation import Depth, Rgb
from wiw_env_bridge.simulated_robot.faults import Faults
from wiw_ros.convert.images import camera_info_to_msg, depth_to_msg, image_to_msg, payload
from wiw_ros.qos import SENSOR

JPEG_QUALITY = 95


@dataclass(frozen=True)
class Moment:
    """What there is to see now: two equal keys show the same; the stamp is ROS time."""

    key: Hashable
    stamp: Time


class Scene(Protocol):
    """What the cameras look at; called from the cameras' thread."""

    def moment(self) -> Moment:
        """Return the present state, at once."""
        ...

    def draw(self, camera: str, key: Hashable) -> tuple[Rgb, Depth]:
        """Return what a camera sees in that state: (H, W, 3) uint8 and (H, W) float32 metres."""
        ...


class SensorNoise:
    """Makes any two frames differ, as those of a real camera do; repeatable from its seed.

    Parameters
    ----------
    levels : float
        Standard deviation of each colour channel, of 255.
    share : float
        Standard deviation of the depth, as a share of it.
    """

    def __init__(self, levels: float, share: float, pixels: int, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._levels, self._share = levels, share
        # drawn once, then read from a new place for each frame: normal numbers are costly
        size = 3 * pixels + 4096
        self._grey = np.rint(self._rng.normal(0.0, levels, size)).astype(np.int16)
        self._part = (1.0 + self._rng.normal(0.0, share, pixels + 4096)).astype(np.float32)

    def colours(self, rgb: Rgb) -> Rgb:
        """Return the image with noise, (H, W, 3) uint8."""
        if self._levels == 0.0:
            return rgb
        noise = self._at_random(self._grey, rgb.size).reshape(rgb.shape)
        return np.asarray(cv2.add(rgb, noise, dtype=cv2.CV_8U), np.uint8)

    def depth(self, depth: Depth) -> Depth:
        """Return the depth with noise, (H, W) float32; what is unknown stays 0."""
        if self._share == 0.0:
            return depth
        noise = self._at_random(self._part, depth.size).reshape(depth.shape)
        return np.asarray(np.maximum(depth * noise, 0.0), np.float32)

    def _at_random(self, bank: Any, size: int) -> Any:
        at = int(self._rng.integers(0, len(bank) - size))
        return bank[at : at + size]


class CameraTopics:
    """One camera's topics; nothing is made for whom nobody listens.

    Parameters
    ----------
    prefix : str
        Before ``image_raw``, ``camera_info``, ``depth/image_raw`` and ``image_raw/compressed``.
    frame : str
        Optical frame of all of them.
    size : (int, int)
        Height and width in pixels.
    intrinsics : (3, 3) float64, optional
        None: a panorama, which has no ``camera_info``.
    """

    def __init__(
        self,
        node: Node,
        prefix: str,
        frame: str,
        size: tuple[int, int],
        intrinsics: Array | None,
        noise: SensorNoise,
        faults: Faults,
    ) -> None:
        self._frame, self._size, self._k = frame, size, intrinsics
        self._noise, self._faults = noise, faults
        self._image = node.create_publisher(Image, f"{prefix}/image_raw", SENSOR)
        self._depth = node.create_publisher(Image, f"{prefix}/depth/image_raw", SENSOR)
        self._jpeg = node.create_publisher(
            CompressedImage, f"{prefix}/image_raw/compressed", SENSOR
        )
        self._info = None
        if intrinsics is not None:
            self._info = node.create_publisher(CameraInfo, f"{prefix}/camera_info", SENSOR)
        self._frozen: tuple[Rgb, Depth] | None = None
        self._stopped: Time | None = None
        self._late: deque[tuple[float, list[tuple[Any, Any]]]] = deque()

    @property
    def wanted(self) -> bool:
        """Whether somebody listens to any of them."""
        publishers = (self._image, self._depth, self._jpeg, self._info)
        return any(p is not None and p.get_subscription_count() for p in publishers)

    def show(self, rgb: Rgb, depth: Depth, stamp: Time) -> None:
        """Publish one frame, noise and faults added."""
        faults = self._faults
        if faults.on("camera_off"):
            self._late.clear()
            return
        rgb, depth = self._noise.colours(rgb), self._noise.depth(depth)
        self._frozen = (self._frozen or (rgb, depth)) if faults.on("frozen_camera") else None
        rgb, depth = self._frozen or (rgb, depth)
        self._stopped = (self._stopped or stamp) if faults.on("stale_camera") else None
        messages = self._messages(rgb, depth, self._stopped or stamp)
        if delay_s := faults.value("delayed_camera"):
            self._late.append((time.monotonic() + delay_s, messages))
            return
        self._late.clear()
        _publish(messages)

    def deliver(self) -> None:
        """Publish what was held back for long enough."""
        while self._late and self._late[0][0] <= time.monotonic():
            _publish(self._late.popleft()[1])

    def _messages(self, rgb: Rgb, depth: Depth, stamp: Time) -> list[tuple[Any, Any]]:
        header = Header(stamp=stamp, frame_id=self._frame)
        of_images = header
        if self._faults.on("wrong_frame"):
            of_images = Header(stamp=stamp, frame_id="unknown_optical_frame")
        out: list[tuple[Any, Any]] = []
        if self._info is not None and self._k is not None and self._info.get_subscription_count():
            out.append((self._info, self._calibration(self._k, header)))
        if self._depth.get_subscription_count() and not self._faults.on("depth_off"):
            out.append((self._depth, self._resized(depth_to_msg(depth, of_images))))
        if self._jpeg.get_subscription_count():
            out.append((self._jpeg, _jpeg(rgb, of_images)))
        if self._image.get_subscription_count():
            bad = self._faults.on("bad_encoding")
            image = _mono16(rgb, of_images) if bad else image_to_msg(rgb, of_images)
            out.append((self._image, self._resized(image)))
        return out

    def _resized(self, image: Image) -> Image:
        if self._faults.on("bad_size"):
            image.height *= 2
        return image

    def _calibration(self, k: Array, header: Header) -> CameraInfo:
        height, width = self._size
        if self._faults.on("bad_intrinsics"):
            k, height, width = k * [[0.5], [0.5], [1.0]], height // 2, width // 2
        return camera_info_to_msg(k, (height, width), header, panorama=False)


class CameraThread:
    """Draws and publishes every camera at a steady rate, in its own thread.

    All cameras of a round show the same moment and carry one stamp, the last at which that state
    was seen. A picture is drawn anew only if the state has changed since the last one; a round that
    takes too long delays the next.
    """

    def __init__(
        self,
        scene: Scene,
        cameras: Mapping[str, CameraTopics],
        rate_hz: float,
        on_error: Callable[[BaseException], object],
    ) -> None:
        self._scene, self._cameras, self._on_error = scene, dict(cameras), on_error
        self._period_s = 1.0 / rate_hz
        self._drawn: dict[str, tuple[Hashable, tuple[Rgb, Depth]]] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cameras", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; idempotent."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ending.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._period_s, time.monotonic())
            try:
                self._round()
            except Exception as error:  # noqa: BLE001 - a camera that fails once goes on
                self._on_error(error)

    def _round(self) -> None:
        moment = self._scene.moment()
        wanted = [name for name, topics in self._cameras.items() if topics.wanted]
        pictures = {name: self._picture(name, moment.key) for name in wanted}
        now = self._scene.moment()
        # drawing takes long: where nothing has moved meanwhile, the picture is as good as new
        stamp = now.stamp if now.key == moment.key else moment.stamp
        for name, topics in self._cameras.items():
            topics.deliver()
            if name in pictures:
                topics.show(*pictures[name], stamp)

    def _picture(self, name: str, key: Hashable) -> tuple[Rgb, Depth]:
        known = self._drawn.get(name)
        if known is None or known[0] != key:
            known = self._drawn[name] = (key, self._scene.draw(name, key))
        return known[1]


def _publish(messages: list[tuple[Any, Any]]) -> None:
    for publisher, message in messages:
        publisher.publish(message)


def _mono16(rgb: Rgb, header: Header) -> Image:
    grey = rgb.mean(axis=2).astype(np.uint16) << 8
    height, width = grey.shape
    return Image(
        header=header,
        height=height,
        width=width,
        encoding="mono16",
        step=2 * width,
        data=payload(grey),
    )


def _jpeg(rgb: Rgb, header: Header) -> CompressedImage:
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    assert done
    return CompressedImage(
        header=header, format="rgb8; jpeg compressed bgr8", data=payload(np.asarray(data))
    )
