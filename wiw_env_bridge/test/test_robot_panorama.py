"""Promises of a panorama by turning: it shows what a 360-degree camera would."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from wiw_core.cameras import panorama, pinhole
from wiw_core.geometry import T_BASE_OPTICAL
from wiw_core.observation import Projection, View
from wiw_core.plans import TURN_RAD
from wiw_env_bridge.robot.panorama import Shot, look_around, stitch
from wiw_env_bridge.robot.profile import Panorama

HW = (64, 128)
SIZE, FOV = 96, math.radians(100.0)


def sphere() -> tuple[np.ndarray, np.ndarray]:
    """Return a smooth panorama and the distance along its rays."""
    rays = panorama.rays(256, 512)
    rgb = np.clip(127.5 + 127.5 * rays, 0, 255).astype(np.uint8)
    return rgb, (2.0 + rays[..., 0]).astype(np.float32)


def shot(yaw_rad: float, size: int = SIZE, depth: bool = True) -> Shot:
    """Return what a level camera sees of the sphere after a turn to the left."""
    rgb, distance = sphere()
    map_x, map_y = panorama.perspective_map(size, size, FOV, yaw_rad, rgb.shape[:2])
    picture = cv2.remap(rgb, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    k = pinhole.intrinsics(size, size, FOV)
    along = cv2.remap(distance, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    axial = along / np.linalg.norm(pinhole.rays(k, size, size), axis=-1)
    pose = T_BASE_OPTICAL.copy()
    pose[:3, 3] = 0.1, 0.0, 0.7
    view = View("front", picture, depth=axial.astype(np.float32), intrinsics=k, T_base_camera=pose)
    return Shot(
        view if depth else View("front", picture, intrinsics=k, T_base_camera=pose), yaw_rad
    )


def circle(turns: int, error_rad: float = 0.0) -> list[Shot]:
    return [shot(2.0 * math.pi * i / turns + error_rad * i) for i in range(turns)]


@pytest.mark.parametrize("error_rad", [0.0, 0.02])
def test_a_circle_of_pictures_is_the_panorama_also_when_turns_are_not_exact(
    error_rad: float,
) -> None:
    view = stitch(circle(8, error_rad), *HW)
    rgb, distance = sphere()
    assert view.projection is Projection.EQUIRECTANGULAR and view.depth is not None
    seen = view.rgb.any(axis=2)
    assert seen[16:48].all()  # 100 degrees high: 22.5 degrees up and down are seen all around
    expected = cv2.resize(rgb, HW[::-1], interpolation=cv2.INTER_AREA)
    off = np.abs(view.rgb.astype(int) - expected)[seen]
    assert np.quantile(off, 0.99) <= 8
    ranges = cv2.resize(distance, HW[::-1], interpolation=cv2.INTER_AREA)
    assert np.quantile(np.abs(view.depth - ranges)[seen], 0.99) < 0.05
    assert view.T_base_camera[2, 3] == pytest.approx(0.7)


def test_what_no_picture_shows_is_black_with_depth_zero() -> None:
    view = stitch([shot(0.0)], *HW)
    assert view.depth is not None
    assert not view.rgb[:, :20].any() and not view.depth[:, :20].any()
    assert view.rgb[32, 64].any() and view.depth[32, 64] > 0


def test_without_depth_in_every_picture_there_is_none() -> None:
    assert stitch([shot(0.0), shot(1.0, depth=False)], *HW).depth is None


@pytest.mark.parametrize("turns", [4, 8, 16])
def test_looking_around_turns_one_full_circle_to_the_left_and_back_to_the_start(turns: int) -> None:
    yaw, reached = 0.0, []

    def turn_to(angle_rad: float) -> None:
        nonlocal yaw
        yaw = angle_rad
        reached.append(angle_rad)

    taken: list[float] = []

    def shoot() -> Shot:
        taken.append(yaw)
        return shot(yaw, size=48)

    settings = Panorama(turning="front", turns=turns, height=32, width=64)
    straight = look_around(settings, turn_to, shoot, lambda: 0.0)
    assert np.allclose(reached, (np.arange(16) + 1) * TURN_RAD)
    assert np.allclose(taken, np.arange(turns) * 2 * math.pi / turns)
    yaw = 0.0
    beyond = look_around(settings, turn_to, shoot, lambda: TURN_RAD)
    shown = np.roll(straight.rgb[16].astype(int), 4, axis=0)  # what is ahead in the end is central
    assert np.abs(shown - beyond.rgb[16]).mean() < 6.0
