"""Pictures: panorama and front view agree with each other, with geometry, and with themselves."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from wiw_core.cameras import panorama, pinhole
from wiw_core.cameras.boxes import target_box
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import T_BASE_OPTICAL, Pose2
from wiw_core.plans import TURN_RAD
from wiw_env_bridge.mujoco.cameras import CAMERA_HEIGHT_M
from wiw_env_bridge.mujoco.floorplan import CEILING_M
from wiw_env_bridge.mujoco.navigation import CELL_M
from wiw_env_bridge.mujoco.renderer import Renderer

SCENE, PANORAMA, FRONT = 1, (288, 512), 128


@pytest.fixture(scope="module")
def renderer():
    renderer = Renderer(PANORAMA, FRONT)
    yield renderer
    renderer.close()


@pytest.fixture(scope="module")
def poses(renderer):
    rows, columns = np.nonzero(renderer.layout(SCENE).grid.free)
    rng = np.random.default_rng(4)
    return [
        Pose2((columns[k] + 0.5) * CELL_M, (rows[k] + 0.5) * CELL_M, float(rng.uniform(-3, 3)))
        for k in rng.integers(len(rows), size=4)
    ]


def psnr(a, b):
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return 10 * math.log10(255.0**2 / max(error, 1e-9))


def test_same_pose_gives_the_same_pixels(renderer, poses):
    for view in (renderer.panorama_view, renderer.front_view):
        for first, second in zip(view(SCENE, poses[0]), view(SCENE, poses[0])):
            assert np.array_equal(first, second)
            assert first.std() > 0


def test_a_second_renderer_draws_the_same_pixels(renderer, poses):
    other = Renderer(PANORAMA, FRONT)
    try:
        theirs = other.panorama_view(SCENE, poses[0])[0]
    finally:
        other.close()
    assert np.array_equal(theirs, renderer.panorama_view(SCENE, poses[0])[0])


def test_panorama_reprojects_to_the_front_view(renderer, poses):
    for pose in poses:
        rgb, _ = renderer.panorama_view(SCENE, pose)
        for turns in (0, 3, 8):
            yaw = turns * TURN_RAD
            maps = panorama.perspective_map(FRONT, FRONT, math.pi / 2, yaw, PANORAMA)
            cut = cv2.remap(rgb, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
            direct, _ = renderer.front_view(SCENE, pose * Pose2(0.0, 0.0, yaw))
            assert psnr(cut, direct) > 24.0


def test_turning_rolls_the_panorama(renderer, poses):
    before, _ = renderer.panorama_view(SCENE, poses[1])
    after, _ = renderer.panorama_view(SCENE, poses[1] * Pose2(0.0, 0.0, 4 * TURN_RAD))
    assert psnr(panorama.roll_yaw(before, 4 * TURN_RAD), after) > 35.0


def test_panorama_has_no_seam_where_it_closes(renderer, poses):
    for pose in poses:
        rgb = renderer.panorama_view(SCENE, pose)[0].astype(np.float64)
        steps = np.abs(np.diff(rgb, axis=1)).mean(axis=(0, 2))
        assert np.abs(rgb[:, 0] - rgb[:, -1]).mean() <= np.max(steps)


def test_floor_and_ceiling_are_where_they_are_built(renderer, poses):
    for pose in poses:
        _, depth = renderer.panorama_view(SCENE, pose)
        rays = panorama.rays(*PANORAMA)
        height = depth * rays[..., 2]
        assert np.median(height[-8:]) == pytest.approx(-CAMERA_HEIGHT_M, abs=0.01)
        assert np.percentile(height, 99) == pytest.approx(CEILING_M - CAMERA_HEIGHT_M, abs=0.01)
        assert np.max(height) < CEILING_M - CAMERA_HEIGHT_M + 0.1
        assert np.min(height) > -CAMERA_HEIGHT_M - 0.1


def test_front_depth_and_panorama_depth_are_of_one_world(renderer, poses):
    for pose in poses:
        _, front = renderer.front_view(SCENE, pose)
        _, around = renderer.panorama_view(SCENE, pose)
        points = pinhole.unproject(front, renderer.front.intrinsics) @ T_BASE_OPTICAL[:3, :3].T
        pixels, distance = panorama.project(points, *PANORAMA)
        column, row = np.rint(pixels).astype(int).transpose(2, 0, 1)
        seen = around[np.clip(row, 0, PANORAMA[0] - 1), column % PANORAMA[1]]
        error = np.abs(seen - distance) / distance
        assert np.median(error) < 0.01
        assert np.percentile(error, 85) < 0.05


def test_depth_is_positive_and_finite_everywhere(renderer, poses):
    for view in (renderer.panorama_view, renderer.front_view):
        _, depth = view(SCENE, poses[2])
        assert depth.dtype == np.float32
        assert np.isfinite(depth).all()
        assert depth.min() > 0.03


def test_box_points_at_the_target(renderer):
    layout = renderer.layout(SCENE)
    rows, columns = np.nonzero(layout.grid.free)
    found = 0
    for target in layout.targets:
        for k in range(0, len(rows), len(rows) // 7):
            pose = Pose2((columns[k] + 0.5) * CELL_M, (rows[k] + 0.5) * CELL_M, 1.0)
            box = renderer.panorama_box(SCENE, pose, target)
            seen = renderer.visible_fraction(SCENE, pose, target)
            assert (box is None) == (seen == 0.0)
            if box is None or seen * PANORAMA[0] * PANORAMA[1] < 40:
                continue
            found += 1
            place = pose.inverse() * Pose2(target.x_m, target.y_m)
            point = np.array([place.x_m, place.y_m, target.middle[2] - CAMERA_HEIGHT_M])
            (x, y), distance = panorama.project(point, *PANORAMA)
            slack = 2 + PANORAMA[1] / (2 * math.pi) * target.radius_m / (distance - target.radius_m)
            middle = (box[0] + box[2]) / 2
            assert abs((x - middle + PANORAMA[1] / 2) % PANORAMA[1] - PANORAMA[1] / 2) < slack
            assert abs(y - (box[1] + box[3]) / 2) < slack
    assert found >= 5


def test_front_box_is_there_only_if_the_camera_faces_the_target(renderer):
    layout = renderer.layout(SCENE)
    target = next(t for t in layout.targets if t.on_floor)
    rows, columns = np.nonzero(layout.grid.free)
    x, y = (columns + 0.5) * CELL_M, (rows + 0.5) * CELL_M
    distance = np.hypot(x - target.x_m, y - target.y_m)
    k = int(np.argmin(np.abs(distance - 1.2)))
    towards = math.atan2(target.y_m - y[k], target.x_m - x[k])
    box = renderer.front_box(SCENE, Pose2(x[k], y[k], towards), target)
    assert box is not None
    assert box[0] <= FRONT / 2 <= box[2]
    assert renderer.front_box(SCENE, Pose2(x[k], y[k], towards + math.pi), target) is None


def test_box_of_a_mask_across_the_edge_wraps():
    mask = np.zeros((20, 64), bool)
    mask[8:12, 60:] = mask[8:12, :4] = True
    x0, y0, x1, y1 = target_box(mask, wraps=True)
    assert 0 <= x0 < 64 < x1
    assert (x0, x1) == (59, 69)
    assert (y0, y1) == (7, 13)
    flat = target_box(mask, wraps=False)
    assert flat[2] - flat[0] <= 6


def test_box_takes_the_largest_part_and_stays_inside():
    mask = np.zeros((20, 64), bool)
    mask[0, 0] = True
    mask[15:20, 50:64] = True
    assert target_box(mask, wraps=False) == (48, 14, 64, 20)
    assert target_box(np.zeros((4, 4), bool), wraps=True) is None


def test_a_panorama_larger_than_the_buffer_is_refused(renderer, poses):
    with pytest.raises(WiwError) as caught:
        renderer.panorama_rgb(SCENE, poses[0], 1152, 2048)
    assert caught.value.code is ErrorCode.TOO_LARGE


def test_without_gl_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "none")
    renderer = Renderer(PANORAMA, FRONT)
    with pytest.raises(WiwError) as caught:
        renderer.layout(SCENE)
    assert caught.value.code is ErrorCode.ENVIRONMENT_FAILED
    assert "libegl1" in str(caught.value)
    renderer.close()
    with pytest.raises(WiwError):
        renderer.layout(SCENE)
    renderer.close()


def test_old_scenes_make_room_and_come_back_the_same(renderer, poses):
    before, _ = renderer.panorama_view(SCENE, poses[0])
    for seed in range(2, 6):
        renderer.layout(seed)
    assert np.array_equal(renderer.panorama_view(SCENE, poses[0])[0], before)
