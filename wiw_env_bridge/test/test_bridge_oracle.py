"""The oracle imagines exactly what then happens, and leaves no trace."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from wiw_core.conformance.examples import example_context, example_request
from wiw_core.conformance.world_model import check_world_model
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import navigation_plan
from wiw_core.rollouts import RolloutRequest
from wiw_env_bridge.mujoco.environment import MujocoEnvironment
from wiw_env_bridge.mujoco.goals import TASKS
from wiw_env_bridge.oracle import OracleWorldModel

HEIGHT, WIDTH = 96, 192
PLAN = navigation_plan(["forward", "turn_left", "forward", "forward"])


@pytest.fixture(scope="module")
def env():
    env = MujocoEnvironment(panorama_height=HEIGHT, panorama_width=WIDTH, front_size=64)
    yield env
    env.close()


@pytest.fixture
def oracle(env):
    return OracleWorldModel(env, HEIGHT, WIDTH)


def request_now(env, task="ignav", plans=(PLAN,), **more):
    _, observation, _ = env.reset(task, env.episode_ids(task)[0])
    return RolloutRequest((observation,), plans, tuple(len(p) for p in plans), **more)


@pytest.mark.parametrize("task", TASKS)
def test_it_conforms(env, task):
    context = example_context(env, TASKS[task])
    check_world_model(OracleWorldModel(env, HEIGHT, WIDTH), lambda: example_request(context))


@pytest.mark.parametrize("task", TASKS)
def test_frame_k_is_the_real_view_after_k_actions(env, oracle, task):
    (rollout,) = oracle.rollout(request_now(env, task))
    for k, transition in enumerate(env.act(PLAN)):
        assert np.array_equal(rollout.frames[k], transition.observation.view("panorama").rgb)
        assert rollout.value[k] == pytest.approx(env.value())
    assert rollout.frame_indices == (1, 2, 3, 4)


def test_it_leaves_no_trace(env, oracle):
    request = request_now(env)
    before, motion = env.snapshot(), env.motion()
    list(oracle.rollout(request))
    assert env.snapshot() == before
    assert env.motion() == motion


def test_it_leaves_no_trace_when_cancelled_or_broken(env, oracle, monkeypatch):
    asked = iter([False, False, True])
    request = request_now(env, cancelled=lambda: next(asked))
    before = env.snapshot()
    with pytest.raises(WiwError) as caught:
        list(oracle.rollout(request))
    assert caught.value.code is ErrorCode.CANCELLED
    assert env.snapshot() == before

    monkeypatch.setattr(env, "imagine_frame", lambda *size: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(oracle.rollout(replace(request, cancelled=lambda: False)))
    assert env.snapshot() == before


def test_an_abandoned_rollout_leaves_no_trace(env, oracle):
    request = request_now(env, plans=(PLAN, navigation_plan(["turn_right"])))
    before = env.snapshot()
    rollouts = oracle.rollout(request)
    next(rollouts)
    assert env.snapshot() == before  # also while the caller looks at the first one
    rollouts.close()
    assert env.snapshot() == before


def test_only_the_wanted_frames_are_drawn(env, oracle, monkeypatch):
    drawn = []
    draw = env.imagine_frame
    monkeypatch.setattr(env, "imagine_frame", lambda *size: drawn.append(size) or draw(*size))
    request = request_now(env)
    (last,) = oracle.rollout(replace(request, frames=(3,), last_frame_only=True))
    assert drawn == [(HEIGHT, WIDTH)]
    assert last.frame_indices == (3,)
    assert last.frames.shape == (1, HEIGHT, WIDTH, 3)


def test_value_grows_towards_the_goal(env, oracle):
    request = request_now(env)
    start = env.value()
    (rollout,) = oracle.rollout(request)
    travelled = np.array([0.2, 0.2, 0.4, 0.6])
    assert np.all(np.abs(rollout.value - start) <= travelled + 0.06)
    assert np.all(rollout.value < 0.0)


def test_it_names_its_privileges(oracle):
    assert oracle.info.gives_value
    assert oracle.info.privileges == ("simulator_state", "true_value")


def test_an_observation_from_elsewhere_is_refused(env, oracle):
    request = request_now(env)
    list(env.act(navigation_plan(["turn_left"]), observe=False))
    with pytest.raises(WiwError) as caught:
        list(oracle.rollout(request))
    assert caught.value.code is ErrorCode.STALE_OBSERVATION


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"frames": (5,)}, ErrorCode.BAD_FRAME_COUNT),
        ({"frames": (0,)}, ErrorCode.BAD_FRAME_COUNT),
        ({"frames": ()}, ErrorCode.BAD_FRAME_COUNT),
        ({"deadline_s": time.monotonic() - 1.0}, ErrorCode.DEADLINE_EXCEEDED),
    ],
)
def test_a_request_it_cannot_serve_is_refused(env, oracle, change, code):
    with pytest.raises(WiwError) as caught:
        list(oracle.rollout(replace(request_now(env), **change)))
    assert caught.value.code is code


def test_without_an_episode_it_says_so(env, oracle):
    request = request_now(env)
    env.finish(0)
    with pytest.raises(WiwError) as caught:
        list(oracle.rollout(request))
    assert caught.value.code is ErrorCode.NO_EPISODE
