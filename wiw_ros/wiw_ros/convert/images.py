"""Images, depth and camera info."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array
from wiw_core.observation import Depth, Rgb

MAX_PIXELS = 8192 * 8192
"""Most pixels of one image; more is refused before anything is allocated."""


def payload(values: npt.NDArray[Any]) -> array.array[int]:
    """Return the bytes of an array as the one type that rclpy assigns without a loop per byte."""
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(values).data.cast("B"))
    return data


def image_to_msg(rgb: Rgb, header: Header) -> Image:
    """Return an rgb8 image; ``rgb``: (H, W, 3) uint8."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise _bad(f"an image must be (H, W, 3) uint8, got {rgb.shape} {rgb.dtype}")
    height, width = rgb.shape[:2]
    return Image(
        header=header,
        height=height,
        width=width,
        encoding="rgb8",
        step=width * 3,
        data=payload(rgb),
    )


def image_from_msg(message: Image) -> Rgb:
    """Return (H, W, 3) uint8, looking into the message; raises ``BAD_IMAGE``."""
    _require_layout(message, {"rgb8": 3})
    pixels = np.frombuffer(message.data, np.uint8)
    return pixels.reshape(message.height, message.width, 3)


def depth_to_msg(depth: Depth, header: Header) -> Image:
    """Return a 32FC1 image; ``depth``: (H, W) float32 metres, 0 where unknown."""
    if depth.dtype != np.float32 or depth.ndim != 2:
        raise _bad(f"depth must be (H, W) float32, got {depth.shape} {depth.dtype}")
    _require_metres(depth)
    height, width = depth.shape
    return Image(
        header=header,
        height=height,
        width=width,
        encoding="32FC1",
        step=width * 4,
        data=payload(depth),
    )


def depth_from_msg(message: Image) -> Depth:
    """Return (H, W) float32 metres of a 32FC1 (m) or 16UC1 (mm) image; raises ``BAD_IMAGE``."""
    _require_layout(message, {"32FC1": 4, "16UC1": 2})
    shape = message.height, message.width
    if message.encoding == "16UC1":
        millimetres = np.frombuffer(message.data, np.uint16).reshape(shape)
        return millimetres.astype(np.float32) * np.float32(0.001)
    depth = np.frombuffer(message.data, np.float32).reshape(shape)
    _require_metres(depth)
    return depth


def camera_info_to_msg(
    intrinsics: Array, size: tuple[int, int], header: Header, panorama: bool
) -> CameraInfo:
    """Return the calibration of an undistorted pinhole; a panorama has none, and zeros say so.

    Parameters
    ----------
    intrinsics : (3, 3) float64
    size : (int, int)
        Height and width in pixels.
    """
    if not np.isfinite(intrinsics).all():
        raise _bad("the camera's intrinsics are not finite")
    info = CameraInfo(header=header, height=size[0], width=size[1])
    if not panorama and intrinsics.any():
        info.distortion_model = "plumb_bob"
        info.d = array.array("d", [0.0] * 5)
        info.k = np.asarray(intrinsics, np.float64).ravel()
        info.r = np.eye(3).ravel()
        info.p = np.hstack([intrinsics, np.zeros((3, 1))]).ravel()
    return info


def intrinsics_from_msg(message: CameraInfo, size: tuple[int, int]) -> Array:
    """Return (3, 3) float64, zeros if uncalibrated; ``BAD_IMAGE`` if it does not fit the image."""
    k: Array = np.array(message.k, np.float64).reshape(3, 3)
    if not np.isfinite(k).all() or k[0, 0] < 0 or k[1, 1] < 0:
        raise _bad("the camera_info's K must be finite with positive focal lengths")
    if k.any() and (message.height, message.width) != size:
        raise _bad(
            f"the camera_info is for {message.width}x{message.height} pixels,"
            f" the image has {size[1]}x{size[0]}"
        )
    return k


def _require_layout(message: Image, bytes_per_pixel: dict[str, int]) -> None:
    if message.encoding not in bytes_per_pixel:
        allowed = " or ".join(bytes_per_pixel)
        raise _bad(f"an image has encoding '{message.encoding}'; allowed: {allowed}")
    height, width = message.height, message.width
    if not 0 < height * width <= MAX_PIXELS:
        raise _bad(f"an image of {width}x{height} pixels is empty or too large")
    size = bytes_per_pixel[message.encoding]
    if message.step != width * size or len(message.data) != message.step * height:
        raise _bad(
            f"a {message.encoding} image of {width}x{height} pixels needs step {width * size} and"
            f" {width * size * height} bytes, got step {message.step} and {len(message.data)} bytes"
        )
    if message.is_bigendian and size != 3:
        raise _bad("a big-endian depth image is not supported")


def _require_metres(depth: Depth) -> None:
    good = np.isfinite(depth) & (depth >= 0)
    if not good.all():
        raise _bad(
            f"depth has {np.count_nonzero(~good)} values that are negative or not finite;"
            " 0 means unknown"
        )


def _bad(what: str) -> WiwError:
    return WiwError(ErrorCode.BAD_IMAGE, f"{what[0].upper()}{what[1:]}.")
