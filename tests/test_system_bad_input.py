"""Bad input, sent to real nodes: one clear sentence with a code each, and the graph still works."""

from __future__ import annotations

import array
import math
from typing import Any

import pytest
from graph import Graph

from wiw_core.errors import ErrorCode
from wiw_msgs.action import ExecutePlan, Rollout
from wiw_msgs.msg import Action, Observation, Plan
from wiw_msgs.srv import ResetEpisode

pytestmark = pytest.mark.system

FORWARD = Plan(actions=[Action(name="forward")])


def is_one_sentence(message: str, *words: str) -> bool:
    """One line that ends as a sentence does and names what it is about."""
    assert "\n" not in message and message.rstrip()[-1] in ".?!", message
    assert all(word in message for word in words), message
    return True


@pytest.fixture(scope="module")
def observation(graph: Graph) -> Observation:
    """What the robot sees at the start of an episode that is open in the bridge."""
    request = ResetEpisode.Request(task="ignav", episode_id="val_001", generation=1)
    reply = graph.probe.call(ResetEpisode, "/env_bridge/reset_episode", request)
    assert reply.code == ErrorCode.OK, reply.message
    return reply.observation


@pytest.mark.parametrize(
    ("task", "episode_id", "code", "word"),
    [
        ("ingav", "val_001", ErrorCode.UNKNOWN_TASK, "Did you mean 'ignav'?"),
        ("ignav", "val_0001", ErrorCode.UNKNOWN_EPISODE, "val_001"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(
    graph: Graph, task: str, episode_id: str, code: ErrorCode, word: str
) -> None:
    result, _ = graph.run(task, episode_id)
    assert result.code == code
    assert is_one_sentence(result.message, word)


@pytest.mark.parametrize(
    ("goal", "code", "word"),
    [
        ({"plan": Plan()}, ErrorCode.EMPTY_PLAN, "no actions"),
        (
            {"plan": Plan(actions=[Action(name="foward")])},
            ErrorCode.UNKNOWN_ACTION,
            "Did you mean 'forward'?",
        ),
        (
            {"plan": Plan(actions=[Action(name="forward", values=array.array("d", [500.0]))])},
            ErrorCode.ACTION_OUT_OF_LIMITS,
            "forward",
        ),
        (
            {"plan": Plan(actions=[Action(name="forward")], prior=math.nan)},
            ErrorCode.PROPOSAL_INVALID,
            "nan",
        ),
        ({"plan": FORWARD, "prefix_length": 2}, ErrorCode.ACTION_OUT_OF_LIMITS, "2"),
    ],
)
def test_a_bad_plan_moves_nothing(
    graph: Graph, observation: Observation, goal: dict[str, Any], code: ErrorCode, word: str
) -> None:
    whole = {"episode_id": "val_001", "prefix_length": 1, "generation": 1, **goal}
    handle = graph.probe.send(ExecutePlan, "/env_bridge/execute_plan", ExecutePlan.Goal(**whole))
    result = graph.probe.result(handle).result
    assert result.code == code, result.message
    assert is_one_sentence(result.message, word)
    assert not result.executed.actions and not graph.moving()


@pytest.mark.parametrize(
    ("goal", "code"),
    [
        ({"frames": array.array("H", [0])}, ErrorCode.BAD_FRAME_COUNT),
        ({"frames": array.array("H", [65535])}, ErrorCode.BAD_FRAME_COUNT),
        ({"plans": [Plan()]}, ErrorCode.EMPTY_PLAN),
        ({"observations": []}, None),
        ({"encoding": "bgr8"}, ErrorCode.BAD_IMAGE),
        ({"deadline_s": math.nan}, ErrorCode.BAD_PARAMETER),
    ],
)
def test_a_bad_rollout_goal_ends_with_its_code(
    graph: Graph, observation: Observation, goal: dict[str, Any], code: ErrorCode | None
) -> None:
    goal = dict(goal)
    encoding = goal.pop("encoding", "rgb8")
    whole = {
        "observations": [observation],
        "plans": [FORWARD],
        "frames": array.array("H", [1]),
        "deadline_s": 5.0,
        **goal,
    }
    observation.views[0].image.encoding = encoding
    try:
        handle = graph.probe.send(Rollout, "/wm_node/rollout", Rollout.Goal(**whole))
    finally:
        observation.views[0].image.encoding = "rgb8"
    result = graph.probe.result(handle).result
    assert result.code not in (ErrorCode.UNSET, ErrorCode.OK, ErrorCode.INTERNAL)
    assert code is None or result.code == code, result.message
    assert is_one_sentence(result.message)


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("wm_node", {"model": "wrap"}, ("2004", "Did you mean 'warp'?")),
        ("wm_node", {"model_parameters": ["heigth=64"]}, ("4001", "heigth")),
        ("planner_node", {"reviser": "plaec"}, ("3005", "Did you mean 'place'?")),
    ],
)
def test_a_bad_configuration_is_refused_and_can_be_mended(
    graph: Graph, name: str, parameters: dict[str, Any], words: tuple[str, ...]
) -> None:
    node = f"/{name}"
    before = {"model": "fake", "model_parameters": [], "reviser": "fake"}
    assert graph.probe.change(node, "deactivate") and graph.probe.change(node, "cleanup")
    assert graph.probe.set(node, **parameters) == [""]
    assert not graph.probe.change(node, "configure")
    said = graph.nodes[name].output
    assert all(word in said for word in words), said
    graph.reconfigure(name, **{key: before[key] for key in parameters})


def test_a_parameter_that_is_not_a_number_keeps_the_running_value(graph: Graph) -> None:
    (reason,) = graph.probe.set("/planner_node", rollout_deadline_s=math.nan)
    assert reason
    assert graph.works()


def test_after_all_of_it_the_next_episode_runs(graph: Graph) -> None:
    assert graph.works()
