"""The arm has the published Panda kinematics, and finds its way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from wiw_env_bridge.tabletop import servo
from wiw_env_bridge.tabletop.kinematics import HIGH_RAD, JUMP_RAD, LOW_RAD, READY_RAD, Kinematics

DOWN = np.diag([1.0, -1.0, -1.0])
PUBLISHED = (  # a, d, alpha of Franka's documentation, the flange last; metres, radians
    (0.0, 0.333, 0.0),
    (0.0, 0.0, -math.pi / 2),
    (0.0, 0.316, math.pi / 2),
    (0.0825, 0.0, math.pi / 2),
    (-0.0825, 0.384, -math.pi / 2),
    (0.0, 0.0, math.pi / 2),
    (0.088, 0.0, math.pi / 2),
    (0.0, 0.107, 0.0),
)


@pytest.fixture(scope="module")
def arm():
    return Kinematics()


def craig(a, d, alpha, theta):
    """One modified Denavit-Hartenberg transform, written out."""
    ca, sa, ct, st = math.cos(alpha), math.sin(alpha), math.cos(theta), math.sin(theta)
    return np.array(
        [
            [ct, -st, 0, a],
            [st * ca, ct * ca, -sa, -d * sa],
            [st * sa, ct * sa, ca, d * ca],
            [0, 0, 0, 1],
        ]
    )


def chain(angles):
    """T_base_tool by the published table, independent of MuJoCo."""
    pose = np.eye(4)
    pose[:3, 3] = -0.3, 0.0, 0.75
    for (a, d, alpha), theta in zip(PUBLISHED, [*angles, 0.0]):
        pose = pose @ craig(a, d, alpha, theta)
    return pose @ craig(0.0, 0.1034, 0.0, -math.pi / 4)


def above_the_table(x, y, z):
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = DOWN, (x, y, z)
    return pose


def test_the_tool_is_where_the_published_table_says(arm):
    rng = np.random.default_rng(0)
    for angles in rng.uniform(LOW_RAD, HIGH_RAD, (200, 7)):
        assert np.allclose(arm.tool(angles), chain(angles), atol=1e-7)


def test_ready_the_tool_looks_straight_down_over_the_table(arm):
    pose = arm.tool(READY_RAD)
    assert np.allclose(pose[:3, :3], DOWN, atol=1e-6)
    assert pose[2, 3] > 1.2


def test_every_place_where_tasks_happen_can_be_reached_within_the_joint_limits(arm):
    rng = np.random.default_rng(1)
    for x, y, z in rng.uniform((0.0, -0.3, 0.76), (0.4, 0.3, 1.05), (100, 3)):
        pose = above_the_table(x, y, z)
        angles = arm.reach(pose, READY_RAD)
        assert angles is not None, (x, y, z)
        assert np.all((angles >= LOW_RAD) & (angles <= HIGH_RAD))
        assert np.allclose(chain(angles)[:3, 3], pose[:3, 3], atol=2e-4)
        assert np.allclose(chain(angles)[:3, :3], DOWN, atol=2e-3)


def test_what_is_out_of_reach_has_no_solution(arm):
    assert arm.reach(above_the_table(0.69, 0.49, 0.8), READY_RAD) is None


def test_the_same_question_always_has_the_same_answer(arm):
    pose = above_the_table(0.3, 0.2, 0.8)
    first = arm.reach(pose, READY_RAD)
    arm.reach(above_the_table(0.1, -0.3, 0.9), READY_RAD)
    assert np.array_equal(first, arm.reach(pose, READY_RAD))
    assert np.array_equal(first, Kinematics().reach(pose, READY_RAD))


def test_a_path_is_a_straight_line_at_an_even_pace(arm):
    goal = above_the_table(0.3, 0.25, 0.8)
    path = arm.straight(READY_RAD, goal)
    places = np.array([chain(angles)[:3, 3] for angles in path])
    shares = np.linspace(0.0, 1.0, len(path))[:, None]
    assert np.allclose(places, places[0] + shares * (goal[:3, 3] - places[0]), atol=5e-4)
    assert np.abs(np.diff(path, axis=0)).max() < JUMP_RAD


def test_a_line_through_the_arms_own_foot_is_no_path(arm):
    left, right = above_the_table(-0.25, 0.45, 0.95), above_the_table(-0.25, -0.45, 0.95)
    start = arm.reach(left, READY_RAD)
    assert start is not None and arm.reach(right, start) is not None
    assert arm.straight(start, right) is None


def turned(place, degrees):
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    pose[:3, 3] = place
    return pose


def test_a_line_on_which_a_joint_would_jump_is_no_path(arm):
    start = arm.reach(turned((0.32, -0.05, 0.93), (164, -37, 16)), READY_RAD)
    goal = turned((0.36, -0.11, 1.25), (158, -28, 79))
    assert start is not None and arm.straight(start, goal) is None
    careless = Kinematics(jump_rad=math.inf)  # there is a solution all the way
    assert np.abs(np.diff(careless.straight(start, goal), axis=0)).max() > JUMP_RAD


def test_a_motion_begins_and_ends_at_rest_and_keeps_to_the_greatest_speed(arm):
    goal, step_s = above_the_table(0.3, 0.25, 0.8), 0.004
    path = arm.straight(READY_RAD, goal)
    length = float(np.linalg.norm(goal[:3, 3] - arm.tool(READY_RAD)[:3, 3]))
    rows = servo.commands(path, length, step_s)
    assert np.allclose(rows[-1], path[-1])
    assert np.allclose(rows[0], path[0], atol=0.01)
    places = np.array([chain(angles)[:3, 3] for angles in rows])
    speeds = np.linalg.norm(np.diff(places, axis=0), axis=1) / step_s
    assert speeds.max() < 1.3 * servo.SPEED_M_S  # the commands lead the motion a little


def test_a_motion_to_where_the_arm_is_takes_one_step(arm):
    rows = servo.commands(np.array([READY_RAD, READY_RAD]), 0.0, 0.004)
    assert np.array_equal(rows, READY_RAD[None])
