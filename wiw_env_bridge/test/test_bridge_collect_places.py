"""What collected places are, and how they are drawn."""

import math

import numpy as np
import pytest

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_env_bridge.collect import FIRST_SCENE, Job, collect
from wiw_env_bridge.collect.places import APART_M, KIND, PlacesSampler
from wiw_env_bridge.collect.statistics import statistics
from wiw_env_bridge.episodes.making.ignav import shows_more_than_a_wall
from wiw_env_bridge.mujoco.apartment import lay_out
from wiw_learn.dataset import Dataset
from wiw_learn.lerobot import export

SCENE = FIRST_SCENE + 4000
SETTINGS = {"kind": KIND, "groups": 3, "per_group": 3, "height": 64, "front_size": 32}


@pytest.fixture(scope="module")
def gathered(tmp_path_factory) -> Dataset:
    folder = tmp_path_factory.mktemp("places")
    return collect({**SETTINGS, "scenes": 1, "first_scene": SCENE}, folder, 1)


def test_places_have_every_array_in_its_form(gathered):
    found = {name: (a.shape, str(a.dtype)) for name, a in gathered.trajectory(0).items()}
    assert found == {
        "panorama": ((9, 64, 128, 3), "uint8"),
        "depth": ((9, 64, 128), "float16"),
        "front": ((9, 32, 32, 3), "uint8"),
        "pose": ((9, 3), "float64"),
        "collided": ((0,), "bool"),
        "geodesic_m": ((9, 9), "float32"),
    }
    assert gathered.manifest.kind == KIND and gathered.manifest.actions == ()


def test_the_others_of_a_group_are_within_reach_of_its_first_and_no_two_places_are_one(gathered):
    metres = gathered.trajectory(0, ("geodesic_m",))["geodesic_m"]
    for first in (0, 3, 6):
        near = metres[first, first + 1 : first + 3]
        assert (near >= APART_M[0] - 1e-3).all() and (near <= APART_M[1] + 1e-3).all()
    within = [metres[i, j] for g in (0, 3, 6) for i in range(g, g + 3) for j in range(i)]
    assert min(within) > 0.0
    assert np.allclose(metres, metres.T) and np.isfinite(metres).all()


def test_a_way_is_never_shorter_than_a_straight_line(gathered):
    places = gathered.trajectory(0, ("pose", "geodesic_m"))
    xy = places["pose"][:, :2]
    straight = np.linalg.norm(xy[:, None] - xy[None], axis=-1)
    assert (places["geodesic_m"] >= straight - 0.01).all()


def test_no_front_picture_is_a_bare_wall_and_every_place_is_free():
    sampler = PlacesSampler(groups=3, per_group=3, height=64, front_size=32)
    try:
        layout = lay_out(SCENE)
        poses = sampler._group(np.random.default_rng(3), layout)
        for pose in poses:
            _, depth = sampler._looks.open().front_view(SCENE, pose)
            assert shows_more_than_a_wall(depth)
            assert layout.grid.is_free(pose.x_m, pose.y_m)
        assert len({(p.x_m, p.y_m) for p in poses}) == 3
        assert all(isinstance(p, Pose2) and math.isfinite(p.yaw_rad) for p in poses)
    finally:
        sampler.close()


def test_a_wall_half_a_metre_away_is_no_goal():
    assert not shows_more_than_a_wall(np.full((8, 8), 0.5, np.float32))
    assert shows_more_than_a_wall(np.full((8, 8), 2.0, np.float32))


def test_the_same_job_gives_the_same_places_again(gathered):
    sampler = PlacesSampler(groups=3, per_group=3, height=64, front_size=32)
    try:
        again = sampler.collect(Job(SCENE, 0, KIND))
    finally:
        sampler.close()
    first = gathered.trajectory(0)
    assert all(np.array_equal(first[name], again[name]) for name in first)


def test_statistics_of_places_count_looks_and_no_actions(gathered):
    known = statistics(gathered)
    assert known["frames"] == 9 and known["actions"] == 0
    assert known["share_of_actions_with_contact"] == 0.0
    assert known["places_without_a_way"] == 0


def test_places_are_no_robot_dataset_to_export(gathered, tmp_path):
    with pytest.raises(WiwError) as caught:
        export(gathered, tmp_path / "out")
    assert caught.value.code is ErrorCode.BAD_PARAMETER


@pytest.mark.parametrize("option", [{"groups": 0}, {"per_group": 0}, {"height": 60}])
def test_numbers_out_of_range_are_refused(option):
    with pytest.raises(WiwError) as caught:
        PlacesSampler(**option)
    assert caught.value.code is ErrorCode.BAD_PARAMETER
