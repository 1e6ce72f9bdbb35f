"""The table over the wire: one real episode, its cameras and its joints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, Image, JointState

from wiw_core.arm import tool_pose
from wiw_core.geometry import Pose3
from wiw_core.plans import Action, Plan
from wiw_msgs.action import ExecutePlan
from wiw_msgs.action import Rollout as RolloutAction
from wiw_msgs.srv import DescribeEnv, FinishEpisode, ListEpisodes, ResetEpisode
from wiw_ros import convert
from wiw_ros.qos import JOINTS, SENSOR
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system
TASK = "push_buttons"
TABLE = {
    "environment": "tabletop",
    "environment_parameters": ["image_size=256", "views=front,wrist"],
}


@pytest.fixture(scope="module")
def table_probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    folder: Path = tmp_path_factory.mktemp("table")
    with (
        own_domain() as domain,
        Probe(domain) as probe,
        NodeProcess("wiw_env_bridge.node", folder, TABLE) as node,
    ):
        probe.until_state("env_bridge", "active", 60.0)
        yield probe
        assert "Traceback" not in node.output


def begin_table(probe: Probe) -> Any:
    listed = ListEpisodes.Request(task=TASK, limit=1)
    ids = probe.call(ListEpisodes, "env_bridge/list_episodes", listed).episode_ids
    request = ResetEpisode.Request(task=TASK, episode_id=ids[0], generation=1)
    return probe.call(ResetEpisode, "env_bridge/reset_episode", request)


def over(place: Any, height_m: float) -> Action:
    return tool_pose(Pose3(place.x_m, place.y_m, height_m, 1.0, 0.0, 0.0, 0.0), False)


def press(place: Any) -> Plan:
    """Press what is at a centroid."""
    return Plan(tuple(over(place, height) for height in (0.88, place.z_m + 0.022, 0.88)))


def execute_table(probe: Probe, episode_id: str, plan: Plan) -> tuple[Any, list[Any]]:
    goal = ExecutePlan.Goal(
        episode_id=episode_id,
        plan=convert.plan_to_msg(plan),
        prefix_length=len(plan),
        generation=1,
        observe_each=True,
    )
    steps: list[Any] = []
    handle = probe.send(ExecutePlan, "env_bridge/execute_plan", goal, steps.append)
    return probe.result(handle).result, steps


def test_the_table_says_what_it_is(table_probe: Probe) -> None:
    reply = table_probe.call(DescribeEnv, "env_bridge/describe", DescribeEnv.Request())
    assert (reply.name, reply.cloneable) == ("tabletop", True)
    assert [a.name for a in reply.actions] == ["tool_pose", "tool_voxel"]
    assert TASK in reply.tasks


def test_the_oracle_foresees_which_button_is_meant_and_what_pressing_it_looks_like(
    table_probe: Probe,
) -> None:
    begun = begin_table(table_probe)
    assert list(begun.episode.privileges) == ["object_centroids", "oracle_stop"]
    plans = [press(place) for place in convert.observation_from_msg(begun.observation).objects]
    goal = RolloutAction.Goal(
        observations=[begun.observation],
        plans=[convert.plan_to_msg(plan) for plan in plans],
        frames=[len(plan) for plan in plans],
        deadline_s=20.0,
    )
    dreams: list[Any] = []
    handle = table_probe.send(RolloutAction, "env_bridge/rollout", goal, dreams.append)
    assert table_probe.result(handle).result.code == 1
    table_probe.until(lambda: len(dreams) == len(plans), 10.0, "the rollouts")
    rollouts = [convert.rollout_from_msg(dream.rollout) for dream in dreams]
    good = [r for r in rollouts if r.value is not None and r.value[-1] == 1.0]
    assert len(good) == 1

    plan = plans[good[0].plan_index]
    result, steps = execute_table(table_probe, begun.episode.id, plan)
    assert (result.code, result.done, result.collisions) == (1, True, 0), result.message
    table_probe.until(lambda: len(steps) == len(result.executed.actions), 10.0, "each step")
    for k, step in enumerate(steps):
        seen = convert.observation_from_msg(step.observation).view("front")
        assert seen is not None and np.array_equal(good[0].frames[k], seen.rgb)

    finish = FinishEpisode.Request(
        episode_id=begun.episode.id, generation=1, decisions=1, fault=1, confidence=float("nan")
    )
    judged = table_probe.call(FinishEpisode, "env_bridge/finish_episode", finish).result
    assert judged.success and judged.actions == len(steps)


def test_cameras_and_joints_are_ordinary_topics(table_probe: Probe) -> None:
    begin_table(table_probe)  # the cameras' topics appear with the first observation
    joints = table_probe.record(JointState, "joint_states", JOINTS)
    wrist = table_probe.record(Image, "wrist/image", SENSOR)
    infos = table_probe.record(CameraInfo, "wrist/camera_info", SENSOR)
    depths = table_probe.record(Image, "wrist/depth", SENSOR)
    main = table_probe.record(Image, "image", SENSOR)

    def all_heard() -> bool:
        begin_table(table_probe)
        return all(map(len, (joints, wrist, infos, depths, main)))

    table_probe.until(all_heard, 20.0, "every topic")
    state = joints[-1][1]
    assert len(state.name) == len(state.position) == 9 and state.name[0] == "panda_joint1"
    assert wrist[-1][1].header.frame_id == "wrist_optical_frame"
    assert (depths[-1][1].encoding, depths[-1][1].height) == ("32FC1", 256)
    assert infos[-1][1].k[0] > 0.0
    assert main[-1][1].header.frame_id == "front_optical_frame"


def test_an_action_out_of_reach_is_told_and_is_no_fault(table_probe: Probe) -> None:
    begun = begin_table(table_probe)
    far = tool_pose(Pose3(0.69, 0.49, 0.8, 1.0, 0.0, 0.0, 0.0), True)
    result, steps = execute_table(table_probe, begun.episode.id, Plan((far, far)))
    assert (result.code, result.failures, len(result.executed.actions)) == (1, 1, 1)
    table_probe.until(lambda: len(steps) == 1, 10.0, "the step")
    assert steps[0].code == 1051
