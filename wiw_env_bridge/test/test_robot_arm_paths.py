"""From a URDF to a trajectory: where the tool is, straight lines, and when the arm is where."""

from __future__ import annotations

import numpy as np
import pytest
from robot_arm_blocks import panda_urdf
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation

from wiw_env_bridge.robot.arm.kinematics import kinematics
from wiw_env_bridge.robot.arm.timing import Pace, time_path
from wiw_env_bridge.robot.arm.urdf import parse, transform
from wiw_env_bridge.tabletop import panda
from wiw_env_bridge.tabletop.kinematics import HIGH_RAD, LOW_RAD, READY_RAD, Kinematics

DOWN = np.diag([1.0, -1.0, -1.0])
PACE = Pace(np.full(7, 0.5), 1.0, 0.2, 0.6)


@pytest.fixture(scope="module")
def chain():
    bare = parse(panda_urdf(), "panda_link0", "panda_hand_tcp")
    return bare.placed(transform(panda.FOOT, (0.0, 0.0, 0.0)), np.eye(4))


@pytest.fixture(scope="module")
def arm(chain):
    return kinematics(chain, READY_RAD, margin=0.02, jump=0.6)


@pytest.fixture(scope="module")
def table_arm():
    return Kinematics()


def pose_of(x, y, z, rotation=DOWN):
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, (x, y, z)
    return pose


def test_the_tool_is_where_the_embedded_arm_has_it(arm, table_arm):
    rng = np.random.default_rng(0)
    for angles in rng.uniform(LOW_RAD, HIGH_RAD, (50, 7)):
        assert np.allclose(arm.tool(angles), table_arm.tool(angles), atol=1e-8)


def test_it_reaches_what_the_embedded_arm_reaches_and_ends_there(arm, table_arm):
    rng = np.random.default_rng(1)
    for x, y, z in rng.uniform((0.0, -0.3, 0.78), (0.4, 0.3, 1.05), (50, 3)):
        goal = pose_of(x, y, z)
        assert table_arm.reach(goal, READY_RAD) is not None
        angles = arm.reach(goal, READY_RAD)
        assert angles is not None
        assert np.allclose(table_arm.tool(angles), goal, atol=2e-3)
        assert (angles > LOW_RAD).all() and (angles < HIGH_RAD).all()


def test_a_tool_beyond_the_tip_and_turned_is_the_tool(chain, table_arm):
    beyond = transform((0.0, 0.0, 0.05), (0.0, 0.0, 0.4))
    arm = kinematics(chain.placed(np.eye(4), beyond), READY_RAD, margin=0.02, jump=0.6)
    assert np.allclose(arm.tool(READY_RAD), table_arm.tool(READY_RAD) @ beyond, atol=1e-8)


def test_a_straight_path_is_one_and_takes_a_pose_per_centimetre(arm):
    start, goal = arm.tool(READY_RAD), pose_of(0.3, 0.25, 0.85)
    path = arm.straight(READY_RAD, goal)
    way = goal[:3, 3] - start[:3, 3]
    assert len(path) > np.linalg.norm(way) / 0.01
    places = np.array([arm.tool(angles)[:3, 3] for angles in path])
    shares = np.linspace(0.0, 1.0, len(path))[:, None]
    assert np.allclose(places, places[0] + shares * way, atol=5e-4)


def test_a_path_on_which_a_joint_would_jump_is_none(chain, arm):
    """The elbow's posture flips on this line, as in the embedded arm's own test."""

    def turned(place, degrees):
        rotation = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
        return pose_of(*place, rotation)

    start = arm.reach(turned((0.32, -0.05, 0.93), (164, -37, 16)), READY_RAD)
    goal = turned((0.36, -0.11, 1.25), (158, -28, 79))
    careful = kinematics(chain, READY_RAD, margin=0.02, jump=0.2)
    careless = kinematics(chain, READY_RAD, margin=0.02, jump=np.inf)
    assert careful.straight(start, goal) is None
    assert np.abs(np.diff(careless.straight(start, goal), axis=0)).max() > 0.2


def test_a_chain_of_sliding_and_endless_joints_has_kinematics_too():
    swaps = [('name="panda_joint1" type="revolute"', 'name="panda_joint1" type="prismatic"')]
    swaps += [('name="panda_joint7" type="revolute"', 'name="panda_joint7" type="continuous"')]
    chain = parse(panda_urdf(swaps=swaps), "panda_link0", "panda_hand_tcp")
    arm = kinematics(chain, np.array([]), margin=0.02, jump=0.6)
    angles = np.append(np.array([0.3]), READY_RAD[1:])
    low, high = arm.tool(READY_RAD), arm.tool(angles)
    assert np.allclose(high[:3, 3] - low[:3, 3], (0.0, 0.0, 0.3))
    assert arm.reach(high, READY_RAD) is not None


@pytest.fixture(scope="module")
def timed(arm):
    goal = pose_of(0.3, 0.25, 0.85, Rotation.from_euler("xyz", (180, 0, 40), True).as_matrix())
    here = arm.tool(READY_RAD)
    turn = Rotation.from_matrix(goal[:3, :3] @ here[:3, :3].T).magnitude()
    length = np.linalg.norm(goal[:3, 3] - here[:3, 3])
    path = arm.straight(READY_RAD, goal)
    return path, length, turn, time_path(path, length, turn, PACE, 0.04)


def finely(trajectory):
    """What a controller does between the points: cubic pieces; (T, n) and its derivatives."""
    spline = CubicHermiteSpline(
        trajectory.times_s, trajectory.positions, trajectory.velocities, axis=0
    )
    return [spline(np.linspace(0.0, trajectory.duration_s, 4000), order) for order in range(3)]


def test_a_trajectory_begins_where_the_arm_is_and_is_at_rest_at_both_ends(timed):
    path, _, _, trajectory = timed
    assert np.array_equal(trajectory.positions[[0, -1]], path[[0, -1]])
    assert not trajectory.velocities[[0, -1]].any()
    assert trajectory.times_s[0] == 0.0
    assert np.allclose(np.diff(trajectory.times_s), 0.04)


def test_between_its_points_too_no_joint_is_faster_than_allowed(timed):
    _, speeds, pushes = finely(timed[3])
    assert np.abs(speeds).max() <= PACE.velocity[0]
    assert np.abs(pushes).max() <= 1.15 * PACE.acceleration  # cubic pieces bend in steps


def test_the_tool_keeps_to_its_speeds_and_to_its_line(arm, timed):
    _, length, _, trajectory = timed
    positions = finely(trajectory)[0]
    poses = np.array([arm.tool(angles) for angles in positions])
    step_s = trajectory.duration_s / (len(positions) - 1)
    assert np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1).max() <= PACE.speed_m_s * step_s
    turns = Rotation.from_matrix(poses[1:, :3, :3] @ poses[:-1, :3, :3].transpose(0, 2, 1))
    assert turns.magnitude().max() <= PACE.turn_rad_s * step_s
    ahead = (poses[-1, :3, 3] - poses[0, :3, 3]) / length
    away = poses[:, :3, 3] - poses[0, :3, 3]
    assert np.linalg.norm(away - np.outer(away @ ahead, ahead), axis=1).max() < 5e-4


@pytest.mark.parametrize("which", ["velocity", "acceleration", "speed_m_s", "turn_rad_s"])
def test_each_limit_alone_slows_the_motion(timed, which):
    path, length, turn, _ = timed
    loose = Pace(np.full(7, 50.0), 500.0, 20.0, 60.0)
    tight = Pace(**{**vars(loose), which: getattr(loose, which) * 0.002})
    fast = time_path(path, length, turn, loose, 0.02).duration_s
    assert time_path(path, length, turn, tight, 0.02).duration_s > 3.0 * fast
