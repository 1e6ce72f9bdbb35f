"""The bridge over the wire: episodes, motion, and every way the robot stops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, Image

from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.plans import Action, Plan, navigation_plan
from wiw_msgs.action import ExecutePlan
from wiw_msgs.action import Rollout as RolloutAction
from wiw_msgs.msg import Observation
from wiw_msgs.srv import DescribeEnv, FinishEpisode, ListEpisodes, ResetEpisode
from wiw_ros import convert
from wiw_ros.qos import LATCHED, ODOMETRY, SENSOR
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system
NODE = "env_bridge"
SLOW = "action_seconds=20.0"


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    with own_domain() as domain, Probe(domain) as probe:
        yield probe


@pytest.fixture(scope="module")
def node(probe: Probe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    folder = tmp_path_factory.mktemp("bridge")
    with NodeProcess("wiw_env_bridge.node", folder, {"environment": "fake"}) as node:
        probe.until_state(NODE, "active")
        yield node
        assert "Traceback" not in node.output


def load(probe: Probe, *parameters: str, **others: Any) -> bool:
    """Reconfigure the running node, as an evaluation does."""
    for transition in ("deactivate", "cleanup"):
        probe.change(NODE, transition)
    given = {
        "environment": "fake",
        "environment_parameters": list(parameters) or ["action_seconds=0.0"],
        "allow_unattended": True,
        **others,
    }
    assert set(probe.set(NODE, **given)) == {""}
    return probe.change(NODE, "configure") and probe.change(NODE, "activate")


def reset(probe: Probe, generation: int = 1, task: str = "ignav", episode: str = "val_000") -> Any:
    request = ResetEpisode.Request(task=task, episode_id=episode, generation=generation)
    return probe.call(ResetEpisode, f"{NODE}/reset_episode", request)


def finish(probe: Probe, generation: int = 1, **fields: Any) -> Any:
    request = FinishEpisode.Request(
        episode_id="val_000", generation=generation, fault=1, confidence=float("nan")
    )
    for name, value in fields.items():
        setattr(request, name, value)
    return probe.call(FinishEpisode, f"{NODE}/finish_episode", request)


def command(*names: str, **fields: Any) -> ExecutePlan.Goal:
    plan = Plan(tuple(Action(n) for n in names))
    goal = ExecutePlan.Goal(
        episode_id="val_000",
        plan=convert.plan_to_msg(plan),
        prefix_length=len(plan),
        generation=1,
    )
    for name, value in fields.items():
        setattr(goal, name, value)
    return goal


def send(probe: Probe, goal: ExecutePlan.Goal, feedback: Any = lambda message: None) -> Any:
    return probe.send(ExecutePlan, f"{NODE}/execute_plan", goal, feedback)


def execute(probe: Probe, goal: ExecutePlan.Goal) -> Any:
    return probe.result(send(probe, goal))


def start_moving(probe: Probe) -> tuple[Any, list[Any]]:
    """Send a motion that takes long, and wait until odom says that the robot moves."""
    odom = probe.record(Odometry, "odom", ODOMETRY)
    handle = send(probe, command("forward", "forward"))
    ended = handle.get_result_async()

    def moves() -> bool:
        return ended.done() or (bool(odom) and odom[-1][1].twist.twist.linear.x > 0)

    probe.until(moves, 20.0, "motion")
    assert not ended.done(), ended.result()
    return handle, odom


def until_still(probe: Probe, odom: list[Any]) -> None:
    def still() -> bool:
        twist = odom[-1][1].twist.twist
        return bool(twist.linear.x == 0.0 and twist.angular.z == 0.0)

    probe.until(still, 5.0, "zero twist")


def test_the_environment_describes_itself(probe: Probe, node: NodeProcess) -> None:
    assert load(probe)
    reply = probe.call(DescribeEnv, f"{NODE}/describe", DescribeEnv.Request())
    assert (reply.code, reply.name, list(reply.tasks)) == (1, "fake", ["ignav", "ar"])
    assert [a.name for a in reply.actions] == ["forward", "turn_left", "turn_right"]
    assert not reply.cloneable


def test_an_environment_without_an_oracle_says_so(probe: Probe, node: NodeProcess) -> None:
    handle = probe.send(RolloutAction, f"{NODE}/rollout", RolloutAction.Goal())
    answer = probe.result(handle)
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_ABORTED, 2030)


def test_episodes_are_listed_in_order(probe: Probe, node: NodeProcess) -> None:
    request = ListEpisodes.Request(task="ignav", split="val", limit=2)
    reply = probe.call(ListEpisodes, f"{NODE}/list_episodes", request)
    assert (reply.code, list(reply.episode_ids)) == (1, ["val_000", "val_001"])
    reply = probe.call(ListEpisodes, f"{NODE}/list_episodes", ListEpisodes.Request(task="ignva"))
    assert (reply.code, "Did you mean 'ignav'?" in reply.message) == (1002, True)


def test_an_episode_runs_as_it_does_in_process(probe: Probe, node: NodeProcess) -> None:
    assert load(probe)
    env = FakeEnvironment()
    plan = navigation_plan(["turn_left", "forward"])
    episode, first, _ = env.reset("ignav", "val_000")
    last = list(env.act(plan, observe=False))[-1]
    assert last.observation is not None

    begun = reset(probe)
    assert convert.observation_from_msg(begun.observation).base_pose == first.base_pose
    assert convert.episode_from_msg(begun.episode).budget == episode.budget
    answer = execute(probe, command(*plan.names))
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_SUCCEEDED, 1)
    there = convert.observation_from_msg(answer.result.observation)
    assert (there.base_pose, there.step) == (last.observation.base_pose, 2)
    for mine, other in zip(there.views, last.observation.views, strict=True):
        assert np.array_equal(mine.rgb, other.rgb)
    assert repr(convert.result_from_msg(finish(probe, decisions=1).result)) == repr(env.finish(1))


def test_only_the_prefix_is_executed_and_each_step_is_reported(
    probe: Probe, node: NodeProcess
) -> None:
    assert load(probe)
    reset(probe)
    steps: list[Any] = []
    goal = command("turn_left", "turn_left", "forward", prefix_length=2, observe_each=True)
    answer = probe.result(send(probe, goal, steps.append))
    assert [a.name for a in answer.result.executed.actions] == ["turn_left", "turn_left"]
    probe.until(lambda: len(steps) == 2, 10.0, "feedback")
    assert [s.executed for s in steps] == [1, 2]
    assert [s.observation.step for s in steps] == [1, 2]


def test_late_subscribers_get_the_newest_observation_and_standard_images(
    probe: Probe, node: NodeProcess
) -> None:
    images = probe.record(Image, "image", SENSOR)
    infos = probe.record(CameraInfo, "camera_info", SENSOR)
    assert load(probe)
    reset(probe)
    execute(probe, command("turn_left"))
    late = probe.record(Observation, f"{NODE}/observation", LATCHED)
    probe.until(lambda: bool(late), 10.0, "a latched observation")
    assert late[0][1].step == 1 and late[0][1].header.frame_id == "odom"
    probe.until(lambda: bool(images) and bool(infos), 10.0, "image and camera_info")
    assert images[-1][1].encoding == "rgb8"
    assert images[-1][1].header.frame_id == infos[-1][1].header.frame_id == "front_optical_frame"


@pytest.mark.parametrize(
    ("goal", "code"),
    [
        (command(), 1043),
        (command("forward", prefix_length=0), 1042),
        (command("forward", prefix_length=9), 1042),
        (command("froward"), 1041),
        (command(*["forward"] * 600), 2040),
        (command("forward", generation=0), 1031),
        (command("forward", generation=2), 1031),
        (command("forward", episode_id="val_001"), 1004),
        (command("forward", holder="/nobody"), 1030),
    ],
)
def test_a_bad_goal_aborts_with_its_code_and_nothing_moves(
    probe: Probe, node: NodeProcess, goal: ExecutePlan.Goal, code: int
) -> None:
    assert probe.state(NODE) == "active" or load(probe)
    reset(probe)
    answer = execute(probe, goal)
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert answer.result.code == code, answer.result.message
    assert not answer.result.executed.actions and "\n" not in answer.result.message
    assert finish(probe).result.actions == 0


def test_values_out_of_limits_are_refused(probe: Probe, node: NodeProcess) -> None:
    reset(probe)
    goal = command("forward")
    goal.plan.actions[0].values.append(1e9)
    assert execute(probe, goal).result.code == 1042


def test_without_an_episode_there_is_no_motion_and_no_verdict(
    probe: Probe, node: NodeProcess
) -> None:
    assert load(probe)
    assert execute(probe, command("forward")).result.code == 1004
    assert finish(probe).code == 1004


@pytest.mark.parametrize(("task", "episode", "code"), [("ara", "x", 1002), ("ar", "val_9", 1003)])
def test_an_unknown_task_or_episode_is_told(
    probe: Probe, node: NodeProcess, task: str, episode: str, code: int
) -> None:
    reply = reset(probe, task=task, episode=episode)
    assert reply.code == code and "Did you mean" in reply.message


def test_an_older_generation_can_neither_move_nor_finish(probe: Probe, node: NodeProcess) -> None:
    assert load(probe)
    reset(probe, generation=7)
    assert execute(probe, command("forward", generation=6)).result.code == 1031
    assert finish(probe, generation=6).code == 1031
    assert execute(probe, command("forward", generation=7)).result.code == 1
    assert finish(probe, generation=7).code == 1


def test_unattended_goals_can_be_forbidden(probe: Probe, node: NodeProcess) -> None:
    assert load(probe, allow_unattended=False)
    reset(probe)
    answer = execute(probe, command("forward"))
    assert (answer.result.code, len(answer.result.executed.actions)) == (1020, 0)


def test_a_cancel_in_motion_holds_and_tells_how_far_it_came(
    probe: Probe, node: NodeProcess
) -> None:
    assert load(probe, SLOW)
    reset(probe)
    handle, odom = start_moving(probe)
    probe.cancel(handle)
    answer = probe.result(handle)
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_CANCELED, 2005)
    assert len(answer.result.executed.actions) == 1 and 0 < answer.result.path_m < 0.2
    until_still(probe, odom)
    stopped = convert.observation_from_msg(answer.result.observation).base_pose
    assert convert.pose_from_msg(odom[-1][1].pose.pose) == stopped
    assert finish(probe).code == 1


def test_a_second_goal_while_one_runs_is_busy_and_the_first_goes_on(
    probe: Probe, node: NodeProcess
) -> None:
    assert load(probe, SLOW)
    reset(probe)
    first, _ = start_moving(probe)
    assert execute(probe, command("turn_left")).result.code == 1032
    probe.cancel(first)
    assert probe.result(first).result.code == 2005


def test_a_new_reset_stops_the_motion_of_the_old_episode(probe: Probe, node: NodeProcess) -> None:
    assert load(probe, SLOW)
    reset(probe, generation=1)
    handle, odom = start_moving(probe)
    assert reset(probe, generation=2, episode="val_001").code == 1
    assert probe.result(handle).result.code == 1031
    until_still(probe, odom)
    assert "closed ignav/val_000 as ABORTED_USER" in node.output


def test_deactivation_holds_and_ends_the_goal(probe: Probe, node: NodeProcess) -> None:
    assert load(probe, SLOW)
    reset(probe)
    handle, _ = start_moving(probe)
    assert probe.change(NODE, "deactivate")
    answer = probe.result(handle)
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_ABORTED, 4002)
    assert answer.result.path_m < 0.2
    assert reset(probe).code == 4002


@pytest.mark.parametrize(
    ("fault", "code"),
    [("crash", 1070), ("wrong_shape", 1012), ("nan_depth", 1012), ("silent", 1010)],
)
def test_an_environment_that_fails_has_a_code_and_the_next_one_runs(
    probe: Probe, node: NodeProcess, fault: str, code: int
) -> None:
    assert load(probe, f"fault={fault}")
    begun = reset(probe)
    moved = execute(probe, command("forward"))
    assert code in (begun.code, moved.result.code), (begun.message, moved.result.message)
    assert load(probe) and reset(probe).code == 1
    assert execute(probe, command("forward")).result.code == 1


def test_an_environment_that_hangs_can_be_cancelled(probe: Probe, node: NodeProcess) -> None:
    assert load(probe, "fault=hang")
    reset(probe)
    handle = send(probe, command("forward"))
    probe.cancel(handle)
    assert probe.result(handle).result.code == 2005


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        (
            {"environment": "fkae"},
            "1001 UNKNOWN_ENVIRONMENT: There is no environment named 'fkae'.",
        ),
        ({"environment_parameters": ["heigth=9"]}, "The environment 'fake' does not take:"),
    ],
)
def test_an_environment_that_cannot_load_is_one_sentence(
    probe: Probe, node: NodeProcess, parameters: dict[str, Any], sentence: str
) -> None:
    assert not load(probe, **parameters)
    assert sentence in node.output
    assert load(probe)


def test_a_ttl_that_would_disable_the_watchdog_is_refused(probe: Probe, node: NodeProcess) -> None:
    for transition in ("deactivate", "cleanup"):
        probe.change(NODE, transition)
    for ttl in (0.0, -1.0, float("nan"), float("inf"), 1e9):
        assert probe.set(NODE, command_ttl_s=ttl) != [""]
    assert load(probe)
