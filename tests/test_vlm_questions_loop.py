"""The loop in a real home with a stub in the VLM's place, answering questions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from vlm_seers import explores

from wiw_core.conformance import check_proposer, check_reviser, example_context
from wiw_core.decisions import Decision, DecisionKind, EpisodeStatus
from wiw_core.errors import ErrorCode
from wiw_core.loop import Policy, run_episode
from wiw_core.tasks.aeqa import ActiveQuestionAnswering
from wiw_core.wrappers import Validated
from wiw_env_bridge.mujoco.environment import MujocoEnvironment
from wiw_env_bridge.oracle import OracleWorldModel
from wiw_planner_node.vlm.policies import VlmProposer, VlmReviser
from wiw_planner_node.vlm.stub import StubServer
from wiw_wm_node.copy import CopyModel


@pytest.fixture(scope="module")
def home() -> Iterator[MujocoEnvironment]:
    env = MujocoEnvironment(panorama_height=144, panorama_width=256, front_size=64)
    yield env
    env.close()


@pytest.mark.parametrize("imagines", [True, False])
def test_a_vlm_explores_a_home_and_answers(home: MujocoEnvironment, imagines: bool) -> None:
    model = Validated(OracleWorldModel(home)) if imagines else None
    decisions: list[Decision] = []
    with StubServer(explores) as stub:
        policy = Policy(
            VlmProposer(endpoint=stub.url),
            VlmReviser(endpoint=stub.url),
            ActiveQuestionAnswering().limits,
            model,
        )
        name = home.episode_ids("aeqa")[0]
        result = run_episode(home, "aeqa", name, policy, on_decision=decisions.append)
    assert result.code is ErrorCode.OK, result.message
    assert result.status is not EpisodeStatus.ABORTED_FAULT
    assert result.answer in ("kitchen", "bathroom")
    *acting, final = decisions
    assert final.kind is DecisionKind.ANSWER and final.answer == result.answer
    assert acting and all(decision.kind is DecisionKind.ACT for decision in acting)
    assert result.path_m > 1.0, "it went and looked"
    assert result.actions <= 55, "one primitive is kept back"
    shown = [e.pictures for decision in acting for e in decision.transcript if e.role == "revise"]
    assert all((pictures > 2) == imagines for pictures in shown)


def test_an_unreachable_vlm_leaves_the_robot_where_it_is(home: MujocoEnvironment) -> None:
    with StubServer(explores) as stub:
        gone = stub.url
    policy = Policy(
        VlmProposer(endpoint=gone, tries=1),
        VlmReviser(endpoint=gone, tries=1),
        ActiveQuestionAnswering().limits,
    )
    result = run_episode(home, "aeqa", home.episode_ids("aeqa")[0], policy)
    assert (result.status, result.code) == (
        EpisodeStatus.ABORTED_FAULT,
        ErrorCode.VLM_UNAVAILABLE,
    )
    assert result.actions == 0


def test_the_vlm_keeps_the_contracts_in_a_home(home: MujocoEnvironment) -> None:
    task = ActiveQuestionAnswering()
    with StubServer(explores) as stub:
        check_proposer(VlmProposer(endpoint=stub.url), lambda: example_context(home, task))
        reviser = VlmReviser(endpoint=stub.url)
        check_reviser(reviser, lambda: example_context(home, task), CopyModel())
