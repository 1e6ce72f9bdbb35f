"""The world-model node over the wire: rollouts stream back, and every failure has its code."""

from __future__ import annotations

import array
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from action_msgs.msg import GoalStatus

from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.observation import Observation
from wiw_core.plans import Plan, navigation_plan
from wiw_core.rollouts import Rollout
from wiw_msgs.action import Rollout as RolloutAction
from wiw_msgs.srv import DescribeModel
from wiw_ros import convert
from wiw_ros.host import host_id
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system
NODE = "wm_node"
PLANS = (["forward", "forward"], ["turn_left", "forward"], ["turn_right"])


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    with own_domain() as domain, Probe(domain) as probe:
        yield probe


@pytest.fixture(scope="module")
def node(probe: Probe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    folder = tmp_path_factory.mktemp("wm_node")
    with NodeProcess("wiw_wm_node.node", folder, {"model": "fake"}) as node:
        probe.until_state(NODE, "active")
        yield node
        assert "Traceback" not in node.output


def load(probe: Probe, *parameters: str, model: str = "fake") -> bool:
    """Reconfigure the running node, as an evaluation does."""
    for transition in ("deactivate", "cleanup"):
        probe.change(NODE, transition)
    assert probe.set(NODE, model=model, model_parameters=list(parameters) or ["seconds=0.0"]) == [
        "",
        "",
    ]
    return probe.change(NODE, "configure") and probe.change(NODE, "activate")


def seen() -> Observation:
    return FakeEnvironment().reset("ignav", "val_000")[1]


def goal(**changes: Any) -> RolloutAction.Goal:
    message = RolloutAction.Goal(
        observations=[convert.observation_to_msg(seen())],
        plans=[convert.plan_to_msg(navigation_plan(names)) for names in PLANS],
        frames=array.array("H", [len(names) for names in PLANS]),
        deadline_s=20.0,
        generation=5,
    )
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def imagine(probe: Probe, message: RolloutAction.Goal) -> tuple[Any, list[Rollout]]:
    feedback: list[Any] = []
    handle = probe.send(RolloutAction, f"{NODE}/rollout", message, feedback.append)
    answer = probe.result(handle)
    probe.until(lambda: len(feedback) >= answer.result.rollouts, 10.0, "promised rollouts")
    return answer, [convert.rollout_from_msg(f.rollout) for f in feedback]


def test_every_plan_comes_back_exactly_as_the_model_imagined_it(
    probe: Probe, node: NodeProcess
) -> None:
    assert load(probe)
    answer, rollouts = imagine(probe, goal())
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert (answer.result.code, answer.result.rollouts) == (1, 3)
    panorama = seen().view("panorama")
    assert panorama is not None
    for rollout, names in zip(sorted(rollouts, key=lambda r: r.plan_index), PLANS, strict=True):
        assert rollout.frame_indices == tuple(range(1, len(names) + 1))
        assert rollout.generation == 5
        assert all(np.array_equal(frame, panorama.rgb) for frame in rollout.frames)


def test_only_the_wanted_frames_are_sent(probe: Probe, node: NodeProcess) -> None:
    assert load(probe)
    _, rollouts = imagine(probe, goal(last_frame_only=True))
    assert sorted(r.frame_indices for r in rollouts) == [(1,), (2,), (2,)]
    _, rollouts = imagine(probe, goal(return_mode=RolloutAction.Goal.SCORES))
    assert all(r.frames.shape[0] == 0 and r.value is not None for r in rollouts)
    _, rollouts = imagine(probe, goal(return_mode=RolloutAction.Goal.JPEG))
    assert all(r.frames.shape[1:] == (32, 64, 3) for r in rollouts)


def test_the_model_describes_itself_and_its_host(probe: Probe, node: NodeProcess) -> None:
    assert load(probe, "height=16", "width=48")
    reply = probe.call(DescribeModel, f"{NODE}/describe_model", DescribeModel.Request())
    info = convert.model_info_from_msg(reply.info)
    assert (info.name, info.height, info.width) == ("fake", 16, 48)
    assert (reply.code, reply.host) == (1, host_id())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"plans": []}, 1043),
        ({"plans": [convert.plan_to_msg(Plan(()))], "frames": array.array("H", [1])}, 1043),
        ({"frames": array.array("H", [0, 1, 1])}, 2012),
        ({"frames": array.array("H", [1, 65535, 1])}, 2012),
        ({"frames": array.array("H", [1])}, 2012),
        ({"observations": []}, 1012),
        ({"deadline_s": -1.0}, 4001),
        ({"deadline_s": float("nan")}, 4001),
        ({"return_mode": 77}, 4001),
    ],
)
def test_a_bad_goal_is_accepted_then_aborted_with_its_code(
    probe: Probe, node: NodeProcess, changes: dict[str, Any], code: int
) -> None:
    assert probe.state(NODE) == "active" or load(probe)
    answer, rollouts = imagine(probe, goal(**changes))
    assert answer.status == GoalStatus.STATUS_ABORTED and rollouts == []
    assert answer.result.code == code and answer.result.message.endswith(".")
    assert "\n" not in answer.result.message


def test_a_wrong_image_encoding_is_told(probe: Probe, node: NodeProcess) -> None:
    message = goal()
    message.observations[0].views[0].image.encoding = "bgr8"
    answer, _ = imagine(probe, message)
    assert answer.result.code == 1012
    assert "encoding 'bgr8'; allowed: rgb8" in answer.result.message


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("crash", 9001),
        ("out_of_memory", 2020),
        ("nan", 2010),
        ("wrong_shape", 2010),
        ("wrong_dtype", 2010),
        ("wrong_count", 2010),
        ("missing", 2011),
        ("duplicate", 2011),
    ],
)
def test_a_model_that_breaks_its_contract_never_reaches_the_caller(
    probe: Probe, node: NodeProcess, fault: str, code: int
) -> None:
    assert load(probe, f"fault={fault}")
    answer, rollouts = imagine(probe, goal())
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert answer.result.code == code, answer.result.message
    assert len(rollouts) == answer.result.rollouts


def test_the_next_goal_runs_after_a_crash(probe: Probe, node: NodeProcess) -> None:
    assert load(probe, "fault=crash")
    first, _ = imagine(probe, goal())
    assert (first.result.code, first.result.rollouts) == (9001, 2)
    again, _ = imagine(probe, goal())
    assert (again.result.code, again.result.rollouts) == (9001, 2)
    assert load(probe)
    assert imagine(probe, goal())[0].result.code == 1


@pytest.mark.parametrize("fault", ["slow", "hang", "late"])
def test_a_deadline_is_answered_at_the_deadline(
    probe: Probe, node: NodeProcess, fault: str
) -> None:
    assert load(probe, f"fault={fault}", "fault_seconds=8.0")
    answer, rollouts = imagine(probe, goal(deadline_s=0.3))
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_ABORTED, 2003)
    assert rollouts == [] and answer.result.seconds < 5.0


def test_a_cancel_is_answered_though_the_model_hangs(probe: Probe, node: NodeProcess) -> None:
    assert load(probe, "fault=hang")
    handle = probe.send(RolloutAction, f"{NODE}/rollout", goal())
    probe.cancel(handle)
    answer = probe.result(handle)
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_CANCELED, 2005)


def test_rollouts_finished_before_a_cancel_have_been_sent(probe: Probe, node: NodeProcess) -> None:
    assert load(probe, "seconds=0.5")
    feedback: list[Any] = []
    handle = probe.send(RolloutAction, f"{NODE}/rollout", goal(), feedback.append)
    probe.until(lambda: len(feedback) == 1, 20.0, "the first rollout")
    probe.cancel(handle)
    answer = probe.result(handle)
    assert answer.status == GoalStatus.STATUS_CANCELED and 1 <= answer.result.rollouts < 3


def test_deactivation_ends_goals_and_an_inactive_node_says_so(
    probe: Probe, node: NodeProcess
) -> None:
    assert load(probe, "fault=hang")
    handle = probe.send(RolloutAction, f"{NODE}/rollout", goal())
    assert probe.change(NODE, "deactivate")
    answer = probe.result(handle)
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_ABORTED, 4002)
    answer, _ = imagine(probe, goal())
    assert answer.result.code == 4002 and "is not active" in answer.result.message
    reply = probe.call(DescribeModel, f"{NODE}/describe_model", DescribeModel.Request())
    assert reply.code == 4002


@pytest.mark.parametrize(
    ("model", "parameters", "sentence"),
    [
        (
            "fak",
            [],
            "2004 UNKNOWN_MODEL: There is no world model named 'fak'. Did you mean 'fake'?",
        ),
        ("fake", ["fualt=none"], "4001 BAD_PARAMETER: The world model 'fake' does not take:"),
        ("fake", ["fault=nome"], "There is no fault named 'nome'. Did you mean 'none'?"),
        (
            "fake",
            ["height"],
            "4001 BAD_PARAMETER: 'height' in 'model_parameters' is not of the form",
        ),
        ("fake", ["seconds=nan"], "'seconds' in 'model_parameters' must be finite, got nan."),
    ],
)
def test_a_model_that_cannot_load_is_one_sentence_and_the_next_one_loads(
    probe: Probe, node: NodeProcess, model: str, parameters: list[str], sentence: str
) -> None:
    assert not load(probe, *parameters, model=model)
    assert sentence in node.output
    assert load(probe)
    assert imagine(probe, goal())[0].result.code == 1


def test_killed_mid_rollout_a_node_takes_nothing_with_it(
    probe: Probe, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    parameters = {"model": "fake", "model_parameters": ["seconds=30.0"]}
    name = "wm_killed"
    with NodeProcess("wiw_wm_node.node", folder, parameters, name=name) as node:
        probe.until_state(name, "active")
        probe.send(RolloutAction, f"{name}/rollout", goal())
        node.kill()
    with NodeProcess("wiw_wm_node.node", folder, {"model": "fake"}, name=name) as node:
        # A killed peer's services stay in the graph for a while: ask the new one until it answers.
        end, info = time.monotonic() + 30.0, None
        while info is None and time.monotonic() < end:
            try:
                info = probe.call(
                    DescribeModel, f"{name}/describe_model", DescribeModel.Request(), 2.0
                )
            except Exception as error:  # noqa: BLE001 - not there yet
                assert "No answer" in str(error) or "nobody" in str(error)
        assert info is not None
        assert node.stop() == 0
