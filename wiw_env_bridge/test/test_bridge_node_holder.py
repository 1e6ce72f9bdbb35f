"""Whoever commands a motion must stay alive: the bridge holds when it dies."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from action_msgs.msg import GoalStatus
from nav_msgs.msg import Odometry

from wiw_core.plans import navigation_plan
from wiw_msgs.action import ExecutePlan
from wiw_msgs.msg import Heartbeat
from wiw_msgs.srv import FinishEpisode, ResetEpisode
from wiw_ros import convert
from wiw_ros.qos import HEARTBEAT, ODOMETRY
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system
TTL_S = 0.5
MARGIN_S = 2.0
"""For a machine that is busy with other work; the robot would else drive for 40 s."""
BRIDGE = {
    "environment": "fake",
    "environment_parameters": ["action_seconds=20.0"],
    "command_ttl_s": TTL_S,
}


@pytest.fixture
def probe() -> Iterator[Probe]:
    with own_domain() as domain, Probe(domain) as probe:
        yield probe


@pytest.fixture
def bridge(probe: Probe, tmp_path: Path) -> Iterator[NodeProcess]:
    with NodeProcess("wiw_env_bridge.node", tmp_path, BRIDGE) as bridge:
        probe.until_state("env_bridge", "active")
        yield bridge


@pytest.fixture
def holder(probe: Probe, tmp_path: Path) -> Iterator[NodeProcess]:
    beats = probe.record(Heartbeat, "heartbeat", HEARTBEAT)
    with NodeProcess("wiw_ros.fake_node", tmp_path, name="holder") as holder:
        probe.until_state("holder", "active")
        probe.until(lambda: any(m.node == "/holder" for _, m in beats), 30.0, "a heartbeat")
        yield holder


def reset(probe: Probe, generation: int) -> Any:
    request = ResetEpisode.Request(task="ignav", episode_id="val_000", generation=generation)
    return probe.call(ResetEpisode, "env_bridge/reset_episode", request)


def start_moving(probe: Probe, holder: str) -> tuple[Any, list[Any]]:
    odom = probe.record(Odometry, "odom", ODOMETRY)
    goal = ExecutePlan.Goal(
        episode_id="val_000",
        plan=convert.plan_to_msg(navigation_plan(["forward", "forward"])),
        prefix_length=2,
        generation=1,
        holder=holder,
    )
    handle = probe.send(ExecutePlan, "env_bridge/execute_plan", goal)
    ended = handle.get_result_async()
    probe.until(lambda: ended.done() or (bool(odom) and moving(odom)), 20.0, "motion")
    assert not ended.done(), ended.result()
    return handle, odom


def moving(odom: list[Any]) -> bool:
    twist = odom[-1][1].twist.twist
    return bool(twist.linear.x != 0.0 or twist.angular.z != 0.0)


def test_robot_holds_within_the_ttl_when_the_planner_is_killed_in_motion(
    probe: Probe, bridge: NodeProcess, holder: NodeProcess
) -> None:
    reset(probe, 1)
    handle, odom = start_moving(probe, "/holder")
    holder.kill()
    probe.until(lambda: not moving(odom), TTL_S + MARGIN_S, "zero twist")
    answer = probe.result(handle)
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_ABORTED, 1030)
    assert 0 < answer.result.path_m < 0.2 and len(answer.result.executed.actions) == 1
    assert "closed ignav/val_000 as ABORTED_FAULT (1030 COMMAND_LOST" in bridge.output

    # The verdict is kept for whoever asks, once; then a new episode runs.
    request = FinishEpisode.Request(episode_id="val_000", generation=1, fault=1030)
    kept = probe.call(FinishEpisode, "env_bridge/finish_episode", request)
    assert (kept.code, kept.result.status, kept.result.code) == (1, 4, 1030)
    assert probe.call(FinishEpisode, "env_bridge/finish_episode", request).code == 1004
    assert reset(probe, 2).code == 1


def test_a_planner_that_is_frozen_counts_as_lost(
    probe: Probe, bridge: NodeProcess, holder: NodeProcess
) -> None:
    reset(probe, 1)
    handle, odom = start_moving(probe, "/holder")
    holder.process.send_signal(signal.SIGSTOP)
    try:
        probe.until(lambda: not moving(odom), TTL_S + MARGIN_S, "zero twist")
        assert probe.result(handle).result.code == 1030
    finally:
        holder.process.send_signal(signal.SIGCONT)


def test_the_robot_drives_on_while_the_planner_lives(
    probe: Probe, bridge: NodeProcess, holder: NodeProcess
) -> None:
    reset(probe, 1)
    handle, odom = start_moving(probe, "/holder")
    begun = odom[-1][0]
    probe.until(lambda: odom[-1][0] > begun + 3 * TTL_S, 20.0, "three TTLs of motion")
    assert moving(odom)
    probe.cancel(handle)
    assert probe.result(handle).result.code == 2005


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_bridge_in_motion_holds_answers_and_ends_with_zero(
    probe: Probe, bridge: NodeProcess, number: int
) -> None:
    reset(probe, 1)
    handle, _ = start_moving(probe, "")
    result = handle.get_result_async()  # asked for now: soon there is nobody to ask
    assert bridge.stop(number) == 0
    answer = probe.wait(result)
    assert (answer.status, answer.result.code) == (GoalStatus.STATUS_ABORTED, 4002)
    assert "closed ignav/val_000 as ABORTED_FAULT (4002 NOT_ACTIVE" in bridge.output
    assert "Traceback" not in bridge.output
