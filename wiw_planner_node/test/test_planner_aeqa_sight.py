"""What looking at imagined panoramas promises."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from planner_aeqa_home import BLUE, RED, cube, look_round

from wiw_core.geometry import Pose2
from wiw_core.observation import Rgb
from wiw_planner_node.perception.questions.patches import name_patches, patches
from wiw_planner_node.perception.questions.segment import CLASSES, FURNITURE, Segmenter
from wiw_planner_node.perception.questions.sight import Eyes, furniture_shown
from wiw_planner_node.perception.recognise import Recogniser

HW = (288, 512)
PLACES = (72, 128, len(CLASSES))
RECOGNISER = Recogniser.shipped()


def grey() -> Rgb:
    return np.full((*HW, 3), 140, np.uint8)


def painted(row: int, column: int, colour: tuple[int, int, int], side: int = 14) -> Rgb:
    image = grey()
    image[row : row + side, column : column + side] = colour
    return image


def blotches() -> Rgb:
    small = np.random.default_rng(0).integers(0, 255, (18, 32, 3), np.uint8)
    return np.repeat(np.repeat(small, 16, 0), 16, 1)


def bathroom() -> Rgb:
    """An apartment that the segmenter was not trained on: train seed 4031."""
    path = Path(__file__).parent / "data" / "aeqa_bathroom.png"
    return np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), np.uint8)


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


def test_every_place_of_a_picture_gets_probabilities() -> None:
    places = Segmenter.shipped().probabilities(blotches())
    assert places.shape == PLACES and places.dtype == np.float32
    np.testing.assert_allclose(places.sum(axis=2), 1.0, atol=1e-5)
    assert (places >= 0.0).all()


def test_a_bathroom_shows_what_bathrooms_have_and_nothing_else() -> None:
    shown = furniture_shown(Segmenter.shipped().probabilities(bathroom()))
    assert set(shown) == set(FURNITURE)
    assert {noun for noun, p in shown.items() if p > 0.5} == {"bathtub", "sink", "toilet"}


def test_a_piece_is_found_where_it_is() -> None:
    places = Segmenter.shipped().probabilities(bathroom())
    rows, columns = np.nonzero(places.argmax(axis=2) == CLASSES.index("toilet"))
    assert 35 < rows.mean() < 55 and 110 < columns.mean() < 125


def test_turning_turns_what_is_seen() -> None:
    image, segmenter, turn = bathroom(), Segmenter.shipped(), 64
    here = segmenter.probabilities(image)
    turned = segmenter.probabilities(np.roll(image, turn, axis=1))
    back = np.roll(turned, -turn // 2, axis=1)
    assert np.median(np.abs(here - back)) < 1e-3
    assert (here.argmax(axis=2) == back.argmax(axis=2)).mean() > 0.95


@pytest.mark.parametrize(("places", "shows"), [(0, 0.0), (4, 0.5), (8, 1.0), (500, 1.0)])
def test_furniture_shows_as_far_as_enough_of_the_picture_shows_it(
    places: int, shows: float
) -> None:
    p = np.zeros(PLACES, np.float32)
    p.reshape(-1, len(CLASSES))[:places, CLASSES.index("fridge")] = 1.0
    shown = furniture_shown(p)
    assert shown["fridge"] == pytest.approx(shows) and shown["sofa"] == 0.0


def test_the_same_picture_is_judged_the_same_twice() -> None:
    image = look_round(Pose2(0.5, 0.2), (cube(1.3, 0.3),)).views[0].rgb
    first, second = (Eyes.shipped().see(image) for _ in range(2))
    assert first == second
