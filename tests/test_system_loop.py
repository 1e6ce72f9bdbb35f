"""The loop over three real nodes: the same decisions as in one process, and clear refusals."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from graph import Graph

from wiw_core.decisions import Candidate, Decision, EpisodeStatus
from wiw_core.errors import ErrorCode
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.loop import run_episode
from wiw_core.records import finished, read_episode, record_path
from wiw_planner_node.film import filmed
from wiw_planner_node.policy import make_policy

pytestmark = pytest.mark.system


def comparable(decision: Decision) -> str:
    """Return all of a decision but seconds and pictures; as text, for NaN differs from itself."""
    candidates = tuple(
        Candidate(c.plan, None, c.score, c.reason, c.code) for c in decision.candidates
    )
    return repr(replace(decision, candidates=candidates, seconds={}))


@pytest.mark.parametrize(
    ("task", "episode_id"), [("ignav", "val_000"), ("ignav", "val_001"), ("ar", "val_000")]
)
def test_an_episode_over_ros_equals_the_one_in_process(
    graph: Graph, task: str, episode_id: str
) -> None:
    policy = make_policy(task, FakeWorldModel(), proposer="fake", reviser="fake")
    expected: list[Decision] = []
    ended = run_episode(
        FakeEnvironment(), task, episode_id, policy, seed=5, on_decision=expected.append
    )
    result, decisions = graph.run(task, episode_id, seed=5)
    assert result.code == ErrorCode.OK, result.message
    assert [comparable(d) for d in decisions] == [comparable(d) for d in expected]
    assert repr(graph.judged(result)) == repr(ended)


def test_what_the_robot_sees_arrives_unchanged(graph: Graph) -> None:
    """Values are computed by the model from the picture it is sent, so they tell of every pixel."""
    options: dict[str, Any] = {"proposer": "heuristic", "reviser": "place"}
    score = {"score_by": "value"}
    policy = make_policy("ignav", FakeWorldModel(), **options, reviser_parameters=score)
    expected: list[Decision] = []
    run_episode(FakeEnvironment(), "ignav", "val_001", policy, on_decision=expected.append)
    with graph.changed("planner_node", **options, reviser_parameters=["score_by=value"]):
        result, decisions = graph.run("ignav", "val_001")
    assert result.code == ErrorCode.OK, result.message
    assert [comparable(d) for d in decisions] == [comparable(d) for d in expected]
    assert all(math.isfinite(c.score) for d in decisions for c in d.candidates)


@pytest.mark.parametrize(
    ("task", "episode_id", "code", "hint"),
    [
        ("ignaw", "val_000", ErrorCode.UNKNOWN_TASK, "ignav"),
        ("ignav", "val_0001", ErrorCode.UNKNOWN_EPISODE, "val_000"),
    ],
)
def test_a_misspelt_name_gets_the_nearest_one(
    graph: Graph, task: str, episode_id: str, code: ErrorCode, hint: str
) -> None:
    result, _ = graph.run(task, episode_id)
    assert result.code == code and hint in result.message
    assert graph.works()


def test_a_second_episode_is_refused_while_one_runs(graph: Graph) -> None:
    with graph.changed("wm_node", model_parameters=["fault=hang"]):
        first = graph.send()
        graph.until_imagining()
        second, _ = graph.run()
        assert second.code == ErrorCode.BUSY
        graph.probe.cancel(first)
        assert graph.probe.result(first).result.code == ErrorCode.ABORTED_BY_USER
    assert graph.works()


def test_a_cancelled_episode_is_closed_as_the_users_wish(graph: Graph) -> None:
    with graph.changed("env_bridge", environment_parameters=["action_seconds=0.5"]):
        handle = graph.send()
        graph.probe.until(graph.moving, 20.0, "the robot moves")
        graph.probe.cancel(handle)
        result = graph.probe.result(handle).result
        assert graph.judged(result).status is EpisodeStatus.ABORTED_USER
        graph.probe.until(lambda: not graph.moving(), 5.0, "the robot holds")
    assert graph.works()


def test_a_signal_in_mid_episode_closes_it_before_the_planner_ends(graph: Graph) -> None:
    with graph.changed("wm_node", model_parameters=["fault=hang"]):
        handle = graph.send()
        graph.until_imagining()
        pending = handle.get_result_async()  # asked for while somebody can answer
        assert graph.nodes["planner_node"].stop() == 0, graph.nodes["planner_node"].output
        result = graph.probe.wait(pending, 10.0, "the result").result
        assert graph.judged(result).status is EpisodeStatus.ABORTED_USER
    graph.replace("planner_node")
    assert graph.works()


def test_records_and_films_over_ros_are_those_of_one_process(graph: Graph, tmp_path: Path) -> None:
    policy = make_policy("ignav", FakeWorldModel(), proposer="fake", reviser="fake")
    env, policy, recorder = filmed(tmp_path / "local", FakeEnvironment(), policy)
    run_episode(env, "ignav", "val_001", policy, recorder=recorder)
    folder = tmp_path / "remote"
    with graph.changed("planner_node", record_dir=str(folder), record_frames=1):
        results = [graph.run("ignav", episode_id)[0] for episode_id in ("val_001", "val_002")]
    assert [r.code for r in results] == [ErrorCode.OK] * 2
    assert finished(folder) == ["val_001", "val_002"]
    record = read_episode(record_path(folder, "val_001"))
    assert len(record.decisions) == results[0].result.decisions
    assert [f.name for f in (folder / "film").iterdir()] == ["val_001"]
    pictures = sorted(f.name for f in (tmp_path / "local").iterdir())
    assert pictures == sorted(f.name for f in (folder / "film" / "val_001").iterdir())
    for name in pictures:
        ours, theirs = tmp_path / "local" / name, folder / "film" / "val_001" / name
        assert ours.read_bytes() == theirs.read_bytes(), name


def test_several_episodes_after_one_another_need_no_restart(graph: Graph) -> None:
    assert all(graph.works() for _ in range(5))
