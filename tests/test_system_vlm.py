"""A policy with a language model over three real nodes; a stub stands for the model."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from graph import Graph

from wiw_core.decisions import Decision, EpisodeStatus
from wiw_core.errors import ErrorCode
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.loop import run_episode
from wiw_planner_node.policy import make_policy
from wiw_planner_node.vlm.stub import Body, Reply, StubServer, obliging

pytestmark = pytest.mark.system
VLM = {"proposer": "vlm", "reviser": "vlm"}
FEW = {"candidates": 2, "horizon": 2, "execute": 2, "rollout_deadline_s": 30.0}


def told(decision: Decision) -> Any:
    """Return what was decided and what was said for it, without seconds."""
    said = [replace(exchange, seconds=0.0) for exchange in decision.transcript]
    return decision.kind, decision.plan, decision.chosen, decision.answer, said


def both(*entries: str) -> dict[str, Any]:
    return {**VLM, "proposer_parameters": list(entries), "reviser_parameters": list(entries)}


def test_an_episode_with_a_language_model_over_ros_equals_the_one_in_process(graph: Graph) -> None:
    with StubServer(obliging) as stub:
        chat = {"endpoint": stub.url}
        policy = make_policy(
            "ignav",
            FakeWorldModel(),
            **VLM,
            **FEW,
            proposer_parameters=chat,
            reviser_parameters=chat,
        )
        expected: list[Decision] = []
        run_episode(FakeEnvironment(), "ignav", "val_001", policy, on_decision=expected.append)
        with graph.changed("planner_node", **both(f"endpoint={stub.url}"), **FEW):
            result, decisions = graph.run("ignav", "val_001")
    assert result.code == ErrorCode.OK, result.message
    assert [told(d) for d in decisions] == [told(d) for d in expected]
    assert all(d.transcript for d in decisions)


def test_a_silent_model_is_given_up_when_the_episode_is_cancelled_and_the_robot_holds(
    graph: Graph,
) -> None:
    asked = threading.Event()

    def silent(_: Body) -> Reply:
        asked.set()
        return Reply(hang=True)

    with StubServer(silent) as stub:
        hour = both(f"endpoint={stub.url}", "deadline_s=3600", "request_s=3600")
        with graph.changed("planner_node", **hour):
            handle = graph.send()
            graph.probe.until(asked.is_set, 30.0, "the model is asked")
            graph.probe.cancel(handle)
            result = graph.probe.result(handle).result
            assert graph.judged(result).status is EpisodeStatus.ABORTED_USER
            assert graph.judged(result).actions == 0 and not graph.moving()
    assert graph.works()


def test_a_model_that_talks_nonsense_ends_the_episode_in_its_code_and_the_next_one_works(
    graph: Graph,
) -> None:
    with (
        StubServer(lambda _: "drive on, drive on") as stub,
        graph.changed("planner_node", **both(f"endpoint={stub.url}")),
    ):
        result, _ = graph.run()
    assert result.code == ErrorCode.UNPARSABLE
    assert graph.judged(result).status is EpisodeStatus.ABORTED_FAULT
    assert "drive on" in result.message and graph.judged(result).actions == 0
    assert graph.works()
