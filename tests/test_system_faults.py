"""What breaks costs one episode: a code, a closed episode, a robot that holds; the next runs."""

from __future__ import annotations

import pytest
from graph import Graph

from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode

pytestmark = pytest.mark.system

MODEL_FAULTS = {
    "wrong_shape": ErrorCode.INVALID_FRAMES,
    "wrong_dtype": ErrorCode.INVALID_FRAMES,
    "wrong_count": ErrorCode.INVALID_FRAMES,
    "wrong_index": ErrorCode.INVALID_FRAMES,
    "nan": ErrorCode.INVALID_FRAMES,
    "missing": ErrorCode.CONTRACT_VIOLATION,
    "duplicate": ErrorCode.CONTRACT_VIOLATION,
    "stale": ErrorCode.INVALID_FRAMES,
    "out_of_memory": ErrorCode.OUT_OF_MEMORY,
    "crash": ErrorCode.INTERNAL,
    "hang": ErrorCode.DEADLINE_EXCEEDED,
    "slow": ErrorCode.DEADLINE_EXCEEDED,
    "late": ErrorCode.DEADLINE_EXCEEDED,
}


def ends_as_fault(graph: Graph, code: ErrorCode) -> bool:
    """Run an episode that must be closed as a fault with that code and a sentence."""
    result, _ = graph.run()
    assert result.code == code, f"{result.code}: {result.message}"
    assert result.message
    assert graph.judged(result).status is EpisodeStatus.ABORTED_FAULT
    assert graph.judged(result).code is code
    return True


@pytest.mark.parametrize("fault", MODEL_FAULTS)
def test_a_faulty_model_costs_one_episode(graph: Graph, fault: str) -> None:
    with graph.changed("wm_node", model_parameters=[f"fault={fault}", "fault_seconds=3.0"]):
        assert ends_as_fault(graph, MODEL_FAULTS[fault])
    assert graph.works()


def test_a_model_that_ends_its_process_is_reported_and_replaced(graph: Graph) -> None:
    with graph.changed("wm_node", model_parameters=["fault=exit"]):
        assert ends_as_fault(graph, ErrorCode.WM_DIED)
        assert graph.nodes["wm_node"].process.wait(5.0) == 70
    assert graph.works()


def test_a_model_killed_in_mid_rollout_is_reported_and_replaced(graph: Graph) -> None:
    slow = graph.changed("wm_node", model_parameters=["seconds=30"])
    with graph.changed("planner_node", rollout_deadline_s=60.0), slow:
        handle = graph.send()
        graph.until_imagining()
        graph.nodes["wm_node"].kill()
        result = graph.probe.result(handle, 20.0).result
        assert result.code == ErrorCode.WM_DIED, result.message
        assert graph.judged(result).status is EpisodeStatus.ABORTED_FAULT
        assert not graph.moving()
    assert graph.works()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("crash", ErrorCode.ENVIRONMENT_FAILED),
        ("nan_depth", ErrorCode.BAD_IMAGE),
        ("wrong_shape", ErrorCode.BAD_IMAGE),
        ("silent", ErrorCode.STALE_OBSERVATION),
    ],
)
def test_a_faulty_environment_costs_one_episode(graph: Graph, fault: str, code: ErrorCode) -> None:
    with graph.changed("env_bridge", environment_parameters=[f"fault={fault}"]):
        result, _ = graph.run()
        assert result.code == code, f"{result.code}: {result.message}"
    assert graph.works()


def test_a_bridge_killed_in_motion_still_gives_a_result(graph: Graph) -> None:
    with graph.changed("env_bridge", environment_parameters=["action_seconds=0.5"]):
        handle = graph.send()
        graph.probe.until(graph.moving, 20.0, "the robot moves")
        graph.nodes["env_bridge"].kill()
        result = graph.probe.result(handle, 20.0).result
        assert result.code == ErrorCode.ACTION_SERVER_LOST and "env_bridge" in result.message
    assert graph.works()


def test_robot_holds_when_the_planner_dies_and_a_new_planner_takes_over(graph: Graph) -> None:
    slow = ["action_seconds=0.5"]
    with graph.changed("env_bridge", environment_parameters=slow, command_ttl_s=0.5):
        graph.send()
        graph.probe.until(graph.moving, 20.0, "the robot moves")
        graph.nodes["planner_node"].kill()
        graph.probe.until(lambda: not graph.moving(), 5.0, "the robot holds")
    graph.replace("planner_node")
    assert graph.works()


@pytest.mark.parametrize("fault", ["unknown_action", "empty_plan", "too_long", "empty", "crash"])
def test_a_faulty_proposer_never_moves_the_robot(graph: Graph, fault: str) -> None:
    with graph.changed("planner_node", proposer_parameters=[f"fault={fault}"]):
        result, decisions = graph.run()
        assert result.code not in (ErrorCode.OK, ErrorCode.UNSET) and result.message
        assert not decisions and graph.judged(result).actions == 0
    assert graph.works()
