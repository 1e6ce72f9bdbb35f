"""What can break above the robot, broken while it drives or thinks: it is still, with a code.

Numbers are those of ``docs/safety.md``.
"""

from __future__ import annotations

import signal

import pytest
from robot_graph import EPISODES, TTL_S, RobotGraph

from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode
from wiw_msgs.action import ExecutePlan, RunEpisode
from wiw_msgs.msg import Action, Plan
from wiw_msgs.srv import ResetEpisode

pytestmark = pytest.mark.system

MODEL = {
    "slow": ErrorCode.DEADLINE_EXCEEDED,  # 3
    "late": ErrorCode.DEADLINE_EXCEEDED,  # 4
    "nan": ErrorCode.INVALID_FRAMES,  # 5
}
POLICY = {
    "no_score": ErrorCode.NO_VALID_SCORE,  # 7
    "crash": ErrorCode.INTERNAL,  # 18
}


def test_robot_holds_when_the_planner_is_killed(robot: RobotGraph) -> None:
    """17."""
    episode = robot.driving()
    fault = robot.watcher.fault("planner killed", TTL_S)
    robot.nodes["planner_node"].kill()
    ended = episode.abandoned(fault)
    assert ended.hold_s <= TTL_S, f"still moving after {ended.hold_s:.2f} s"
    assert (ended.code, ended.status) == (ErrorCode.COMMAND_LOST, EpisodeStatus.ABORTED_FAULT)
    robot.replace("planner_node")
    assert robot.works()


def test_robot_holds_when_the_planner_is_frozen_and_stays_when_it_wakes(robot: RobotGraph) -> None:
    """17: what it says then belongs to an episode that is over."""
    episode = robot.driving()
    fault = robot.watcher.fault("planner frozen", TTL_S)
    with robot.stopped("planner_node"):
        held = episode.abandoned(fault)
        assert held.hold_s <= TTL_S, f"still moving after {held.hold_s:.2f} s"
    ended = episode.end(fault)
    assert ended.code == held.code == ErrorCode.COMMAND_LOST, ended.message
    assert ended.hold_s == held.hold_s
    assert robot.works()


@pytest.mark.parametrize("fault", MODEL)
def test_robot_stands_still_while_its_model_fails(robot: RobotGraph, fault: str) -> None:
    quick = robot.changed("planner_node", rollout_deadline_s=2.0)
    faulty = robot.changed("wm_node", model_parameters=[f"fault={fault}", "fault_seconds=2.5"])
    with quick, faulty:
        episode = robot.begin()
        told = robot.watcher.fault(fault, 0.0)
        ended = episode.end(told)
    assert ended.code == MODEL[fault], f"{ended.code}: {ended.message}"
    assert ended.status == EpisodeStatus.ABORTED_FAULT and ended.hold_s == 0.0
    assert robot.works()


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_robot_stands_still_when_its_model_dies_in_mid_rollout(robot: RobotGraph, how: str) -> None:
    """1 and 2: noticed by the silence, long before the deadline.

    A process that is stopped as a whole cannot be told from a dead one. One whose model alone hangs
    goes on answering: that is the deadline's case.
    """
    patient = robot.changed("planner_node", rollout_deadline_s=60.0)
    with patient, robot.changed("wm_node", model_parameters=["seconds=30"]):
        episode = robot.begin()
        robot.until_imagining()
        told = robot.watcher.fault(f"model {how}", 0.0)
        if how == "killed":
            robot.nodes["wm_node"].kill()
            ended = episode.end(told, 5.0)
        else:
            with robot.stopped("wm_node"):
                ended = episode.end(told, 5.0)
    assert ended.code == ErrorCode.WM_DIED, f"{ended.code}: {ended.message}"
    assert "wm_node" in ended.message and ended.hold_s == 0.0
    assert robot.works()


@pytest.mark.parametrize("fault", POLICY)
def test_robot_stands_still_when_its_policy_fails(robot: RobotGraph, fault: str) -> None:
    with robot.changed("planner_node", reviser_parameters=[f"fault={fault}"]):
        episode = robot.begin()
        told = robot.watcher.fault(fault, 0.0)
        ended = episode.end(told)
    assert ended.code == POLICY[fault], f"{ended.code}: {ended.message}"
    assert ended.status == EpisodeStatus.ABORTED_FAULT and ended.hold_s == 0.0
    assert robot.works()


def test_a_second_episode_is_refused_and_does_not_disturb_the_first(robot: RobotGraph) -> None:
    """16."""
    episode = robot.driving()
    goal = RunEpisode.Goal(task="ignav", episode_id="ignav-val-053", seed=1)
    second = robot.probe.send(RunEpisode, "/planner_node/run_episode", goal)
    refused = robot.probe.result(second).result
    assert refused.code == ErrorCode.BUSY and refused.message
    assert robot.watcher.moving or robot.watcher.newest_s < 2.0
    assert episode.end().code == ErrorCode.OK
    assert robot.works()


def test_an_episode_may_begin_while_the_motion_of_another_is_being_stopped(
    robot: RobotGraph,
) -> None:
    """16: what ends the old motion must not end the new episode."""
    plan = Plan(actions=[Action(name="turn_left")] * 4)
    for generation in (1, 2, 3):
        request = ResetEpisode.Request(
            task="ignav", episode_id=EPISODES[generation % 2], generation=generation
        )
        reply = robot.probe.call(ResetEpisode, "/env_bridge/reset_episode", request)
        assert reply.code == ErrorCode.OK, f"{reply.code}: {reply.message}"
        goal = ExecutePlan.Goal(
            episode_id=request.episode_id, plan=plan, prefix_length=4, generation=generation
        )
        over = robot.probe.send(ExecutePlan, "/env_bridge/execute_plan", goal).get_result_async()
        robot.probe.until(
            lambda over=over: robot.watcher.moving or over.done(), 20.0, "the robot turns"
        )
        assert not over.done(), over.result()
    robot.watcher.forget()  # these were commanded by hand, outside the planner's episodes
    assert robot.works()


def test_robot_holds_when_the_bridge_is_deactivated(robot: RobotGraph) -> None:
    """19."""
    episode = robot.driving()
    told = robot.watcher.fault("deactivate", TTL_S)
    assert robot.probe.change("/env_bridge", "deactivate")
    ended = episode.end(told)
    assert ended.code == ErrorCode.NOT_ACTIVE and ended.message
    assert ended.hold_s <= TTL_S
    assert robot.probe.change("/env_bridge", "activate")
    assert robot.works()


@pytest.mark.parametrize(
    ("name", "number"), [("planner_node", signal.SIGINT), ("env_bridge", signal.SIGTERM)]
)
def test_a_signal_in_motion_holds_first_then_ends_with_zero(
    robot: RobotGraph, name: str, number: int
) -> None:
    """33: also when it comes twice."""
    episode = robot.driving()
    told = robot.watcher.fault(f"{name}: signal {number}", TTL_S)
    robot.nodes[name].process.send_signal(number)
    assert robot.nodes[name].stop(number, 6.0) == 0, robot.nodes[name].output
    ended = episode.end(told)
    assert ended.code != ErrorCode.OK and ended.message
    if name == "planner_node":
        assert ended.status == EpisodeStatus.ABORTED_USER
    else:
        robot.mourn(name)
    assert ended.hold_s <= TTL_S, f"still moving after {ended.hold_s:.2f} s"
    robot.replace(name)
    assert robot.works()
