"""Pictures as real cameras send them: encodings, calibration, depth; nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array
from wiw_core.observation import Depth, Rgb
from wiw_ros.convert.images import MAX_PIXELS

_TO_RGB = {
    "rgb8": (3, None),
    "bgr8": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_GRAY2RGB),
}
"""Channels, and the conversion to RGB, of every encoding that is taken."""
_DEPTHS: dict[str, tuple[type, float]] = {"32FC1": (np.float32, 1.0), "16UC1": (np.uint16, 0.001)}
"""REP-118: metres as float32, or millimetres as uint16 where 0 is unknown."""
_PINHOLES = ("", "plumb_bob", "rational_polynomial")
_MAX_BYTES = 1 << 26
_DISTORTED = 1e-9


def check_image(message: Image, topic: str) -> None:
    """Raise ``BAD_IMAGE`` unless :func:`rgb_from_image` takes it; quick."""
    if message.encoding not in _TO_RGB:
        raise _bad(topic, f"has encoding '{message.encoding}'; allowed: {', '.join(_TO_RGB)}")
    _require_layout(message, topic, _TO_RGB[message.encoding][0])


def check_depth(message: Image, topic: str) -> None:
    """Raise ``BAD_IMAGE`` unless :func:`depth_from_image` takes it; quick."""
    if message.encoding not in _DEPTHS:
        raise _bad(topic, f"has encoding '{message.encoding}'; allowed: {', '.join(_DEPTHS)}")
    if message.is_bigendian:
        raise _bad(topic, "is big-endian, which is not supported")
    _require_layout(message, topic, np.dtype(_DEPTHS[message.encoding][0]).itemsize)


def rgb_from_image(message: Image, topic: str) -> Rgb:
    """Return (H, W, 3) uint8; raises ``BAD_IMAGE`` naming what came and what is allowed."""
    check_image(message, topic)
    channels, conversion = _TO_RGB[message.encoding]
    pixels = _pixels(message, np.uint8, channels)
    if conversion is None:
        return np.ascontiguousarray(pixels)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), conversion), np.uint8)


def rgb_from_compressed(message: CompressedImage, topic: str) -> Rgb:
    """Return (H, W, 3) uint8 of a JPEG or PNG; raises ``BAD_IMAGE``."""
    text = message.format.lower()
    if not any(kind in text for kind in ("jpeg", "jpg", "png")):
        raise _bad(topic, f"has the format '{message.format}'; allowed: jpeg, png")
    if not 0 < len(message.data) <= _MAX_BYTES:
        raise _bad(topic, f"has {len(message.data)} bytes; 1 to {_MAX_BYTES} are allowed")
    bgr = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise _bad(topic, "cannot be decoded")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def depth_from_image(message: Image, topic: str, max_m: float) -> Depth:
    """Return (H, W) float32 metres, 0 where unknown: not finite, not positive, beyond ``max_m``."""
    check_depth(message, topic)
    kind, unit = _DEPTHS[message.encoding]
    depth = _pixels(message, kind, 1).astype(np.float32) * np.float32(unit)
    known = np.isfinite(depth) & (depth > 0.0) & (depth <= max_m)
    return np.where(known, depth, np.float32(0.0))


def _require_layout(message: Image, topic: str, pixel_bytes: int) -> None:
    height, width = message.height, message.width
    if not 0 < height * width <= MAX_PIXELS:
        raise _bad(topic, f"has {width}x{height} pixels, which is none or too many")
    row = width * pixel_bytes
    if message.step < row or len(message.data) != message.step * height:
        raise _bad(
            topic,
            f"of {width}x{height} {message.encoding} pixels needs a step of at least {row} and"
            f" step x {height} bytes, got step {message.step} and {len(message.data)} bytes",
        )


def _pixels(message: Image, kind: type, channels: int) -> npt.NDArray[Any]:
    """Return (H, W) or (H, W, channels) of a layout that was checked; rows may be padded."""
    height, width = message.height, message.width
    row = width * channels * np.dtype(kind).itemsize
    rows = np.frombuffer(message.data, np.uint8).reshape(height, message.step)[:, :row]
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.ascontiguousarray(rows).view(kind).reshape(shape)


@dataclass(frozen=True)
class Calibration:
    """A pinhole of (3, 3) matrix ``k`` for ``size`` (height, width), and the lens's distortion."""

    k: tuple[float, ...]
    distortion: tuple[float, ...]
    size: tuple[int, int]

    @property
    def intrinsics(self) -> Array:
        """The matrix, (3, 3)."""
        return np.array(self.k).reshape(3, 3)

    def straighten(self, image: npt.NDArray[Any], *, nearest: bool = False) -> npt.NDArray[Any]:
        """Return the image without the lens's distortion, with the same matrix.

        ``nearest`` for depth: between two surfaces there is none.
        """
        if not any(abs(d) > _DISTORTED for d in self.distortion):
            return image
        how = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
        return np.asarray(cv2.remap(image, *_straight_map(self), how))


@lru_cache(maxsize=16)
def _straight_map(c: Calibration) -> tuple[Any, Any]:
    d = np.array(c.distortion)
    size = c.size[1], c.size[0]
    return cv2.initUndistortRectifyMap(c.intrinsics, d, np.eye(3), c.intrinsics, size, cv2.CV_32FC1)


def calibration(message: CameraInfo, size: tuple[int, int], topic: str, rectified: bool) -> Any:
    """Return the :class:`Calibration` of an image of this height and width.

    Parameters
    ----------
    rectified : bool
        The image was straightened by its driver: its matrix is in ``P``.

    Raises
    ------
    WiwError
        ``BAD_IMAGE`` if it is empty, not finite, for another size, binned or cropped, not a
        pinhole, or cannot be a camera of that size.
    """
    if (message.height, message.width) != size:
        raise _bad(
            topic,
            f"is for {message.width}x{message.height} pixels; the image has {size[1]}x{size[0]}",
        )
    roi = message.roi
    whole = (roi.width, roi.height) in ((0, 0), (size[1], size[0]))
    if max(message.binning_x, message.binning_y) > 1 or roi.x_offset or roi.y_offset or not whole:
        raise _bad(topic, "is binned or cropped; only whole pictures are allowed")
    if message.distortion_model not in _PINHOLES:
        raise _bad(
            topic,
            f"has the distortion model '{message.distortion_model}';"
            " allowed: plumb_bob, rational_polynomial, or a rectified image",
        )
    k = np.array(message.p, np.float64).reshape(3, 4)[:, :3] if rectified else None
    k = np.array(message.k, np.float64).reshape(3, 3) if k is None else k
    d = () if rectified else tuple(float(x) for x in message.d)
    if not (np.isfinite(k).all() and np.isfinite(d).all()):
        raise _bad(topic, "is not finite")
    if not (k[0, 0] > 0.0 and k[1, 1] > 0.0 and k[2, 2] == 1.0):
        raise _bad(topic, "has no focal lengths: the camera is not calibrated")
    if not (-0.5 <= k[0, 2] <= size[1] - 0.5 and -0.5 <= k[1, 2] <= size[0] - 0.5):
        raise _bad(topic, f"puts the principal point at ({k[0, 2]:.0f}, {k[1, 2]:.0f}), outside")
    if len(d) not in (0, 4, 5, 8, 12, 14):
        raise _bad(topic, f"has {len(d)} distortion coefficients")
    return Calibration(tuple(float(x) for x in k.ravel()), d, size)


def _bad(topic: str, what: str) -> WiwError:
    return WiwError(ErrorCode.BAD_IMAGE, f"'{topic}' {what}.")
