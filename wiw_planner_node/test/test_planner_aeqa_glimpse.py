"""What looking at imagined panoramas promises."""

from __future__ import annotations

import numpy as np
from planner_aeqa_home import BLUE, RED, cube, look_round

from wiw_core.geometry import Pose2
from wiw_core.observation import Rgb
from wiw_planner_node.perception.questions.glimpse import HEADINGS, OUTPUTS, Glimpser, windows
from wiw_planner_node.perception.questions.patches import name_patches, patches
from wiw_planner_node.perception.recognise import Recogniser

HW = (288, 512)
RECOGNISER = Recogniser.shipped()


def grey() -> Rgb:
    return np.full((*HW, 3), 140, np.uint8)


def painted(row: int, column: int, colour: tuple[int, int, int], side: int = 14) -> Rgb:
    image = grey()
    image[row : row + side, column : column + side] = colour
    return image


def test_a_patch_of_strong_colour_is_boxed_and_grey_is_not() -> None:
    assert patches(painted(180, 300, RED)) == [(300, 180, 314, 194)]
    assert patches(grey()) == [] and name_patches(grey(), RECOGNISER) == {}


def test_specks_stripes_and_whole_walls_are_no_objects() -> None:
    for rows, columns in ((2, 2), (3, 200), (200, 300)):
        image = grey()
        image[50 : 50 + rows, 100 : 100 + columns] = RED
        assert patches(image) == []


def test_a_patch_is_found_at_any_resolution() -> None:
    fine = np.repeat(np.repeat(painted(180, 300, BLUE), 2, axis=0), 2, axis=1)
    assert patches(fine) == [(600, 360, 628, 388)]


def test_the_objects_colour_is_named() -> None:
    image = look_round(Pose2(), (cube(1.3, 0.3, BLUE),)).views[0].rgb
    named = name_patches(np.repeat(np.repeat(image, 2, axis=0), 2, axis=1), RECOGNISER)
    (_, colour), p = max(named.items(), key=lambda item: item[1])
    assert colour == "blue" and p > 0.5


def test_windows_go_round_to_the_right_from_straight_ahead() -> None:
    image = grey()
    quarter = HW[1] // 4
    image[:, HW[1] // 2 + quarter - 8 : HW[1] // 2 + quarter + 8] = RED
    shown = (windows(image)[:HEADINGS] == np.array(RED)).all(axis=-1).any(axis=(1, 2))
    assert shown[HEADINGS // 4] and not shown[0] and not shown[HEADINGS // 2]


def test_turning_changes_nothing_in_what_is_seen() -> None:
    rng = np.random.default_rng(0)
    image = np.repeat(np.repeat(rng.integers(0, 255, (18, 32, 3), np.uint8), 16, 0), 16, 1)
    glimpser = Glimpser.shipped()
    here = glimpser.furniture(image).max(axis=0)
    turned = glimpser.furniture(np.roll(image, 5 * HW[1] // HEADINGS, axis=1)).max(axis=0)
    assert here.shape == (len(OUTPUTS),)
    np.testing.assert_allclose(here, turned, atol=0.02)
    assert (here >= 0.0).all() and (here <= 1.0).all()


def test_the_same_picture_is_judged_the_same_twice() -> None:
    image = look_round(Pose2(0.5, 0.2), (cube(1.3, 0.3),)).views[0].rgb
    first, second = (Glimpser.shipped().seen(image) for _ in range(2))
    assert first == second
