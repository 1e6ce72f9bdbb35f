"""One contract for the embedded simulator, the fake of Habitat-Sim, and Habitat-Sim itself.

The last needs ``WIW_HABITAT_PYTHON``, an interpreter that has it, and ``WIW_HABITAT_SCENE``, any
scene; without them it is skipped, and says so.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from habitat_tools import FAKES, OTHER_PYTHON, SMALL, dataset

from wiw_core.conformance import check_environment
from wiw_core.conformance.promise import check_observation, same_view
from wiw_core.contracts import Environment
from wiw_core.observation import Observation
from wiw_core.plans import navigation_plan
from wiw_env_bridge.habitat.plugin import PYTHON_VARIABLE, HabitatEnvironment
from wiw_env_bridge.mujoco.environment import MujocoEnvironment
from wiw_env_bridge.oracle import Imaginable

SCENE_VARIABLE = "WIW_HABITAT_SCENE"
SUBJECTS = ("embedded", "fake", "drawn", "real")
TASK = "ignav_self_stop"
"""Image-goal navigation without the oracle stop: nothing ends a walk."""


def make(subject: str, folder: Any) -> Environment:
    """Return an environment to check."""
    if subject == "embedded":
        return MujocoEnvironment(36, 64, 32)
    parameters = dataset(folder)
    if subject == "fake":
        other = os.environ.get(OTHER_PYTHON, "")
        return HabitatEnvironment(other, (str(FAKES),), **parameters)
    if subject == "drawn":
        scene = f"{parameters['scenes']}/mp3d/hall/hall.glb"
        return HabitatEnvironment(path=(str(FAKES),), scene=scene, drawn=2, **SMALL)
    python, scene = (os.environ.get(name, "") for name in (PYTHON_VARIABLE, SCENE_VARIABLE))
    if not (python and scene):
        pytest.skip(f"{PYTHON_VARIABLE} and {SCENE_VARIABLE} name no real Habitat-Sim")
    gpu = int(os.environ.get("WIW_HABITAT_GPU", "0"))
    return HabitatEnvironment(python, scene=scene, drawn=4, gpu=gpu, **SMALL)


@pytest.fixture(scope="module", params=SUBJECTS)
def subject(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Environment]:
    environment = make(request.param, tmp_path_factory.mktemp("habitat"))
    yield environment
    environment.close()


def reset(environment: Environment, index: int = 0) -> Observation:
    return environment.reset(TASK, environment.episode_ids(TASK)[index])[1]


def go(environment: Environment, *names: str) -> Any:
    return list(environment.act(navigation_plan(names)))[-1]


def test_sixteen_turns_to_the_left_are_a_full_circle(subject: Environment) -> None:
    before = reset(subject)
    after = go(subject, *["turn_left"] * 16).observation
    assert after.base_pose.distance_m(before.base_pose) < 1e-3
    assert abs(math.sin(after.base_pose.yaw_rad)) < 1e-4
    assert math.cos(after.base_pose.yaw_rad) > 0.999
    for a, b in zip(before.views, after.views):
        assert np.abs(a.rgb.astype(int) - b.rgb.astype(int)).mean() < 3.0


@pytest.mark.parametrize("name", ["turn_left", "turn_right"])
def test_a_turn_rolls_the_panorama_by_a_sixteenth(subject: Environment, name: str) -> None:
    before = reset(subject).view("panorama")
    after = go(subject, name).observation.view("panorama")
    assert before is not None
    width = before.rgb.shape[1] // 16
    rolled = np.roll(before.rgb, width if name == "turn_left" else -width, axis=1).astype(int)
    right = np.abs(rolled - after.rgb).mean()
    wrong = np.abs(before.rgb.astype(int) - after.rgb).mean()
    assert right < 0.5 * wrong, "left turns move the picture to the right"


def test_a_free_forward_advances_a_fifth_of_a_metre_along_the_heading(subject: Environment) -> None:
    pose = reset(subject).base_pose
    for _ in range(16):
        state = subject.snapshot()
        step = go(subject, "forward")
        moved = pose.inverse() * step.observation.base_pose
        if not step.collided:
            assert step.path_m == pytest.approx(0.2, abs=2e-3)
            assert (moved.x_m, moved.y_m) == pytest.approx((0.2, 0.0), abs=2e-3)
            return
        subject.restore(state)
        pose = go(subject, "turn_left").observation.base_pose
    pytest.fail("no heading was free")


def test_a_blocked_forward_is_a_collision_and_shorter(subject: Environment) -> None:
    reset(subject)
    for _ in range(120):
        step = go(subject, "forward")
        if step.collided:
            assert step.path_m < 0.199
            return
    pytest.fail("nothing was in the way for 24 metres")


def test_what_is_seen_has_the_agreed_shapes(subject: Environment) -> None:
    seen = reset(subject)
    assert {view.name for view in seen.views} == {"front", "panorama"}
    check_observation(seen)
    for view in seen.views:
        assert view.depth is not None
        assert view.T_base_camera[2, 3] == pytest.approx(1.0)


def test_a_saved_state_comes_back_bit_by_bit(subject: Environment) -> None:
    reset(subject)
    before = go(subject, "turn_left", "forward").observation
    state = subject.snapshot()
    ends = []
    for _ in range(2):
        ends.append(go(subject, "forward", "turn_right", "forward").observation)
        subject.restore(state)
    assert same_view(*ends)
    again = go(subject, "turn_left").observation
    assert again.base_pose.distance_m(before.base_pose) < 1e-6


def test_an_episode_begins_the_same_each_time(subject: Environment) -> None:
    first = reset(subject)
    go(subject, "forward", "turn_left")
    assert same_view(first, reset(subject))


def test_ending_at_the_start_is_the_shortest_way_from_the_goal(subject: Environment) -> None:
    for index in range(2):
        reset(subject, index)
        result = subject.finish(1)
        assert not result.success
        assert result.final_distance_m == pytest.approx(result.shortest_m, rel=0.1)
        assert result.shortest_actions > 0


def test_the_simulators_own_follower_reaches_the_goal(subject: Environment) -> None:
    if not isinstance(subject, HabitatEnvironment):
        pytest.skip("the embedded simulator's expert is another one")
    for index in range(2):
        _, _, done = subject.reset("ignav", subject.episode_ids("ignav")[index])
        for _ in range(200):
            if done:
                break
            for step in subject.act(subject.advise(3), observe=False):
                done = step.done
        result = subject.finish(1)
        assert result.success and done, "the oracle stop ends it within the radius"
        assert result.final_distance_m <= 0.5
        assert len(subject.tasks()) in (2, 5)


@pytest.mark.parametrize("name", SUBJECTS[1:])
def test_habitat_keeps_the_contract_of_every_environment(name: str, tmp_path: Any) -> None:
    environment = make(name, tmp_path)
    assert isinstance(environment, Imaginable)
    check_environment(environment)
