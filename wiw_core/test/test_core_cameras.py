"""Cameras: rays and pixels are inverse, rolls are exact, cubemap and panorama agree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiw_core.cameras import cubemap, panorama, pinhole, sampling
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import TURN_RAD


def smooth_panorama(height: int, width: int) -> np.ndarray:
    """Return a picture that is a smooth function of direction, so any sampler can be checked."""
    x, y, z = np.moveaxis(panorama.rays(height, width), -1, 0)
    return np.rint(127.5 + 120 * np.stack([x * y, y * z, 0.7 * z + 0.3 * x], -1)).astype(np.uint8)


def pixel_grid(height: int, width: int) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(float)


@pytest.mark.parametrize(("height", "width"), [(576, 1024), (288, 512), (6, 10), (64, 128)])
def test_panorama_projects_its_rays_to_their_own_pixels(height: int, width: int) -> None:
    pixels, ranges = panorama.project(3.0 * panorama.rays(height, width), height, width)
    np.testing.assert_allclose(pixels, pixel_grid(height, width), atol=1e-6)
    np.testing.assert_allclose(ranges, 3.0)


def test_panorama_axes_are_those_of_the_view_contract() -> None:
    points = [[2, 0, 0], [0, -2, 0], [0, 2, 0], [0, 0, 2], [0, 0, -2]]  # front right left up down
    pixels, _ = panorama.project(points, 100, 200)
    np.testing.assert_allclose(pixels[0], [99.5, 49.5], atol=1e-9)
    np.testing.assert_allclose(pixels[1, 0], 149.5)
    np.testing.assert_allclose(pixels[2, 0], 49.5)
    np.testing.assert_allclose(pixels[3:, 1], [-0.5, 99.5])


def test_panorama_of_the_camera_centre_is_nan_not_a_pixel() -> None:
    pixels, distance = panorama.project([0.0, 0.0, 0.0], 10, 20)
    assert np.isnan(pixels).all()
    assert distance == 0.0


@given(
    fov_deg=st.floats(20, 140),
    height=st.integers(2, 40),
    width=st.integers(2, 40),
    depth=st.floats(0.1, 30),
)
@settings(max_examples=40, deadline=None)
def test_pinhole_project_undoes_unproject(fov_deg, height, width, depth) -> None:
    k = pinhole.intrinsics(height, width, math.radians(fov_deg))
    points = pinhole.unproject(np.full((height, width), depth), k)
    pixels, z = pinhole.project(points, k)
    np.testing.assert_allclose(pixels, pixel_grid(height, width), atol=1e-6)
    np.testing.assert_allclose(z, depth)
    assert pinhole.horizontal_fov(k, width) == pytest.approx(math.radians(fov_deg))


def test_pinhole_gives_no_pixel_to_a_point_behind() -> None:
    pixels, _ = pinhole.project([0.1, 0.1, -1.0], pinhole.intrinsics(8, 8, 1.5))
    assert np.isnan(pixels).all()


@pytest.mark.parametrize("fov", [0.0, -1.0, math.pi, math.nan, math.inf])
def test_pinhole_refuses_an_impossible_field_of_view(fov: float) -> None:
    with pytest.raises(WiwError) as error:
        pinhole.intrinsics(8, 8, fov)
    assert error.value.code is ErrorCode.BAD_PARAMETER


def test_sixteen_turns_are_the_identity_and_each_is_exact() -> None:
    image = np.random.default_rng(0).integers(0, 255, (9, 32, 3), dtype=np.uint8)
    turned = image
    for k in range(1, 17):
        turned = panorama.roll_yaw(turned, TURN_RAD)
        np.testing.assert_array_equal(turned, panorama.roll_yaw(image, k * TURN_RAD))
    np.testing.assert_array_equal(turned, image)
    np.testing.assert_array_equal(
        panorama.roll_yaw(panorama.roll_yaw(image, TURN_RAD), -TURN_RAD), image
    )


def test_turning_left_brings_what_was_on_the_left_to_the_centre() -> None:
    image = np.zeros((1, 32), dtype=np.uint8)
    left_pixel = int(panorama.project([0.0, 1.0, 0.0], 1, 32)[0][0])
    image[0, left_pixel] = 1
    assert np.argmax(panorama.roll_yaw(image, math.pi / 2)) == left_pixel + 8


@pytest.mark.parametrize("yaw", [0.1, math.nan, math.inf, TURN_RAD * 1.001])
def test_a_roll_that_would_not_be_exact_is_refused(yaw: float) -> None:
    with pytest.raises(WiwError) as error:
        panorama.roll_yaw(np.zeros((4, 32)), yaw)
    assert error.value.code is ErrorCode.BAD_PARAMETER


def test_a_width_that_cannot_roll_exactly_is_refused() -> None:
    with pytest.raises(WiwError, match="multiple of 16") as error:
        panorama.roll_yaw(np.zeros((4, 40)), TURN_RAD)
    assert error.value.code is ErrorCode.BAD_IMAGE


@pytest.mark.parametrize("turns", [-3, 1, 5, 8])
def test_crop_of_a_rolled_panorama_is_the_rolled_crop(turns: int) -> None:
    pano = smooth_panorama(72, 128)
    yaw = turns * TURN_RAD
    straight = panorama.perspective_map(20, 30, math.radians(90), 0.0, (72, 128))
    turned = panorama.perspective_map(20, 30, math.radians(90), yaw, (72, 128))
    a = sampling.bilinear(panorama.roll_yaw(pano, yaw), *straight, wrap=True)
    b = sampling.bilinear(pano, *turned, wrap=True)
    assert np.abs(a.astype(int) - b).max() <= 1  # float32 maps may round the other way


def test_crop_sees_what_the_same_rays_of_the_panorama_see() -> None:
    pano = smooth_panorama(288, 512)
    maps = panorama.perspective_map(33, 65, math.radians(90), 0.4, (288, 512))
    crop = sampling.bilinear(pano, *maps, wrap=True).astype(float)
    optical = pinhole.rays(pinhole.intrinsics(33, 65, math.radians(90)), 33, 65)
    optical /= np.linalg.norm(optical, axis=-1, keepdims=True)
    forward, right = (math.cos(0.4), math.sin(0.4)), (math.sin(0.4), -math.cos(0.4))
    x = optical[..., 2] * forward[0] + optical[..., 0] * right[0]
    y = optical[..., 2] * forward[1] + optical[..., 0] * right[1]
    z = -optical[..., 1]
    truth = 127.5 + 120 * np.stack([x * y, y * z, 0.7 * z + 0.3 * x], -1)
    assert np.abs(crop - truth).max() < 1.5


@pytest.mark.parametrize("border", [0, 2])
def test_panorama_to_cubemap_and_back_is_the_same_picture(border: int) -> None:
    pano = smooth_panorama(144, 256)
    strip = sampling.bilinear(pano, *cubemap.face_map(96, (144, 256), border), wrap=True)
    back = sampling.bilinear(strip, *cubemap.panorama_map(144, 256, 96, border))
    assert np.abs(back.astype(int) - pano).max() <= (4 if border == 0 else 3)


def test_cubemap_to_panorama_and_back_is_the_same_strip() -> None:
    pano = smooth_panorama(288, 512)
    strip = sampling.bilinear(pano, *cubemap.face_map(64, (288, 512), 2), wrap=True)
    again = sampling.bilinear(strip, *cubemap.panorama_map(288, 512, 64, 2))
    strip2 = sampling.bilinear(again, *cubemap.face_map(64, (288, 512), 2), wrap=True)
    assert np.abs(strip2.astype(int) - strip).max() <= 4


def test_cube_faces_are_right_handed_and_the_front_is_an_optical_frame() -> None:
    np.testing.assert_allclose(np.linalg.det(cubemap.ROTATIONS), 1.0)
    np.testing.assert_allclose(cubemap.ROTATIONS[0][:, 2], [1, 0, 0])
    np.testing.assert_allclose(cubemap.ROTATIONS[0][:, 1], [0, 0, -1])


def test_depth_of_cube_faces_becomes_range_along_the_rays() -> None:
    # Inside a cube of half side 2 every face's depth along its axis is 2.
    directions = panorama.rays(30, 60)
    truth = 2.0 / np.abs(directions).max(axis=-1)
    np.testing.assert_allclose(2.0 * cubemap.ray_lengths(30, 60), truth)


def test_a_face_that_is_all_border_is_refused() -> None:
    with pytest.raises(WiwError) as error:
        cubemap.face_intrinsics(8, 4)
    assert error.value.code is ErrorCode.BAD_PARAMETER


def test_samplers_keep_pixels_at_whole_coordinates_and_wrap() -> None:
    image = np.random.default_rng(1).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    x, y = np.moveaxis(pixel_grid(5, 7).astype(np.float32), -1, 0)
    np.testing.assert_array_equal(sampling.bilinear(image, x, y), image)
    np.testing.assert_array_equal(sampling.nearest(image, x - 7, y, wrap=True), image)
    seam = sampling.bilinear(image, np.float32([[6.5]]), np.float32([[2]]), wrap=True)
    assert np.abs(seam[0, 0] - (image[2, 6].astype(float) + image[2, 0]) / 2).max() <= 0.5
    depth = image[..., 0].astype(np.float32)
    assert sampling.bilinear(depth, x, y).dtype == np.float32


def test_resizing_an_image_keeps_every_ray_on_its_place() -> None:
    k = pinhole.intrinsics(60, 80, 1.2)
    half = pinhole.resized(k, (60, 80), (30, 20))
    point = [0.2, -0.1, 1.0]
    x, y = pinhole.project(point, k)[0] + 0.5
    np.testing.assert_allclose(pinhole.project(point, half)[0] + 0.5, [x / 4, y / 2])


def test_float32_points_stay_float32() -> None:
    points = panorama.rays(8, 16).astype(np.float32)
    assert panorama.project(points, 8, 16)[0].dtype == np.float32
    assert pinhole.project(points, pinhole.intrinsics(8, 8, 1.0))[0].dtype == np.float32
