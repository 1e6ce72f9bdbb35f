"""The oracle over the wire: what it shows is what the robot then sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from nav_msgs.msg import Odometry

from wiw_core.plans import navigation_plan
from wiw_msgs.action import ExecutePlan
from wiw_msgs.action import Rollout as RolloutAction
from wiw_msgs.srv import DescribeEnv, DescribeModel, ListEpisodes, ResetEpisode
from wiw_ros import convert
from wiw_ros.qos import ODOMETRY
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system
SMALL = {
    "environment": "mujoco",
    "environment_parameters": ["panorama_height=64", "panorama_width=128", "front_size=64"],
    "oracle_height": 64,
    "oracle_width": 128,
}
PLAN = navigation_plan(["turn_left", "forward", "turn_left"])


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    with (
        own_domain() as domain,
        Probe(domain) as probe,
        NodeProcess("wiw_env_bridge.node", tmp_path, SMALL),
    ):
        probe.until_state("env_bridge", "active", 60.0)
        yield probe


def begin(probe: Probe) -> Any:
    listed = ListEpisodes.Request(task="ignav", limit=1)
    ids = probe.call(ListEpisodes, "env_bridge/list_episodes", listed).episode_ids
    request = ResetEpisode.Request(task="ignav", episode_id=ids[0], generation=1)
    return probe.call(ResetEpisode, "env_bridge/reset_episode", request)


def imagine(probe: Probe, observation: Any) -> tuple[Any, list[Any]]:
    goal = RolloutAction.Goal(
        observations=[observation],
        plans=[convert.plan_to_msg(PLAN)],
        frames=[len(PLAN)],
        deadline_s=20.0,
    )
    feedback: list[Any] = []
    handle = probe.send(RolloutAction, "env_bridge/rollout", goal, feedback.append)
    answer = probe.result(handle)
    probe.until(lambda: len(feedback) == answer.result.rollouts, 10.0, "rollouts")
    return answer, [convert.rollout_from_msg(f.rollout) for f in feedback]


def test_the_oracle_shows_to_the_bit_what_the_robot_then_sees_and_moves_nothing(
    probe: Probe,
) -> None:
    described = probe.call(DescribeEnv, "env_bridge/describe", DescribeEnv.Request())
    assert described.cloneable
    model = probe.call(DescribeModel, "env_bridge/describe_model", DescribeModel.Request())
    assert "simulator_state" in model.info.privileges
    begun = begin(probe)
    odom = probe.record(Odometry, "odom", ODOMETRY)
    answer, rollouts = imagine(probe, begun.observation)
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_SUCCEEDED, 1)

    goal = ExecutePlan.Goal(
        episode_id=begun.episode.id,
        plan=convert.plan_to_msg(PLAN),
        prefix_length=len(PLAN),
        generation=1,
        observe_each=True,
    )
    probe.until(lambda: len(odom) > 0, 20.0, "odom")
    assert all(convert.pose_from_msg(m.pose.pose).yaw_rad == 0.0 for _, m in odom)
    steps: list[Any] = []
    handle = probe.send(ExecutePlan, "env_bridge/execute_plan", goal, steps.append)
    assert probe.result(handle).result.code == 1
    probe.until(lambda: len(steps) == len(PLAN), 10.0, "each step")
    for imagined, step in zip(rollouts[0].frames, steps, strict=True):
        seen = convert.observation_from_msg(step.observation).view("panorama")
        assert seen is not None and np.array_equal(imagined, seen.rgb)


def test_the_oracle_refuses_an_observation_that_is_not_now(probe: Probe) -> None:
    begun = begin(probe)
    begun.observation.step = 5
    answer, rollouts = imagine(probe, begun.observation)
    assert answer.status == GoalStatus.STATUS_ABORTED and rollouts == []
    assert answer.result.code == 1010, answer.result.message


def test_without_an_episode_the_oracle_says_so(probe: Probe) -> None:
    begun = begin(probe)
    for transition in ("deactivate", "cleanup", "configure", "activate"):
        assert probe.change("env_bridge", transition, 60.0)
    answer, _ = imagine(probe, begun.observation)
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_ABORTED, 1004)
