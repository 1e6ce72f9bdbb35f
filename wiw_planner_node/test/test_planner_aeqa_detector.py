"""What finding things without privilege promises."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from planner_aeqa_home import BLUE, FRIDGE, ORIGIN, Block, context_of, cube, look_round

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Observation, Rgb
from wiw_planner_node.perception.questions.detector import Detector
from wiw_planner_node.perception.questions.segment import CLASSES, Floats, Segmenter
from wiw_planner_node.perception.questions.surroundings import Surroundings
from wiw_planner_node.perception.recognise import Recogniser
from wiw_planner_node.proposers.explore import ExploreProposer
from wiw_planner_node.revisers.answer import AnswerReviser

RECOGNISER = Recogniser.shipped()


class FakeSegmenter(Segmenter):
    """Calls everything of one colour by one noun, exactly."""

    def __init__(self, colour: tuple[int, int, int], noun: str) -> None:
        self._colour, self._noun = colour, noun

    def probabilities(self, image: Rgb) -> Floats:
        shown = (image[1::2, 1::2] == np.array(self._colour)).all(axis=2)
        p = np.zeros((*shown.shape, len(CLASSES)), np.float32)
        p[..., CLASSES.index(self._noun)] = shown
        p[..., 0] = ~shown
        return p


def home(*things: Block, pose: Pose2 = ORIGIN) -> Observation:
    return look_round(pose, things)


@pytest.mark.parametrize("yaw_rad", [0.0, 1.5, math.pi, -2.0])
def test_furniture_is_found_where_it_stands_whichever_way_the_robot_looks(yaw_rad: float) -> None:
    pose = Pose2(4.0, 0.4, yaw_rad)
    (found,) = Detector(FakeSegmenter(FRIDGE.colour, "fridge"), RECOGNISER).detect(
        home(FRIDGE, pose=pose)
    )
    there = pose * Pose2(found.x_m, found.y_m)
    x, y, z = FRIDGE.middle
    assert found.name == "fridge"
    assert math.hypot(there.x_m - x, there.y_m - y) < 0.4 and abs(found.z_m - z) < 0.5


def test_furniture_across_the_edge_of_the_picture_is_found_once() -> None:
    behind = Pose2(4.0, 0.4, math.atan2(-1.15 - 0.4, 5.65 - 4.0) + math.pi)
    found = Detector(FakeSegmenter(FRIDGE.colour, "fridge"), RECOGNISER).detect(
        home(FRIDGE, pose=behind)
    )
    assert [thing.name for thing in found] == ["fridge"]


def test_small_things_are_found_where_they_lie() -> None:
    found = Detector(FakeSegmenter(BLUE, "small"), RECOGNISER).detect(home(cube(1.2, 0.3, BLUE)))
    assert len(found) == 1
    assert math.hypot(found[0].x_m - 1.2, found[0].y_m - 0.3) < 0.2 and found[0].z_m < 0.4


def test_what_is_too_large_for_a_small_thing_or_looks_like_none_is_left_out() -> None:
    large = Block((1.2, -0.5, 0.0), (1.3, 0.5, 1.0), BLUE)
    assert Detector(FakeSegmenter(BLUE, "small"), RECOGNISER).detect(home(large)) == ()
    none = FakeSegmenter(FRIDGE.colour, "fridge")
    assert Detector(none, RECOGNISER).detect(home(cube(1.2, 0.3, BLUE))) == ()


def test_without_depth_nothing_is_made_up() -> None:
    now = home(FRIDGE)
    blind = replace(now, views=(replace(now.views[0], depth=None),))
    with pytest.raises(WiwError) as caught:
        Detector.shipped().detect(blind)
    assert caught.value.code is ErrorCode.DEPTH_REQUIRED


def test_granted_detections_are_not_looked_at_when_it_finds_things_itself() -> None:
    now = home(FRIDGE, pose=Pose2(4.0, 0.4))
    assert now.objects
    granted, own, bare = (Surroundings(RECOGNISER, d) for d in ("granted", "own", "own"))
    for seen, shown in ((granted, now), (own, now), (bare, replace(now, objects=()))):
        seen.update(context_of(shown, "Where is the red cube?"))
    assert [thing.noun for thing in granted.memory.things] == ["fridge"]
    places = [[(t.noun, t.x_m, t.y_m) for t in seen.memory.things] for seen in (own, bare)]
    assert places[0] == places[1]


def test_an_unknown_way_to_detect_is_refused() -> None:
    for part in (ExploreProposer, AnswerReviser):
        with pytest.raises(WiwError) as caught:
            part(detect="luck")
        assert caught.value.code is ErrorCode.BAD_PARAMETER
