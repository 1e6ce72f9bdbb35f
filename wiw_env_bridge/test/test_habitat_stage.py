"""Frames, cameras and distances of the Habitat adapter, on the fake of its interface."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from habitat_tools import CHAIR, FAKES, GOAL, HALL, START, scene_file, turned

from wiw_core.cameras import cubemap, panorama, pinhole
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import T_BASE_OPTICAL, Pose2
from wiw_env_bridge.habitat.frames import R_MAP_HABITAT, pose_of, rotation_of, to_map, yaw_of
from wiw_env_bridge.habitat.rig import FACES, Eyes, Rig
from wiw_env_bridge.habitat.stage import Place, Settings, Stage

HIGH = Rig(panorama_hw=(96, 192), front_size=96, face_size=96, semantic=True)


@pytest.fixture
def fake_habitat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(FAKES))
    for name in [n for n in sys.modules if n.split(".")[0] == "habitat_sim"]:
        monkeypatch.delitem(sys.modules, name)
    import habitat_sim

    assert "fake" in habitat_sim.__version__
    yield habitat_sim
    for name in [n for n in sys.modules if n.split(".")[0] == "habitat_sim"]:
        del sys.modules[name]


def open_stage(folder: Path, hall: dict[str, Any] = HALL, **settings: Any) -> Stage:
    return Stage(scene_file(folder / "hall.glb", hall), "", HIGH, Settings(**settings))


@pytest.fixture
def stage(fake_habitat: Any, tmp_path: Path) -> Stage:
    return open_stage(tmp_path)


def at(position: list[float], yaw_deg: float) -> Place:
    w, x, y, z = turned(yaw_deg)
    return Place((position[0], position[1], position[2]), (w, x, y, z))


def test_habitat_axes_become_those_of_ros() -> None:
    forward, right, up = [0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]
    assert to_map(forward) == pytest.approx([1, 0, 0])
    assert to_map(right) == pytest.approx([0, -1, 0])
    assert to_map(up) == pytest.approx([0, 0, 1])
    assert np.linalg.det(R_MAP_HABITAT) == pytest.approx(1.0)


@pytest.mark.parametrize("yaw", [0.0, 0.3, -2.0, 3.1])
def test_a_yaw_keeps_its_sign(yaw: float) -> None:
    assert yaw_of(rotation_of(yaw)) == pytest.approx(yaw)
    assert pose_of([1.0, 5.0, -2.0], rotation_of(yaw)) == Pose2(2.0, -1.0, yaw_of(rotation_of(yaw)))


def test_the_six_faces_look_where_the_panorama_takes_them_from(fake_habitat: Any) -> None:
    from habitat_sim.simulator import _euler

    for (name, pitch, yaw), rotation in zip(FACES, cubemap.ROTATIONS):
        camera = R_MAP_HABITAT @ _euler(pitch, yaw, 0.0)  # columns: right, up, backward
        optical = np.stack([camera[:, 0], -camera[:, 1], -camera[:, 2]], axis=1)
        assert np.allclose(optical, rotation, atol=1e-9), name
    specs = [s.uuid for s in HIGH.specifications(fake_habitat)]
    assert len(specs) == len(set(specs)) == 3 * 7


def test_the_agent_moves_and_turns_as_habitats_does(stage: Stage) -> None:
    stage.put(at(START, 90.0))  # looks along -x
    before = stage.place
    assert before.pose.yaw_rad == pytest.approx(math.pi / 2, abs=1e-6)
    metres, collided = stage.move("forward")
    assert (metres, collided) == (pytest.approx(0.2, abs=1e-5), False)
    assert stage.place.position == pytest.approx((START[0] - 0.2, 0.0, START[2]), abs=1e-5)
    moved = before.pose.inverse() * stage.place.pose
    assert (moved.x_m, moved.y_m) == pytest.approx((0.2, 0.0), abs=1e-5)
    stage.move("turn_left")
    turned_by = (before.pose.inverse() * stage.place.pose).yaw_rad
    assert turned_by == pytest.approx(math.radians(22.5), abs=1e-6)
    stage.move("turn_right")
    assert stage.place.pose.yaw_rad == pytest.approx(math.pi / 2, abs=1e-6)


def test_a_place_is_kept_bit_by_bit(stage: Stage) -> None:
    stage.put(at(START, 12.3))
    stage.move("forward")
    here = stage.place
    stage.put(at(GOAL, 0.0))
    stage.put(here)
    assert stage.place == here


def test_sliding_is_a_choice(fake_habitat: Any, tmp_path: Path) -> None:
    moved = []
    for sliding in (True, False):
        stage = open_stage(tmp_path, sliding=sliding)
        stage.put(at([0.15, 0.0, 3.0], 45.0))  # obliquely into the wall at x = 0
        metres, collided = stage.move("forward")
        assert collided
        moved.append(metres)
    assert 0.1 < moved[0] < 0.2
    assert moved[1] < 0.09


def test_a_distance_is_at_least_the_straight_one_and_the_same_both_ways(stage: Stage) -> None:
    stage.seed(5)
    for _ in range(20):
        a, b = stage.random_point(), stage.random_point()
        metres = stage.metres(a, b)
        assert metres >= math.dist(a, b) - 1e-6
        assert stage.metres(b, a) == pytest.approx(metres, abs=1e-6)
    assert stage.metres(START, START) == 0.0
    assert stage.metres(START, GOAL) > math.dist(START, GOAL) + 0.5, "the wall is in between"


def test_a_place_without_a_way_is_infinitely_far(fake_habitat: Any, tmp_path: Path) -> None:
    closed = {**HALL, "boxes": [{"low": [2.9, 0, 0], "high": [3.1, 2.5, 5.0], "id": 20,
                                 "category": "wall"}]}  # fmt: skip
    stage = open_stage(tmp_path, closed)
    assert stage.metres(START, GOAL) == math.inf
    with pytest.raises(WiwError) as caught:
        stage.put(at(START, 0.0))
        stage.route(GOAL, 0.5)
    assert caught.value.code is ErrorCode.NO_PATH


def test_the_same_seed_gives_the_same_points(stage: Stage) -> None:
    drawn = []
    for _ in range(2):
        stage.seed(11)
        drawn.append([stage.random_point() for _ in range(5)])
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 5


def test_the_panorama_has_true_colours_and_depth_all_around(stage: Stage) -> None:
    stage.put(at([4.0, 0.0, 4.0], 30.0))
    look = Eyes(HIGH).panorama(stage.look())
    height, width = HIGH.panorama_hw
    points = panorama.unproject(look.depth) + np.array([0.0, 0.0, 1.0])  # in base_link
    pose = stage.place.pose.matrix()
    inside = points.reshape(-1, 3) @ pose[:3, :3].T + pose[:3, 3]  # in the map: (-z, -x, y)
    x, y, z = -inside[:, 1], inside[:, 2], -inside[:, 0]
    gaps = np.minimum.reduce([np.abs(v - side) for v, s in zip((x, y, z), HALL["size"])
                              for side in (0.0, s)])  # fmt: skip
    on_walls = look.labels.ravel() <= 3
    assert on_walls.mean() > 0.6
    assert np.quantile(gaps[on_walls], 0.99) < 0.02, "what is no box is floor, ceiling or wall"
    assert look.depth[0].mean() == pytest.approx(1.5, rel=0.02), "up: the ceiling"
    assert look.depth[-1].mean() == pytest.approx(1.0, rel=0.02), "down: the floor"
    assert (height, width) == look.rgb.shape[:2]


@pytest.mark.parametrize("yaw_deg", [0.0, 22.5, -67.5, 170.0])
def test_the_chair_is_seen_where_it_is(stage: Stage, yaw_deg: float) -> None:
    place = at([4.0, 0.0, 4.0], yaw_deg)
    stage.put(place)
    raw, eyes = stage.look(), Eyes(HIGH)
    chair = to_map([4.8, 0.9, 2.4])
    to_base = np.linalg.inv(place.pose.matrix())
    in_base = (to_base @ [*chair, 1.0])[:3] - [0.0, 0.0, 1.0]
    pixel, _ = panorama.project(in_base, *HIGH.panorama_hw)
    seen = eyes.panorama(raw).labels
    x, y = (round(float(v)) for v in pixel)
    assert seen[y, x % HIGH.panorama_hw[1]] == CHAIR
    optical = np.linalg.inv(T_BASE_OPTICAL)[:3, :3] @ in_base
    k = pinhole.intrinsics(96, 96, math.radians(90.0))
    uv, depth = pinhole.project(optical, k)
    front = eyes.front(raw)
    if depth > 0 and (np.abs(uv - 47.5) < 46).all():
        u, v = (round(float(value)) for value in uv)
        assert front.labels[v, u] == CHAIR
        assert front.depth[v, u] == pytest.approx(float(depth), abs=0.4)


def test_unknown_depth_is_zero(stage: Stage) -> None:
    raw = stage.look()
    raw["depth_front"] = raw["depth_front"].copy()
    raw["depth_front"][0, :3] = (np.nan, np.inf, -1.0)
    assert Eyes(HIGH).front(raw).depth[0, :3].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "rig",
    [{"views": ("rear",)}, {"front_size": 8}, {"panorama_hw": (36, 60)}, {"face_size": 9000}],
)
def test_cameras_that_cannot_be_are_refused(rig: dict[str, Any]) -> None:
    with pytest.raises(WiwError) as caught:
        Rig(**rig)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_without_habitat_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "habitat_sim", None)
    with pytest.raises(WiwError, match="conda install") as caught:
        Stage(Path("x"), "", HIGH, Settings())
    assert caught.value.code is ErrorCode.INTERFACE_MISSING
