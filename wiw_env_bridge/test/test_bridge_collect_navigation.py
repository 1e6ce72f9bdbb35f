"""What a collected walk holds, and how the samplers walk."""

import math

import numpy as np
import pytest

from wiw_core.geometry import Pose2
from wiw_core.plans import FORWARD_M, NAVIGATION_DELTA, TURN_RAD, Action
from wiw_env_bridge.collect import FIRST_SCENE, Job
from wiw_env_bridge.collect.looks import reduced
from wiw_env_bridge.collect.navigation import WALKS, NavigationSampler
from wiw_env_bridge.episodes.making.common import random_pose
from wiw_env_bridge.mujoco.agent import plan_motion
from wiw_env_bridge.mujoco.apartment import lay_out
from wiw_env_bridge.mujoco.navigation import FloorGrid

SCENE = FIRST_SCENE + 4000


@pytest.fixture(scope="module")
def walked():
    sampler = NavigationSampler(length=10, height=64, front_size=32)
    try:
        yield {walk: sampler.collect(Job(SCENE, 0, walk)) for walk in WALKS}
    finally:
        sampler.close()


def steps(walk: str, count: int, grid: FloorGrid, seed: int) -> tuple[list[str], list, int]:
    """Return names and poses of a walk, and how often it met an obstacle."""
    rng = np.random.default_rng(seed)
    rows, columns = np.nonzero(grid.free)
    k = int(rng.integers(len(rows)))
    poses = [Pose2((columns[k] + 0.5) * 0.05, (rows[k] + 0.5) * 0.05, rng.uniform(-3, 3))]
    chooser, names, contacts = WALKS[walk](grid, rng), [], 0
    for _ in range(count):
        names.append(chooser.next(poses[-1]))
        motion = plan_motion(grid, poses[-1], Action(names[-1]))
        contacts += motion.blocked
        poses.append(motion.at(1.0))
    return names, poses, contacts


@pytest.mark.parametrize("walk", WALKS)
def test_a_trajectory_has_every_array_in_its_form(walked, walk):
    found = {name: (array.shape, str(array.dtype)) for name, array in walked[walk].items()}
    assert found == {
        "panorama": ((11, 64, 128, 3), "uint8"),
        "depth": ((11, 64, 128), "float16"),
        "front": ((11, 32, 32, 3), "uint8"),
        "pose": ((11, 3), "float64"),
        "action": ((10,), "int8"),
        "collided": ((10,), "bool"),
        "geodesic_m": ((11, 11), "float32"),
    }


@pytest.mark.parametrize("walk", WALKS)
def test_poses_begin_at_the_origin_of_odom_and_follow_the_actions(walked, walk):
    poses = [Pose2(*pose) for pose in walked[walk]["pose"]]
    assert np.allclose(walked[walk]["pose"][0], 0.0, atol=1e-12)
    names = NavigationSampler.actions
    for before, after, action, collided in zip(
        poses, poses[1:], walked[walk]["action"], walked[walk]["collided"]
    ):
        meant = before * NAVIGATION_DELTA[names[action]]
        if collided:
            assert before.distance_m(after) < FORWARD_M
        else:
            assert meant.distance_m(after) < 1e-9
        assert math.isclose(math.cos(meant.yaw_rad - after.yaw_rad), 1.0)


@pytest.mark.parametrize("walk", WALKS)
def test_ways_are_symmetric_and_never_shorter_than_a_straight_line(walked, walk):
    metres = walked[walk]["geodesic_m"]
    places = walked[walk]["pose"][:, :2]
    straight = np.linalg.norm(places[:, None] - places[None], axis=2)
    assert np.isfinite(metres).all() and (metres == metres.T).all()
    assert (np.diag(metres) == 0).all()
    assert (metres >= straight - 1e-4).all()


def test_a_turn_to_the_left_moves_the_panorama_to_the_right():
    sampler = NavigationSampler(length=1, height=64, front_size=32)
    names = NavigationSampler.actions
    try:
        jobs = [Job(SCENE, seed, "random_walk") for seed in range(40)]
        for job in jobs:
            rng = np.random.default_rng([job.scene, job.seed])
            grid = lay_out(SCENE).grid
            start = random_pose(rng, lay_out(SCENE))
            if WALKS["random_walk"](grid, rng).next(start) == "turn_left":
                break
        found = sampler.collect(job)
    finally:
        sampler.close()
    assert names[found["action"][0]] == "turn_left"
    before, after = found["panorama"].astype(float)
    columns = round(TURN_RAD / (2 * math.pi) * before.shape[1])
    error = {k: np.abs(np.roll(before, k, axis=1) - after).mean() for k in (columns, 0, -columns)}
    assert error[columns] < 0.3 * error[0] and error[columns] < 0.3 * error[-columns]


def test_the_waypoint_walk_never_meets_an_obstacle_and_gets_around():
    grid = lay_out(SCENE).grid
    reach = {}
    for walk in WALKS:
        spans, contacts = [], 0
        for seed in range(3):
            _, poses, met = steps(walk, 60, grid, seed)
            spans.append(np.ptp([(p.x_m, p.y_m) for p in poses], axis=0).max())
            contacts += met
        reach[walk] = float(np.mean(spans))
        if walk == "waypoints":
            assert contacts == 0
        else:
            assert contacts > 0, "a model must see what contact looks like"
    assert reach["waypoints"] > reach["random_walk"]


def test_the_random_walk_never_undoes_a_turn_nor_turns_more_than_a_quarter_at_once():
    names, _, _ = steps("random_walk", 300, lay_out(SCENE).grid, 1)
    pairs = set(zip(names, names[1:]))
    assert not {("turn_left", "turn_right"), ("turn_right", "turn_left")} & pairs
    assert ("turn_left", "turn_left") in pairs
    assert all(len(set(names[k : k + 5])) > 1 or names[k] == "forward" for k in range(296))


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_goes_on_where_it_is_boxed_in(walk):
    free = np.zeros((20, 20), np.bool_)
    free[9:11, 9:11] = True  # room to stand and turn, none to go
    names, _, _ = steps(walk, 8, FloorGrid(free), 0)
    assert len(names) == 8


def test_reduced_depth_is_exact_on_a_plane():
    inverse = np.linspace(0.40, 0.43, 8)[None, :] + np.linspace(0.0, 0.03, 8)[:, None]
    depth = (1.0 / inverse).astype(np.float32)
    small = inverse.reshape(4, 2, 4, 2).mean(axis=(1, 3))
    assert np.allclose(reduced(depth, 2), 1.0 / small, rtol=1e-6)
    assert np.array_equal(reduced(depth, 1), depth)


def test_reduced_depth_invents_no_surface_across_an_edge_and_keeps_the_unknown():
    depth = np.full((4, 4), 4.0, np.float32)
    depth[:, 1:] = 1.0
    depth[2:, 2:] = 0.0
    assert set(np.unique(reduced(depth, 2))) <= {0.0, 1.0, 4.0}
    assert (reduced(depth, 2)[1, 1]) == 0.0


def test_the_same_job_gives_the_same_arrays():
    sampler = NavigationSampler(length=2, height=64, front_size=32)
    try:
        one, two = (sampler.collect(Job(SCENE, 5, "waypoints")) for _ in range(2))
    finally:
        sampler.close()
    assert all(np.array_equal(one[name], two[name]) for name in one)
