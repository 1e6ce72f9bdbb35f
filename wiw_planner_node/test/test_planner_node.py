"""The planner node as a real process: advice without a bridge, refusals, shutting down."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sensor_msgs.msg import Image

from wiw_core.errors import ErrorCode
from wiw_core.fakes.environment import FakeEnvironment
from wiw_msgs.action import Decide, RunEpisode
from wiw_ros import convert
from wiw_ros.qos import LATCHED
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system

PLANNER = "/planner_node"
FAKES: dict[str, Any] = {
    "proposer": "fake",
    "reviser": "fake",
    "rollout_servers": ["wm_node/rollout"],
    "server_wait_s": 1.0,
}


@pytest.fixture(scope="module")
def domain() -> Iterator[int]:
    with own_domain() as domain:
        yield domain


@pytest.fixture(scope="module")
def probe(domain: int) -> Iterator[Probe]:
    with Probe(domain) as probe:
        yield probe


@pytest.fixture(scope="module")
def planner(domain: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A planner and a world model; there is no bridge anywhere."""
    folder = tmp_path_factory.mktemp("planner")
    with (
        NodeProcess("wiw_wm_node.node", folder, {"model": "fake"}, name="wm_node"),
        NodeProcess("wiw_planner_node.node", folder, FAKES, name="planner_node") as planner,
        Probe(domain, "starter") as starter,
    ):
        starter.until_state("/wm_node", "active")
        starter.until_state(PLANNER, "active")
        yield planner


def question(index: int = 0, **changes: Any) -> Decide.Goal:
    episode, seen, _ = FakeEnvironment().reset("ignav", "val_001")
    goal = Decide.Goal(
        observations=[convert.observation_to_msg(seen)],
        episode=convert.episode_to_msg(episode),
        index=index,
        seed=3,
    )
    for name, value in changes.items():
        setattr(goal, name, value)
    return goal


def advice(probe: Probe, goal: Decide.Goal, **options: Any) -> Any:
    handle = probe.send(Decide, f"{PLANNER}/decide", goal, **options)
    return probe.result(handle).result


def test_advice_needs_no_bridge(planner: NodeProcess, probe: Probe) -> None:
    told: list[Any] = []
    answer = advice(probe, question(), feedback=told.append)
    assert answer.code == ErrorCode.OK, answer.message
    decision = convert.decision_from_msg(answer.decision)
    assert len(decision.plan) == 5 and decision.prefix_length == 3
    assert len(decision.candidates) == 3 and decision.frames_imagined == 3
    probe.until(lambda: len(told) == 3, 5.0, "feedback of each rollout")
    assert [t.rollouts for t in told] == [1, 2, 3]


def test_the_imagined_candidates_can_be_watched(planner: NodeProcess, probe: Probe) -> None:
    seen = probe.record(Image, f"{PLANNER}/imagination", LATCHED)
    topic = f"{PLANNER}/imagination"
    probe.until(lambda: probe.node.count_publishers(topic) == 1, 10.0, "the publisher")
    for _ in range(20):  # until both ends have discovered each other
        assert advice(probe, question()).code == ErrorCode.OK
        if seen:
            break
    sheet = convert.image_from_msg(seen[-1][1])
    assert sheet.shape == (166, 3 * 288, 3) and sheet.any()


def test_a_question_without_an_observation_is_refused(planner: NodeProcess, probe: Probe) -> None:
    answer = advice(probe, question(observations=[]))
    assert answer.code == ErrorCode.BAD_PARAMETER and "observation" in answer.message


def test_a_question_with_a_wrong_image_is_refused(planner: NodeProcess, probe: Probe) -> None:
    goal = question()
    goal.observations[0].views[0].image.encoding = "bgr8"
    answer = advice(probe, goal)
    assert answer.code == ErrorCode.BAD_IMAGE and "bgr8" in answer.message


def test_a_missing_bridge_is_named(planner: NodeProcess, probe: Probe) -> None:
    goal = RunEpisode.Goal(task="ignav", episode_id="val_000")
    handle = probe.send(RunEpisode, f"{PLANNER}/run_episode", goal)
    answer = probe.result(handle).result
    assert answer.code == ErrorCode.ACTION_SERVER_LOST and "/env_bridge" in answer.message


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"proposer": "heuristik"}, ["3004", "heuristic"]),
        ({"reviser": "plaice"}, ["3005", "place"]),
        ({"rollout_deadline_s": float("nan")}, ["4001", "rollout_deadline_s", "finite"]),
        ({"rollout_severs": ["a/rollout"]}, ["4001", "rollout_severs", "rollout_servers"]),
        ({"horizon": 2, "execute": 3}, ["4001", "execute"]),
        ({"proposer": "fake", "proposer_parameters": ["fault"]}, ["4001", "key=value"]),
    ],
)
def test_a_bad_parameter_is_refused_at_start_with_one_sentence(
    domain: int, probe: Probe, tmp_path: Path, parameters: dict[str, Any], words: list[str]
) -> None:
    parameters = {"exit_on_failure": True, "reviser": "fake", "proposer": "fake", **parameters}
    node = NodeProcess("wiw_planner_node.node", tmp_path, parameters, name="bad_planner")
    with node:
        assert node.process.wait(30.0) == 1
    assert all(word in node.output for word in words), node.output
    assert "Traceback" not in node.output


def test_a_signal_ends_the_process_cleanly_even_in_mid_decision(
    domain: int, probe: Probe, tmp_path: Path
) -> None:
    slow = {"model": "fake", "model_parameters": ["fault=hang"]}
    fakes = {**FAKES, "rollout_servers": ["slow_wm/rollout"]}
    with (
        NodeProcess("wiw_wm_node.node", tmp_path, slow, name="slow_wm"),
        NodeProcess("wiw_planner_node.node", tmp_path, fakes, name="stopped") as planner,
    ):
        probe.until_state("/slow_wm", "active")
        probe.until_state("/stopped", "active")
        handle = probe.send(Decide, "/stopped/decide", question())
        assert planner.stop(signal.SIGINT) == 0, planner.output
        assert "Traceback" not in planner.output
        assert handle.accepted
