"""Policies that others serve, in the loop at the table: they move the arm, or nothing does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wiw_core.contracts import Environment
from wiw_core.errors import ErrorCode
from wiw_core.loop import run_episode
from wiw_core.registry import ENVIRONMENTS, Registry
from wiw_core.wrappers import Validated
from wiw_env_bridge.oracle import OracleWorldModel
from wiw_planner_node.clients.fake_server import FakePolicyServer
from wiw_planner_node.policy import make_policy

TASK = "push_buttons"


@pytest.fixture(scope="module")
def table() -> Iterator[Environment]:
    env = Registry(ENVIRONMENTS).create("tabletop", image_size=64)
    yield env
    env.close()


@pytest.mark.parametrize("proposer", ["openpi", "trajectory"])
def test_an_episode_with_a_policy_server_and_imagination_ends_without_a_fault(
    proposer: str, table: Environment
) -> None:
    with FakePolicyServer() as server:
        policy = make_policy(
            TASK,
            Validated(OracleWorldModel(table)),
            proposer=proposer,
            proposer_parameters={"endpoint": server.url},
            reviser_parameters={"score_by": "value"},
            candidates=2,
        )
        weighed = []
        episode_id = table.episode_ids(TASK)[0]
        result = run_episode(table, TASK, episode_id, policy, on_decision=weighed.append)
    assert result.code is ErrorCode.OK, result.message
    assert result.actions > 0
    assert all(len(decision.candidates) == 2 for decision in weighed)
    assert all(decision.transcript for decision in weighed), "what was asked is recorded"


@pytest.mark.parametrize(
    ("fault", "code"),
    [("outside", ErrorCode.ACTION_OUT_OF_LIMITS), ("drop", ErrorCode.VLM_UNAVAILABLE)],
)
def test_nothing_moves_when_the_policy_server_fails(
    fault: str, code: ErrorCode, table: Environment
) -> None:
    with FakePolicyServer(fault) as server:
        policy = make_policy(
            TASK, None, proposer="openpi", proposer_parameters={"endpoint": server.url}
        )
        result = run_episode(table, TASK, table.episode_ids(TASK)[0], policy)
    assert result.code is code
    assert result.actions == 0 and result.path_m == 0.0
