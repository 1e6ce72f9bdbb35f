"""Video models through the real node: loaded at configure, cancelled and timed out in mid-work."""

from __future__ import annotations

import array
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from video_fakes import seen

from wiw_core.cameras.panorama import roll_yaw
from wiw_core.plans import TURN_RAD, navigation_plan
from wiw_core.rollouts import Rollout
from wiw_msgs.action import Rollout as RolloutAction
from wiw_msgs.srv import DescribeModel
from wiw_ros import convert
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system
NODE = "video_node"
F, L, R = "forward", "turn_left", "turn_right"
PLANS = ([F, F, L], [R, F], [L, L])
TINY = ["weights=tiny", "device=cpu", "height=32", "width=128"]
WAIT_S = 60.0


@pytest.fixture(scope="module")
def watcher() -> Iterator[Probe]:
    with own_domain() as domain, Probe(domain) as probe:
        yield probe


@pytest.fixture(scope="module")
def node(watcher: Probe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    folder = tmp_path_factory.mktemp("video_node")
    with NodeProcess("wiw_wm_node.node", folder, {"model": "fake"}, name=NODE) as node:
        watcher.until_state(NODE, "active")
        yield node
        assert "Traceback" not in node.output


def serve(watcher: Probe, model: str, *parameters: str) -> bool:
    """Load another model into the running node."""
    for transition in ("deactivate", "cleanup"):
        watcher.change(NODE, transition)
    given = [*TINY, *parameters]
    assert watcher.set(NODE, model=model, model_parameters=given) == ["", ""]
    return watcher.change(NODE, "configure", WAIT_S) and watcher.change(NODE, "activate")


def goal(plans: Any = PLANS, deadline_s: float = WAIT_S) -> RolloutAction.Goal:
    return RolloutAction.Goal(
        observations=[convert.observation_to_msg(seen())],
        plans=[convert.plan_to_msg(navigation_plan(names)) for names in plans],
        frames=array.array("H", [len(names) for names in plans]),
        deadline_s=deadline_s,
    )


def imagine(watcher: Probe, message: RolloutAction.Goal) -> tuple[Any, dict[int, Rollout]]:
    feedback: list[Any] = []
    handle = watcher.send(RolloutAction, f"{NODE}/rollout", message, feedback.append)
    answer = watcher.result(handle, WAIT_S)
    watcher.until(lambda: len(feedback) >= answer.result.rollouts, 10.0, "promised rollouts")
    made = [convert.rollout_from_msg(f.rollout) for f in feedback]
    return answer, {rollout.plan_index: rollout for rollout in made}


@pytest.mark.parametrize("model", ["svd", "svd_action"])
def test_a_video_model_imagines_plans_over_the_wire(
    watcher: Probe, node: NodeProcess, model: str
) -> None:
    assert serve(watcher, model, "steps=2", "view=panorama"), node.output
    reply = watcher.call(DescribeModel, f"{NODE}/describe_model", DescribeModel.Request())
    info = convert.model_info_from_msg(reply.info)
    assert (info.name, info.revision, info.width) == (model, "tiny-random", 128)
    answer, rollouts = imagine(watcher, goal())
    assert answer.status == GoalStatus.STATUS_SUCCEEDED, answer.result.message
    assert {k: r.frames.shape for k, r in rollouts.items()} == {
        0: (3, 32, 128, 3),
        1: (2, 32, 128, 3),
        2: (2, 32, 128, 3),
    }
    turned = [roll_yaw(rollouts[2].frames[0], TURN_RAD), rollouts[2].frames[1]]
    assert np.array_equal(*turned)
    again = imagine(watcher, goal())[1]
    assert all(np.array_equal(again[k].frames, rollouts[k].frames) for k in rollouts)


def test_a_cancel_frees_the_model_for_the_next_goal(watcher: Probe, node: NodeProcess) -> None:
    # A thousand steps take far longer than any wait here: only a model that stops is free again.
    assert serve(watcher, "svd", "steps=1000", "view=panorama"), node.output
    feedback: list[Any] = []
    handle = watcher.send(RolloutAction, f"{NODE}/rollout", goal(), feedback.append)
    watcher.until(lambda: bool(feedback), WAIT_S, "the turns, which come first")
    watcher.cancel(handle)
    answer = watcher.result(handle, WAIT_S)
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_CANCELED, 2005)
    answer, rollouts = imagine(watcher, goal([[L, L]], deadline_s=15.0))
    assert answer.result.code == 1 and len(rollouts[0].frames) == 2


def test_a_deadline_ends_the_work_and_keeps_what_was_done(
    watcher: Probe, node: NodeProcess
) -> None:
    assert watcher.state(NODE) == "active"
    answer, rollouts = imagine(watcher, goal(deadline_s=2.0))
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_ABORTED, 2003)
    assert set(rollouts) == {2}  # the plan that only turns
    answer, _ = imagine(watcher, goal([[R]]))
    assert answer.result.code == 1


@pytest.mark.parametrize(
    ("model", "parameters", "sentence"),
    [
        ("svd", ["step=3"], "The world model 'svd' does not take 'step'"),
        ("svd", ["steps=0"], "'steps' is 0, outside [1, 1000]."),
        ("svd_action", ["frames=25"], "13 actions need 14 frames, not 25."),
        ("svd", ["offload=model"], "moves weights off a GPU, and there is none."),
    ],
)
def test_a_video_model_that_cannot_run_is_refused_at_configure(
    watcher: Probe, node: NodeProcess, model: str, parameters: list[str], sentence: str
) -> None:
    assert not serve(watcher, model, *parameters)
    assert sentence in node.output
