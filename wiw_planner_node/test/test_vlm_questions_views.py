"""The four views, the marks on them, and the ways to what they mark."""

from __future__ import annotations

import math

import numpy as np
import pytest
from planner_aeqa_home import FRIDGE, SOFA, Block, context_of, cube, look_round, moved

from wiw_core.cameras import panorama
from wiw_core.geometry import Pose2
from wiw_core.observation import Observation
from wiw_core.plans import navigation_plan
from wiw_planner_node.perception.mapping.sweep import panorama_of
from wiw_planner_node.perception.questions.surroundings import Surroundings
from wiw_planner_node.perception.recognise import Recogniser
from wiw_planner_node.vlm.questions.four_views import (
    VIEWS,
    YAW_RAD,
    Mark,
    four_views,
    pixel_in,
)
from wiw_planner_node.vlm.questions.landmarks import Landmark, landmarks, way_on, way_to

HW = (120, 140)
BAR = 24
DOWN_RAD = math.radians(-10.0)


def direction(yaw_rad: float, up_rad: float) -> np.ndarray:
    level = math.cos(up_rad)
    return np.array([level * math.cos(yaw_rad), level * math.sin(yaw_rad), math.sin(up_rad)])


def seen_from(
    pose: Pose2, things: tuple[Block, ...], before: Pose2 | None = None
) -> tuple[Surroundings, Observation]:
    seen = Surroundings(Recogniser.shipped())
    start = before or pose
    now = look_round(start, things, start)
    seen.update(context_of(now, "What is it?"))
    if before is not None:
        now = look_round(pose, things, start, step=3)
        seen.update(context_of(now, "What is it?", index=1))
    return seen, now


def offered(
    pose: Pose2, things: tuple[Block, ...], before: Pose2 | None = None
) -> tuple[Surroundings, tuple[Landmark, ...]]:
    seen, now = seen_from(pose, things, before)
    return seen, landmarks(seen, panorama_of(now))


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_looks_where_its_name_says_and_a_little_down(name: str) -> None:
    place = 3.0 * direction(YAW_RAD[name], DOWN_RAD)
    assert pixel_in(name, HW, place) == (70, 60)
    assert pixel_in(name, HW, -place) is None


def test_a_view_is_105_degrees_wide() -> None:
    ahead, left = direction(0.0, DOWN_RAD), np.array([0.0, 1.0, 0.0])
    edge = math.tan(math.radians(52.5))
    for share in (-0.8, 0.0, 0.5):
        pixel = pixel_in("front", HW, ahead + share * edge * left)
        assert pixel is not None and abs(pixel[0] - (69.5 - 70.0 * share)) <= 1 and pixel[1] == 60


@pytest.mark.parametrize("name", VIEWS)
def test_what_is_painted_on_the_panorama_shows_where_its_mark_goes(name: str) -> None:
    place = direction(YAW_RAD[name] + 0.3, DOWN_RAD + 0.2)
    image = np.zeros((144, 256, 3), np.uint8)
    angles = np.arccos(np.clip(panorama.rays(144, 256) @ place, -1.0, 1.0))
    image[angles < 0.08] = (200, 0, 0)
    picture, shown = four_views(image, HW, ())
    assert picture.shape == (2 * (HW[0] + BAR), 2 * HW[1], 3) and set(shown) == set(VIEWS)
    at = pixel_in(name, HW, 5.0 * place)
    assert at is not None
    row, column = divmod(VIEWS.index(name), 2)
    cell = picture[row * (HW[0] + BAR) + BAR :, column * HW[1] :][: HW[0], : HW[1]]
    assert cell[at[1], at[0], 0] > 150
    rows, columns = np.nonzero(cell[..., 0] > 100)
    assert abs(rows.mean() - at[1]) < 2 and abs(columns.mean() - at[0]) < 2


def test_a_mark_is_named_in_every_view_that_shows_it() -> None:
    place = direction(math.radians(45.0), 0.0)
    blank = np.full((144, 256, 3), 90, np.uint8)
    picture, shown = four_views(blank, HW, [Mark("7", place, (255, 0, 0))])
    assert shown == {"front": ("7",), "left": ("7",), "right": (), "back": ()}
    clean, _ = four_views(blank, HW)
    half = HW[0] + BAR
    assert (picture[:half] != clean[:half]).any() and (picture[half:] == clean[half:]).all()


def test_only_what_is_in_sight_and_not_yet_looked_at_from_near_can_be_gone_to() -> None:
    far, near = cube(-1.0, 1.0), cube(0.8, 0.4)
    things = (SOFA, FRIDGE, far, near)
    _, first = offered(Pose2(0.6, 0.0), things)
    assert "fridge" in {m.name for m in first}, "it shows through the door"
    _, marks = offered(Pose2(0.6, 1.2), things, before=Pose2(0.6, 0.0))
    names = {m.name for m in marks if not m.opening}
    assert names == {"sofa", "cube"}, "the fridge is now behind the wall"
    assert sum(m.name == "cube" for m in marks) == 1, "the near cube was looked at"


def test_a_thing_keeps_its_number_while_the_robot_moves() -> None:
    things = (SOFA, cube(1.4, 1.1), cube(-0.5, 1.2))
    _, first = offered(Pose2(0.6, -0.8), things)
    _, second = offered(Pose2(0.4, -0.8, 1.0), things, before=Pose2(0.6, -0.8))
    numbers = {m.mark: m.name for m in first if not m.opening}
    later = {m.mark: m.name for m in second if not m.opening}
    assert later and all(numbers.get(mark) == name for mark, name in later.items())


def test_the_way_to_an_opening_leads_through_the_door() -> None:
    seen, marks = offered(Pose2(), (SOFA,))
    openings = [m for m in marks if m.opening]
    assert openings and openings[0].mark == "A"
    through = [m for m in openings if m.place[0] > 1.5]
    assert through, "the door is an edge of what is known"
    names = way_to(seen, through[0].cell, 40)
    assert moved(Pose2(), navigation_plan(names)).x_m > 1.2


def test_the_way_to_a_thing_ends_beside_it() -> None:
    seen, marks = offered(Pose2(1.2, 0.8), (SOFA,))
    sofa = next(m for m in marks if m.name == "sofa")
    end = moved(Pose2(), navigation_plan(way_to(seen, sofa.cell, 60)))
    away = math.hypot(end.x_m - sofa.place[0], end.y_m - sofa.place[1])
    assert away < 1.4 < math.hypot(sofa.place[0], sofa.place[1])


@pytest.mark.parametrize(("view", "sign"), [("front", 1.0), ("back", -1.0)])
def test_straight_on_means_out_into_the_view(view: str, sign: float) -> None:
    seen, _ = seen_from(Pose2(0.0, 0.0), ())
    end = moved(Pose2(), navigation_plan(way_on(seen, view, 40)))
    assert sign * end.x_m > 1.0 and math.hypot(end.x_m, end.y_m) <= 2.9


def test_where_nothing_is_free_the_robot_turns_to_the_view() -> None:
    pose = Pose2(1.75, 1.25, math.pi / 2)  # in a corner: wall ahead and on the right
    seen, _ = seen_from(pose, ())
    assert way_on(seen, "front", 14) == ("turn_left",)
    assert way_on(seen, "right", 14) == ("turn_right",) * 4
    assert way_on(seen, "right", 2) == ("turn_right",) * 2
