"""Promises of decoding: what cameras really send is read, and nothing is guessed."""

from __future__ import annotations

import array
from typing import Any

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from wiw_core.cameras import pinhole
from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.robot.images import (
    calibration,
    depth_from_image,
    rgb_from_compressed,
    rgb_from_image,
)

H, W = 6, 8
RGB = np.random.default_rng(0).integers(0, 256, (H, W, 3), np.uint8)
K = pinhole.intrinsics(H, W, 1.2)


def image(pixels: Any, encoding: str, padding: int = 0, **changes: Any) -> Image:
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(pixels.shape[0], -1)
    rows = np.pad(rows, ((0, 0), (0, padding)))
    message = Image(height=H, width=W, encoding=encoding, step=rows.shape[1])
    message.data = array.array("B", rows.tobytes())
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def info(**changes: Any) -> CameraInfo:
    p = np.hstack([K, np.zeros((3, 1))]).ravel()
    message = CameraInfo(height=H, width=W, k=K.ravel(), p=p, distortion_model="plumb_bob")
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def bad(call: Any) -> str:
    with pytest.raises(WiwError) as caught:
        call()
    assert caught.value.code is ErrorCode.BAD_IMAGE
    return str(caught.value)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("rgb8", RGB),
        ("bgr8", RGB[..., ::-1]),
        ("rgba8", np.dstack([RGB, RGB[..., 0]])),
        ("bgra8", np.dstack([RGB[..., ::-1], RGB[..., 0]])),
    ],
)
def test_colours_of_every_usual_encoding_are_the_same(
    encoding: str, pixels: Any, padding: int
) -> None:
    assert np.array_equal(rgb_from_image(image(pixels, encoding, padding), "t"), RGB)


def test_grey_becomes_equal_channels() -> None:
    grey = rgb_from_image(image(RGB[..., 0], "mono8"), "t")
    assert np.array_equal(grey, np.repeat(RGB[..., :1], 3, axis=2))


def test_an_encoding_that_is_not_known_is_refused_naming_what_is() -> None:
    said = bad(lambda: rgb_from_image(image(RGB[..., 0], "mono16"), "/cam"))
    assert "/cam" in said and "'mono16'" in said and "bgr8" in said


@pytest.mark.parametrize(
    "changes", [{"height": H + 1}, {"width": W * 2}, {"step": 3}, {"width": 0}]
)
def test_a_size_that_does_not_fit_the_bytes_is_refused(changes: dict[str, int]) -> None:
    bad(lambda: rgb_from_image(image(RGB, "rgb8", **changes), "t"))


def test_a_jpeg_is_read_and_anything_else_refused() -> None:
    smooth = np.full((16, 16, 3), (200, 30, 90), np.uint8)
    jpeg = cv2.imencode(".jpg", smooth[..., ::-1])[1].tobytes()
    message = CompressedImage(format="rgb8; jpeg compressed bgr8", data=array.array("B", jpeg))
    assert np.abs(rgb_from_compressed(message, "t").astype(int) - smooth).max() <= 4
    for format_, data in (("h264", jpeg), ("jpeg", b""), ("jpeg", b"\xff\xd8nothing")):
        broken = CompressedImage(format=format_, data=array.array("B", data))
        bad(lambda broken=broken: rgb_from_compressed(broken, "t"))


def test_depth_in_metres_and_in_millimetres_is_the_same_and_zero_is_unknown() -> None:
    metres = np.linspace(0.5, 8.0, H * W, dtype=np.float32).reshape(H, W)
    metres[0, :4] = np.nan, np.inf, -1.0, 50.0
    expected = metres.copy()
    expected[0, :4] = 0.0
    assert np.array_equal(depth_from_image(image(metres, "32FC1"), "t", 10.0), expected)
    millimetres = np.rint(expected * 1000).astype(np.uint16)
    read = depth_from_image(image(millimetres, "16UC1"), "t", 10.0)
    assert read.dtype == np.float32 and np.abs(read - expected).max() < 1e-3


@pytest.mark.parametrize(
    "message", [image(RGB, "rgb8"), image(RGB[..., 0], "16UC1"), image(RGB, "32FC1")]
)
def test_what_is_not_depth_is_refused(message: Image) -> None:
    bad(lambda: depth_from_image(message, "t", 10.0))


def test_big_endian_depth_is_refused() -> None:
    millimetres = np.ones((H, W), np.uint16)
    bad(lambda: depth_from_image(image(millimetres, "16UC1", is_bigendian=1), "t", 10.0))


@pytest.mark.parametrize(
    "changes",
    [
        {"width": W // 2},
        {"k": np.zeros(9)},
        {"k": np.full(9, np.nan)},
        {"k": np.array([5.0, 0, 99.0, 0, 5.0, 3.0, 0, 0, 1.0])},
        {"binning_x": 2},
        {"distortion_model": "equidistant"},
        {"d": array.array("d", [0.1, 0.2])},
        {"d": array.array("d", [np.inf, 0, 0, 0, 0])},
    ],
)
def test_a_calibration_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    bad(lambda: calibration(info(**changes), (H, W), "t", False))


def test_a_lens_is_straightened_as_its_coefficients_say() -> None:
    height = width = 64
    k = pinhole.intrinsics(height, width, 1.4)
    message = CameraInfo(height=height, width=width, k=k.ravel(), distortion_model="plumb_bob")
    message.d = array.array("d", [-0.25, 0.05, 0.0, 0.0, 0.0])
    lens = calibration(message, (height, width), "t", False)
    straight = np.array([[6.0, 58.0]])
    ray = pinhole.rays(k, height, width)[58, 6]
    bent, _ = cv2.projectPoints(ray[None], np.zeros(3), np.zeros(3), k, np.array(message.d))
    assert np.abs(bent[0, 0] - straight[0]).max() > 1.0  # the lens does bend here
    picture = np.zeros((height, width), np.float32)
    x, y = bent[0, 0]
    cv2.circle(picture, (round(float(x)), round(float(y))), 2, 1.0, -1)
    found = np.argwhere(lens.straighten(picture) > 0.5).mean(axis=0)[::-1]
    assert np.abs(found - straight[0]).max() < 1.0


def test_a_rectified_image_has_the_matrix_of_p_and_no_distortion() -> None:
    p = np.hstack([K * [[0.9], [0.9], [1.0]], np.zeros((3, 1))])
    message = info(p=p.ravel(), d=array.array("d", [0.3, 0, 0, 0, 0]))
    lens = calibration(message, (H, W), "t", True)
    assert np.allclose(lens.intrinsics, p[:, :3])
    assert lens.straighten(RGB) is RGB
