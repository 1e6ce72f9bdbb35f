"""What the robot's own map promises."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from planner_aeqa_home import FRIDGE, SOFA, cube, look_round, moved

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.plans import NAVIGATION_DELTA, TURN_RAD, navigation_plan
from wiw_planner_node.perception.mapping.frontiers import frontiers
from wiw_planner_node.perception.mapping.grid import FloorMap
from wiw_planner_node.perception.mapping.rooms import NOWHERE, rooms
from wiw_planner_node.perception.mapping.routes import distances, route

LEFT_ROOM, DOOR, RIGHT_ROOM = (0.0, 0.0), (2.05, 0.0), (4.0, 0.0)


def map_from(*poses: Pose2, things: tuple = (SOFA, FRIDGE)) -> FloorMap:  # type: ignore[type-arg]
    floor_map = FloorMap()
    for pose in poses:
        floor_map.update(look_round(pose, things))
    return floor_map


def test_floor_that_is_seen_is_free_and_what_stands_on_it_is_not() -> None:
    floor_map = map_from(Pose2())
    assert floor_map.free[floor_map.cell(1.0, 1.0)]
    for x, y in ((-1.1, 0.0), (2.05, 1.0)):  # the sofa's front, the wall beside the door
        row, column = floor_map.cell(x, y)
        assert floor_map.obstacle[row - 1 : row + 2, column - 1 : column + 2].any()
    assert floor_map.unknown[floor_map.cell(4.0, 1.3)], "the other room is hidden by the wall"


def test_turning_and_moving_draw_the_same_map() -> None:
    straight, turned = map_from(Pose2()), map_from(Pose2(yaw_rad=3 * TURN_RAD))
    differ = straight.free ^ turned.free
    assert differ.sum() < 0.02 * straight.free.sum()
    elsewhere = map_from(Pose2(0.6, 0.4, 1.0))
    both = ~straight.unknown & ~elsewhere.unknown
    assert ((straight.free ^ elsewhere.free) & both).sum() < 0.05 * both.sum()


def test_a_map_needs_a_panorama_with_depth() -> None:
    now = look_round(Pose2())
    blind = replace(now, views=(replace(now.views[0], depth=None),))
    for observation, code in (
        (replace(now, views=()), ErrorCode.PANORAMA_REQUIRED),
        (blind, ErrorCode.DEPTH_REQUIRED),
    ):
        with pytest.raises(WiwError) as caught:
            FloorMap().update(observation)
        assert caught.value.code is code


def test_depth_that_is_not_a_number_is_left_out() -> None:
    now = look_round(Pose2())
    depth = now.views[0].depth
    assert depth is not None
    depth = depth.copy()
    depth[:, ::8], depth[::9] = np.nan, 0.0
    floor_map = FloorMap()
    floor_map.update(replace(now, views=(replace(now.views[0], depth=depth),)))
    near = slice(floor_map.cell(0, -1)[0], floor_map.cell(0, 1)[0])
    assert floor_map.free[near, near].mean() > 0.9
    assert not floor_map.obstacle[near, near].any()


def test_each_room_is_one_room_and_the_door_divides_them() -> None:
    floor_map = map_from(Pose2(*LEFT_ROOM), Pose2(*RIGHT_ROOM))
    found = rooms(floor_map)
    left, right = (found.at(floor_map.cell(*p)) for p in (LEFT_ROOM, RIGHT_ROOM))
    assert NOWHERE not in (left, right) and left != right
    assert found.at(floor_map.cell(-1.8, 1.3)) == left
    assert found.at(floor_map.cell(5.8, -1.3)) == right
    assert found.area_m2(left) == pytest.approx(12.0, rel=0.15)


def test_a_room_never_entered_is_not_taken_for_this_one() -> None:
    floor_map = map_from(Pose2(-1.0, 1.0))
    found = rooms(floor_map)
    assert found.at(floor_map.cell(4.0, 1.0)) == NOWHERE


def test_frontiers_are_where_the_other_room_begins_and_nowhere_else() -> None:
    floor_map = map_from(Pose2(-0.5, 0.0), things=())
    found = frontiers(floor_map, distances(floor_map, floor_map.cell(-0.5, 0.0)))
    assert found and all(f.x_m > 1.9 for f in found)
    both = map_from(Pose2(-0.5, 0.0), Pose2(2.5, 0.0), Pose2(4.0, 0.0), things=())
    assert not frontiers(both, distances(both, both.cell(4.0, 0.0)))


def test_distances_go_round_the_wall() -> None:
    floor_map = map_from(Pose2(*LEFT_ROOM), Pose2(*RIGHT_ROOM), things=())
    ways = distances(floor_map, floor_map.cell(1.5, 1.2))
    over = ways.at(floor_map.cell(2.6, 1.2))
    assert 1.8 < over < 3.5, "1.1 m through the wall, about 2.3 m through the door"
    assert math.isinf(ways.at(floor_map.cell(2.05, 1.2)))


@pytest.mark.parametrize("yaw", range(0, 16, 3))
def test_a_route_leads_through_the_door_without_touching_anything(yaw: int) -> None:
    things = (SOFA, FRIDGE, cube(1.0, 0.2))
    floor_map = map_from(Pose2(*LEFT_ROOM), Pose2(*RIGHT_ROOM), things=things)
    start = Pose2(0.2, -0.9, yaw * TURN_RAD)
    names = route(floor_map, start, distances(floor_map, floor_map.cell(4.5, 0.8)))
    pose = start
    for name in names:
        before, pose = pose, pose * NAVIGATION_DELTA[name]
        for share in (0.25, 0.5, 0.75, 1.0):
            x = before.x_m + share * (pose.x_m - before.x_m)
            y = before.y_m + share * (pose.y_m - before.y_m)
            assert floor_map.clearance_m[floor_map.cell(x, y)] >= 0.15
    assert pose.distance_m(Pose2(4.5, 0.8)) < 0.3
    assert moved(start, navigation_plan(names)) == pose
    assert names.count("forward") <= 35 and len(names) <= 50


def test_no_route_leads_where_none_can() -> None:
    floor_map = map_from(Pose2(*LEFT_ROOM), things=())
    outside = distances(floor_map, floor_map.cell(-4.0, 0.0))
    assert route(floor_map, Pose2(), outside) == ()
    here = distances(floor_map, floor_map.cell(0.0, 0.0))
    assert route(floor_map, Pose2(), here) == ()


def test_a_bump_bars_the_way_ahead_and_only_that() -> None:
    floor_map = map_from(Pose2(), things=())
    to_goal = distances(floor_map, floor_map.cell(1.5, 0.0))
    straight = route(floor_map, Pose2(), to_goal)
    floor_map.bump(Pose2(0.2, 0.0), Pose2(0.2, 0.0))
    assert route(floor_map, Pose2(), to_goal) == straight == ("forward",) * len(straight)
    floor_map.bump(Pose2(0.2, 0.0), Pose2(0.05, 0.0))
    names = route(floor_map, Pose2(0.05, 0.0), distances(floor_map, floor_map.cell(1.5, 0.0)))
    assert names[0] != "forward" and "forward" in names
