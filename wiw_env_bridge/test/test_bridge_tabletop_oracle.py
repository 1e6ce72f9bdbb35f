"""The oracle of the table imagines exactly what then happens, and leaves no trace."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tabletop_blocks import TOP_M, blocks_episodes

from wiw_core.arm import tool_pose
from wiw_core.conformance.examples import example_context, example_request
from wiw_core.conformance.world_model import check_world_model
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_core.observation import Projection
from wiw_core.plans import Plan
from wiw_core.rollouts import RolloutRequest
from wiw_core.wrappers import Validated
from wiw_env_bridge.oracle import OracleWorldModel
from wiw_env_bridge.tabletop import episodes
from wiw_env_bridge.tabletop.environment import TabletopEnvironment
from wiw_env_bridge.tabletop.judging import TASKS

SIZE = 96


@pytest.fixture(scope="module")
def shared():
    env = TabletopEnvironment(image_size=SIZE)
    yield env
    env.close()


@pytest.fixture
def env(shared, monkeypatch):
    monkeypatch.setattr(episodes, "load", blocks_episodes)
    return shared


def reach(x, y, z, opened=True):
    return tool_pose(Pose3(x, y, z, 1.0, 0.0, 0.0, 0.0), opened)


GRASP = (
    reach(0.2, 0.1, 0.9),
    reach(0.2, 0.1, TOP_M + 0.02),
    reach(0.2, 0.1, TOP_M + 0.02, False),
)
LIFT = Plan((*GRASP, reach(0.2, 0.1, 0.84, False), reach(0.3, 0.1, 0.84, False)))
DONE = Plan((*GRASP, reach(0.2, 0.1, 0.9, False), reach(0.3, 0.1, 0.9, False)))
BROKEN = Plan((*GRASP, reach(0.69, 0.49, 0.8, False), reach(0.2, 0.1, 0.84, False)))


def request_now(env, *plans):
    _, observation, _ = env.reset("push_buttons", "val_000")
    return RolloutRequest((observation,), plans, tuple(len(p) for p in plans))


def test_it_conforms(env):
    context = example_context(env, TASKS["push_buttons"])
    check_world_model(OracleWorldModel(env, SIZE, SIZE), lambda: example_request(context))


def test_unless_asked_otherwise_it_shows_256_pixels_of_the_front_camera(env):
    info = OracleWorldModel(env).info
    assert (info.projection, info.height, info.width) == (Projection.PERSPECTIVE, 256, 256)
    assert info.privileges == ("simulator_state", "true_value")


@pytest.mark.parametrize("plan", [LIFT, DONE, BROKEN], ids=["to the end", "success", "failure"])
def test_frame_k_is_the_real_view_after_k_actions_also_where_the_plan_ends_early(env, plan):
    request = request_now(env, plan)
    (rollout,) = Validated(OracleWorldModel(env, SIZE, SIZE)).rollout(request)
    steps = list(env.act(plan))
    for k in range(len(plan)):
        seen = steps[min(k, len(steps) - 1)].observation.view("front").rgb
        assert np.array_equal(rollout.frames[k], seen), f"frame {k}"
    assert rollout.value[-1] == pytest.approx(env.value())
    assert (len(steps) < len(plan)) == (plan is not LIFT)


def test_it_leaves_no_trace_whichever_plans_it_weighs(env):
    request = request_now(env, LIFT, BROKEN, DONE)
    before = env.snapshot()
    first = list(OracleWorldModel(env, SIZE, SIZE).rollout(request))
    assert env.snapshot() == before
    again = list(OracleWorldModel(env, SIZE, SIZE).rollout(request))
    for one, other in zip(first, again):
        assert np.array_equal(one.frames, other.frames)
    steps = list(env.act(LIFT))
    assert np.array_equal(first[0].frames[-1], steps[-1].observation.view("front").rgb)


def test_value_is_the_true_progress(env):
    (rollout,) = OracleWorldModel(env).rollout(request_now(env, DONE))
    assert rollout.value[0] == 0.0 and rollout.value[-1] == 1.0


def test_a_frame_larger_than_the_renderers_is_refused(env):
    request = request_now(env, LIFT)
    before = env.snapshot()
    with pytest.raises(WiwError) as caught:
        list(OracleWorldModel(env, 4096, 4096).rollout(request))
    assert caught.value.code is ErrorCode.TOO_LARGE
    assert env.snapshot() == before


def test_an_observation_from_elsewhere_is_refused(env):
    request = request_now(env, LIFT)
    old = replace(request.now, step=3)
    with pytest.raises(WiwError) as caught:
        list(OracleWorldModel(env).rollout(replace(request, observations=(old,))))
    assert caught.value.code is ErrorCode.STALE_OBSERVATION


def test_after_a_plan_that_failed_the_next_one_is_imagined_in_full(env):
    request_now(env, LIFT)
    far = Plan((reach(0.69, 0.49, 0.8),))
    (failed,) = env.act(far)
    assert failed.code is ErrorCode.IK_FAILED
    aside = Plan((reach(0.3, 0.0, 1.0),))
    request = RolloutRequest((failed.observation,), (aside,), (1,))
    (imagined,) = OracleWorldModel(env, SIZE, SIZE).rollout(request)
    (moved,) = env.act(aside)
    assert np.array_equal(imagined.frames[0], moved.observation.view("front").rgb)
    assert not np.array_equal(imagined.frames[0], failed.observation.view("front").rgb)
