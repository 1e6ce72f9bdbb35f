"""Geodesic distances are lengths of real paths; the robot moves as it says and stops at contact."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wiw_core.geometry import Pose2
from wiw_core.plans import Action
from wiw_env_bridge.mujoco.agent import AgentState, plan_motion
from wiw_env_bridge.mujoco.apartment import lay_out
from wiw_env_bridge.mujoco.floorplan import Box2
from wiw_env_bridge.mujoco.navigation import CELL_M, FloorGrid, clear_floor, largest_island
from wiw_env_bridge.mujoco.shortest import shortest_actions

FORWARD, LEFT = Action("forward"), Action("turn_left")


@pytest.fixture(scope="module")
def grid():
    return lay_out(3).grid


@pytest.fixture
def empty_room():
    """4 m by 3 m, nothing in it."""
    walls = [
        Box2(2.0, 0.0, 4.0, 0.1),
        Box2(2.0, 3.0, 4.0, 0.1),
        Box2(0.0, 1.5, 0.1, 3.0),
        Box2(4.0, 1.5, 0.1, 3.0),
    ]
    return FloorGrid(largest_island(clear_floor(4.0, 3.0, walls)))


@pytest.fixture
def split_room():
    """The same with a wall at x = 2 that leaves a gap only at the top."""
    walls = [
        Box2(2.0, 0.0, 4.0, 0.1),
        Box2(2.0, 3.0, 4.0, 0.1),
        Box2(0.0, 1.5, 0.1, 3.0),
        Box2(4.0, 1.5, 0.1, 3.0),
        Box2(2.0, 1.0, 0.1, 2.0),
    ]
    return FloorGrid(largest_island(clear_floor(4.0, 3.0, walls)))


def points(grid, count, seed=0):
    rng = np.random.default_rng(seed)
    rows, columns = np.nonzero(grid.free)
    for k in rng.integers(len(rows), size=count):
        row, column = rows[k] + rng.random(), columns[k] + rng.random()
        yield float(column * CELL_M), float(row * CELL_M)


def test_geodesic_is_never_shorter_than_the_straight_line_and_symmetric(grid):
    for a, b in zip(points(grid, 30, 1), points(grid, 30, 2)):
        there, back = grid.distances_to(*b).metres(*a), grid.distances_to(*a).metres(*b)
        assert there >= math.dist(a, b) - 1e-9
        assert there == pytest.approx(back, abs=0.05)


def test_geodesic_is_the_straight_line_where_nothing_is_in_the_way(empty_room):
    assert empty_room.distances_to(3.3, 2.2).metres(0.6, 0.5) == pytest.approx(math.hypot(2.7, 1.7))


def test_geodesic_goes_round_a_wall(split_room):
    around = split_room.distances_to(3.0, 0.5).metres(1.0, 0.5)
    # Over the end of the wall at (2, 2), with the robot's radius of 0.15 m between.
    over = 2 * math.hypot(0.85, 1.65)
    assert over < around < over + 0.5


def test_nowhere_is_at_infinite_distance(empty_room):
    assert math.isinf(empty_room.distances_to(2.0, 1.0).metres(9.0, 9.0))
    with pytest.raises(ValueError, match="not on the free floor"):
        empty_room.distances_to(9.0, 9.0)


def test_forward_in_the_open_moves_exactly_20_cm(empty_room):
    motion = plan_motion(empty_room, Pose2(1.0, 1.0, math.pi / 2), FORWARD)
    assert not motion.blocked
    assert motion.at(1.0).y_m == pytest.approx(1.2, abs=1e-12)


def test_contact_stops_the_robot_before_the_wall(empty_room):
    state, motion = AgentState(Pose2(3.0, 1.5, 0.0)), None
    for _ in range(10):
        motion = plan_motion(empty_room, state.pose, FORWARD)
        state = state.after(motion, 1.0)
    assert motion.blocked
    assert state.collisions > 0
    # The wall's face is at 3.95 m and the robot's radius 0.15 m; the grid is 5 cm.
    assert 3.70 <= state.pose.x_m <= 3.80
    assert state.pose.y_m == 1.5  # it does not slide
    assert state.path_m == pytest.approx(state.pose.x_m - 3.0)


def test_sixteen_left_turns_return(empty_room):
    state = AgentState(Pose2(1.0, 1.0, 0.3))
    for _ in range(16):
        state = state.after(plan_motion(empty_room, state.pose, LEFT), 1.0)
    assert (state.pose.x_m, state.pose.y_m) == (1.0, 1.0)
    assert state.pose.yaw_rad == pytest.approx(0.3, abs=1e-12)
    assert state.path_m == 0.0


@pytest.mark.parametrize(
    ("start", "goal", "actions"),
    [
        (Pose2(0.5, 1.5, 0.0), (1.95, 1.5), 5),  # 1.45 m straight on, 0.5 m of it not needed
        # A quarter turned away: three turns back would pass the goal at 0.55 m, so four.
        (Pose2(0.5, 1.5, math.pi / 2), (1.95, 1.5), 9),
        (Pose2(1.8, 1.5, 0.0), (1.95, 1.5), 0),
    ],
)
def test_shortest_actions_of_cases_done_by_hand(empty_room, start, goal, actions):
    field = empty_room.distances_to(*goal)
    assert shortest_actions(empty_room, field, start, 0.5) == actions


def test_shortest_actions_gives_up_at_its_limit(split_room):
    field = split_room.distances_to(3.0, 0.5)
    assert shortest_actions(split_room, field, Pose2(1.0, 0.5, 0.0), 0.5, limit=10) is None


def test_metres_to_the_nearest_of_several_are_little_more_than_the_true_ones(grid):
    rows, columns = np.nonzero(grid.free)
    rng = np.random.default_rng(0)
    places = [
        ((columns[k] + 0.5) * CELL_M, (rows[k] + 0.5) * CELL_M)
        for k in rng.integers(len(rows), size=24)
    ]
    goals, starts = places[:4], places[4:]
    nearest = grid.metres_to_nearest(goals)
    fields = [grid.distances_to(*goal) for goal in goals]
    for x, y in starts:
        true = min(field.metres(x, y) for field in fields)
        assert true - 1e-9 <= nearest[int(y / CELL_M), int(x / CELL_M)] <= 1.03 * true + CELL_M
    assert np.isinf(nearest[~grid.free]).all()


def test_nearest_of_nothing_that_can_be_reached_is_refused(grid):
    with pytest.raises(ValueError, match="free floor"):
        grid.metres_to_nearest([(-1.0, -1.0)])
