"""What a path may move is found and drawn where it ends, to the pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from wm_table import RED, TABLE_M, Box, block, down, table, view

from wiw_core.geometry import Pose3
from wiw_wm_node.arm.layers import COUNT, LEVELS_M, layers, support
from wiw_wm_node.arm.look import Look, look_of
from wiw_wm_node.arm.maps import FACTS, MAPS, inputs_of
from wiw_wm_node.arm.network import Painted, composed
from wiw_wm_node.arm.path import Hand, Path, Step, path_of

SIZE = (128, 128)
HIGH = down(0.25, 0.0, 1.2)


def step(pose: Pose3, opened: bool) -> Step:
    return Step(pose.matrix(), opened)


def path(*steps: Step, start: Pose3 = HIGH, gripper: float = 1.0) -> Path:
    return path_of(Hand(start.matrix(), gripper), steps)


def seen(*boxes) -> Look:
    return look_of(view(*boxes), SIZE)


def red(picture: np.ndarray) -> np.ndarray:
    return (picture == np.array(RED, np.uint8)).all(axis=-1)


def middle(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask).mean(axis=0)


def test_every_pixel_has_its_point_on_the_table_or_on_the_block() -> None:
    look = seen(block(0.2, 0.1))
    on_table = (look.rgb[..., 0] == 150) & (look.rgb[..., 2] == 100)
    np.testing.assert_allclose(look.points[on_table][:, 2], TABLE_M, atol=1e-4)
    points = look.points[red(look.rgb)]
    np.testing.assert_allclose(points[:, 2].max(), TABLE_M + 0.05, atol=1e-4)
    assert np.abs(points[:, :2] - (0.2, 0.1)).max() < 0.0401


def test_pixels_and_points_are_each_others_inverse() -> None:
    look = seen(block(0.2, 0.1))
    rows, columns = np.indices(SIZE)
    pixels, depth = look.camera.pixels(look.points.reshape(-1, 3))
    np.testing.assert_allclose(pixels[:, 0], columns.ravel(), atol=1e-3)
    np.testing.assert_allclose(pixels[:, 1], rows.ravel(), atol=1e-3)
    assert (depth > 0).all()


def test_unknown_depth_is_no_point_near_the_table() -> None:
    look = seen()
    points = look.camera.points(np.array([[0.0, np.nan], [np.inf, 1.0]]))
    assert (points[[0, 0, 1], [0, 1, 0]][:, 2] < 0.0).all()


def test_a_smaller_look_picks_points_at_the_middles_of_its_pixels() -> None:
    look = look_of(view(block(0.2, 0.1), size=256), (256, 256)).at(SIZE)
    rows, columns = np.indices(SIZE)
    pixels, _ = look.camera.pixels(look.points.reshape(-1, 3))
    assert np.abs(pixels[:, 0] - columns.ravel()).max() < 0.51
    assert np.abs(pixels[:, 1] - rows.ravel()).max() < 0.51


def test_what_is_grasped_is_put_where_the_gripper_opens() -> None:
    grasp, put = down(0.2, 0.1, 0.8), down(0.3, -0.1, 0.82)
    found = path(step(down(0.2, 0.1, 0.95), True), step(grasp, False), step(put, True))
    np.testing.assert_allclose(found.grasp, grasp.matrix())
    np.testing.assert_allclose(found.put, put.matrix())
    assert not found.held and found.end.gripper == 1.0
    np.testing.assert_allclose(found.lowest, grasp.position)


def test_what_is_grasped_and_not_let_go_is_carried_to_the_end() -> None:
    end = down(0.3, -0.1, 1.1)
    found = path(step(down(0.2, 0.1, 0.8), False), step(end, False))
    assert found.held
    np.testing.assert_allclose(found.put, end.matrix())


def test_a_gripper_that_holds_something_now_has_grasped_it_here() -> None:
    found = path(step(down(0.3, 0.0, 0.82), True), gripper=0.3)
    np.testing.assert_allclose(found.grasp, HIGH.matrix())
    assert path(step(down(0.3, 0.0, 0.82), True), gripper=0.0).grasp is None


def test_only_low_level_ways_push() -> None:
    a, b = down(0.2, -0.1, 0.785), down(0.2, 0.1, 0.785)
    found = path(step(a, False), step(b, False), step(down(0.2, 0.1, 0.95), False))
    (push,) = found.pushes
    np.testing.assert_allclose(push.start, a.position)
    np.testing.assert_allclose(push.end, b.position)


def test_a_carried_block_is_drawn_where_it_is_put_and_at_every_level() -> None:
    look = seen(block(0.2, 0.1))
    carried = path(step(down(0.2, 0.1, 0.78), False), step(down(0.3, -0.05, 0.78), True))
    pictures, covers = layers(look, carried)
    truth = red(seen(block(0.3, -0.05)).rgb)
    assert pictures.shape == (COUNT, *SIZE, 3)
    for picture, cover in zip(pictures[:2], covers[:2]):  # as commanded, and on the table
        drawn = red(picture) & cover
        assert np.abs(middle(drawn) - middle(truth)).max() < 1.0
        assert (drawn & truth).sum() > 0.85 * truth.sum()
    rows = [middle(cover)[0] for cover in covers[1:]]
    assert len(rows) == len(LEVELS_M)
    assert (np.diff(rows) < 0.0).all()  # higher things are higher in the picture


def test_a_thing_that_is_still_held_is_drawn_in_the_hand_alone() -> None:
    look = seen(block(0.2, 0.1))
    held = path(step(down(0.2, 0.1, 0.78), False), step(down(0.2, 0.1, 0.98), False))
    _, covers = layers(look, held)
    assert covers[0].any() and not covers[1:].any()
    assert middle(covers[0])[0] < middle(red(look.rgb))[0] - 10


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_pushed_block_ends_in_front_of_the_fingers(side: float) -> None:
    look, y = seen(block(0.2, 0.0)), 0.12 * side
    behind, there = down(0.2, -0.09 * side, 0.785), down(0.2, y - 0.051 * side, 0.785)
    turned = path(step(behind, False), step(there, False), step(down(0.2, y, 0.95), False))
    pictures, covers = layers(look, turned)
    truth = red(seen(block(0.2, y)).rgb)
    assert np.abs(middle(red(pictures[0]) & covers[0]) - middle(truth)).max() < 1.0
    assert not covers[1:].any()


def test_what_is_not_in_the_way_is_not_pushed() -> None:
    look = seen(block(0.2, 0.0))
    beside = path(step(down(0.3, -0.1, 0.785), False), step(down(0.3, 0.1, 0.785), False))
    short = path(step(down(0.2, -0.2, 0.785), False), step(down(0.2, -0.1, 0.785), False))
    above = path(step(down(0.2, -0.1, 0.95), False), step(down(0.2, 0.1, 0.95), False))
    for missed in (beside, short, above):
        assert not layers(look, missed)[1].any()


def test_closing_high_above_a_thing_does_not_take_it() -> None:
    look = seen(block(0.2, 0.1))
    high = path(step(down(0.2, 0.1, 0.95), False), step(down(0.3, 0.0, 0.95), False))
    assert not layers(look, high)[1].any()


def test_the_network_is_told_metres_around_the_lowest_place() -> None:
    look = seen(block(0.2, 0.1))
    given = inputs_of(look, path(step(down(0.2, 0.1, 0.8), False)))
    assert given.maps.shape == (MAPS, *SIZE) and given.facts.shape == (FACTS,)
    for array in vars(given).values():
        assert array.dtype == np.float32 and np.isfinite(array).all()
    inside = red(look.rgb)
    metres = given.maps[10:13][:, inside] * 0.1 + np.array([0.2, 0.1, 0.8])[:, None]
    np.testing.assert_allclose(metres.T, look.points[inside], atol=1e-4)


def test_a_table_without_depth_is_refused() -> None:
    from dataclasses import replace

    from wiw_core.errors import ErrorCode, WiwError

    front = table().views[0]
    with pytest.raises(WiwError) as error:
        look_of(replace(front, depth=None), SIZE)
    assert error.value.code is ErrorCode.DEPTH_REQUIRED
    with pytest.raises(WiwError) as error:
        look_of(replace(front, intrinsics=np.zeros((3, 3))), SIZE)
    assert error.value.code is ErrorCode.BAD_IMAGE


def test_a_thing_that_stays_hides_what_is_put_behind_it() -> None:
    wall = Box((0.3, -0.05, TABLE_M + 0.05), (0.01, 0.02, 0.05), (0, 0, 250))
    look = seen(block(0.2, 0.1), wall)
    behind = path(step(down(0.2, 0.1, 0.78), False), step(down(0.22, -0.05, 0.78), True))
    _, covers = layers(look, behind)
    blue = look.rgb[..., 2] == 250
    truth = seen(block(0.22, -0.05), wall).rgb
    assert not (covers[1] & blue).any()
    assert (covers[1] & red(truth)).sum() > 0.85 * red(truth).sum()


def test_what_a_thing_may_come_to_rest_on_is_measured() -> None:
    look = seen(block(0.2, 0.1), block(0.3, -0.1))
    grasp = step(down(0.2, 0.1, 0.78), False)
    on_block = path(grasp, step(down(0.3, -0.1, 0.83), True))
    on_table = path(grasp, step(down(0.1, -0.1, 0.83), True))
    top, low = support(look, on_block)
    assert top == pytest.approx(0.05, abs=1e-3) and 0.0 < low < 0.015
    assert support(look, on_table)[0] == 0.0
    assert support(look, path(step(down(0.3, -0.1, 0.83), True))) == (0.0, 0.0)


def test_of_the_copies_the_likeliest_is_shown_and_never_an_empty_one() -> None:
    ones = torch.ones(1, 3, 4, 4)
    levels = torch.zeros(1, COUNT)
    levels[0, 2], levels[0, 4] = 1.0, 5.0
    scores = torch.tensor([0.0, 0.0, 20.0])[None, :, None, None].expand(1, 3, 4, 4)
    painted = Painted(scores, levels, ones, torch.zeros(1, 1, 4, 4))
    pictures = torch.arange(COUNT).float()[None, :, None, None, None] / COUNT
    pictures = pictures.expand(1, COUNT, 3, 4, 4)
    covers = torch.ones(1, COUNT, 4, 4)
    covers[:, 4] = 0.0  # the likeliest shows nothing
    frame = composed(painted, 0.0 * ones, pictures, covers, decided=True)
    torch.testing.assert_close(frame, torch.full_like(frame, 2 / COUNT), atol=1e-4, rtol=0)
    mixed = composed(painted, 0.0 * ones, pictures, covers)
    assert (mixed - frame).abs().min() > 0.01
