"""MuJoCo, the shipped policies, the warp model and the oracle: over ROS as in one process."""

from __future__ import annotations

from typing import Any

import pytest
from graph import Graph
from test_system_loop import comparable

from wiw_core.contracts import WorldModel
from wiw_core.decisions import Decision
from wiw_core.errors import ErrorCode
from wiw_core.loop import run_episode
from wiw_core.registry import WORLD_MODELS, Registry
from wiw_env_bridge.mujoco.environment import MujocoEnvironment
from wiw_env_bridge.oracle import OracleWorldModel
from wiw_planner_node.policy import make_policy

pytestmark = pytest.mark.system

SIZE = {"panorama_height": 144, "panorama_width": 256, "front_size": 128}
FRAME = {"height": 72, "width": 128}
BUDGET = 4
"""Decisions compared: enough for the models' memory of past views to matter."""


def texts(values: dict[str, int]) -> list[str]:
    return [f"{key}={value}" for key, value in values.items()]


@pytest.fixture(scope="module")
def apartment(graph: Graph) -> Any:
    with (
        graph.changed("env_bridge", environment="mujoco", environment_parameters=texts(SIZE)),
        graph.changed("wm_node", model="warp", model_parameters=texts(FRAME)),
        graph.changed("planner_node", proposer="", reviser="", rollout_deadline_s=30.0),
    ):
        yield graph


@pytest.mark.parametrize("task", ["ignav", "ar"])
@pytest.mark.parametrize("model", ["warp", "oracle"])
def test_decisions_over_ros_equal_those_in_one_process(
    apartment: Graph, model: str, task: str
) -> None:
    env = MujocoEnvironment(**SIZE)
    imagine: WorldModel = (
        OracleWorldModel(env, **FRAME)
        if model == "oracle"
        else Registry(WORLD_MODELS).create(model, **FRAME)
    )
    episode_id = env.episode_ids(task)[0]
    expected: list[Decision] = []
    ended = run_episode(
        env, task, episode_id, make_policy(task, imagine), seed=1, on_decision=expected.append
    )
    env.close()
    servers = ["env_bridge/rollout" if model == "oracle" else "wm_node/rollout"]
    with apartment.changed("planner_node", rollout_servers=servers):
        result, decisions = apartment.run(task, episode_id, seed=1)
    assert result.code == ErrorCode.OK, result.message
    assert [comparable(d) for d in decisions] == [comparable(d) for d in expected]
    assert repr(apartment.judged(result)) == repr(ended)
