"""Supervision on the wire of a robot: what is seen on cmd_vel when a person stops it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from geometry_msgs.msg import TwistStamped
from std_srvs.srv import Trigger

from wiw_core.plans import navigation_plan
from wiw_env_bridge.robot.profile import FOLDER
from wiw_msgs.action import ExecutePlan
from wiw_msgs.srv import ListEpisodes, ResetEpisode
from wiw_ros import convert
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system
SMALL = {"kind": "base", "front_size": 64, "panorama_height": 32, "panorama_width": 64}
READY = "simulated_robot/referee/decided"


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Probe, Any, Path]]:
    """A simulated base that drives slowly, what is heard on cmd_vel, and its profile."""
    folder = tmp_path_factory.mktemp("robot")
    profile = yaml.safe_load((FOLDER / "simulated_base.yaml").read_text())
    profile["base"] |= {"speed_m_s": 0.1, "turn_rad_s": 0.2}
    profile["timing"] = {"image_age_s": 2.0, "server_wait_s": 30.0, "reacquire_s": 10.0}
    path = folder / "slow.yaml"
    path.write_text(yaml.safe_dump(profile))
    with (
        own_domain() as domain,
        Probe(domain) as probe,
        NodeProcess("wiw_env_bridge.simulated_robot.node", folder, SMALL),
    ):
        probe.call(Trigger, READY, Trigger.Request())
        yield probe, probe.record(TwistStamped, "cmd_vel", 10), path


def bridge_for(robot: Any, folder: Path, **parameters: Any) -> NodeProcess:
    probe, _, path = robot
    chosen = {"environment": "robot", "environment_parameters": [f"profile={path}"]}
    process = NodeProcess("wiw_env_bridge.node", folder, chosen | parameters)
    probe.until_state("env_bridge", "active")
    return process


@pytest.fixture(scope="module")
def bridge(robot: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    with bridge_for(robot, tmp_path_factory.mktemp("bridge")) as process:
        yield process


def placed(probe: Probe) -> tuple[str, int]:
    """Begin the first episode; return its id and the code."""
    ids = probe.call(ListEpisodes, "env_bridge/list_episodes", ListEpisodes.Request(task="ignav"))
    request = ResetEpisode.Request(task="ignav", episode_id=ids.episode_ids[0], generation=1)
    reply = probe.call(ResetEpisode, "env_bridge/reset_episode", request)
    return ids.episode_ids[0], int(reply.code)


def sent(probe: Probe, episode: str, *names: str) -> Any:
    plan = convert.plan_to_msg(navigation_plan(names))
    goal = ExecutePlan.Goal(episode_id=episode, plan=plan, prefix_length=len(names), generation=1)
    return probe.send(ExecutePlan, "env_bridge/execute_plan", goal)


def moves(message: TwistStamped) -> bool:
    return bool(message.twist.linear.x or message.twist.angular.z)


def test_an_estop_in_motion_is_a_zero_on_cmd_vel_and_the_next_episode_runs(
    robot: Any, bridge: NodeProcess
) -> None:
    probe, commands, _ = robot
    episode, code = placed(probe)
    assert code == 1
    handle = sent(probe, episode, *["turn_left"] * 8)
    probe.until(lambda: bool(commands) and moves(commands[-1][1]), 30.0, "motion")
    pressed = time.monotonic()
    assert probe.call(Trigger, "env_bridge/estop", Trigger.Request()).success
    probe.until(lambda: not moves(commands[-1][1]), 10.0, "zero on cmd_vel")
    stopped = next(t for t, m in commands if t > pressed and not moves(m))
    print(f"e-stop service to zero on cmd_vel: {(stopped - pressed) * 1e3:.0f} ms")
    answer = probe.result(handle).result
    assert answer.code == 1033 and 1 <= len(answer.executed.actions) < 8
    count = len(commands)
    assert int(probe.result(sent(probe, episode, "turn_left")).result.code) == 1033
    assert placed(probe)[1] == 1033
    assert not any(moves(m) for _, m in commands[count:])
    assert probe.call(Trigger, "env_bridge/reset_estop", Trigger.Request()).success
    episode, code = placed(probe)
    assert code == 1
    assert int(probe.result(sent(probe, episode, "turn_left")).result.code) == 1


def test_a_dry_run_passes_the_robots_own_gate_and_sends_nothing(
    robot: Any, bridge: NodeProcess
) -> None:
    probe, commands, _ = robot
    assert probe.change("env_bridge", "deactivate") and probe.change("env_bridge", "cleanup")
    assert probe.set("env_bridge", dry_run=True) == [""]
    assert probe.change("env_bridge", "configure") and probe.change("env_bridge", "activate")
    episode, code = placed(probe)
    assert code == 1
    count = len(commands)
    answer = probe.result(sent(probe, episode, "forward", "turn_left")).result
    assert answer.code == 1036 and not answer.executed.actions
    assert len(commands) == count


def test_a_look_around_at_the_start_waits_for_approval_too(
    robot: Any, bridge: NodeProcess, tmp_path: Path
) -> None:
    probe, commands, path = robot
    profile = yaml.safe_load(path.read_text())
    del profile["cameras"]["panorama"]
    turning = tmp_path / "turning.yaml"
    turning.write_text(yaml.safe_dump({**profile, "panorama": {"turning": "front"}}))
    assert probe.change("env_bridge", "deactivate") and probe.change("env_bridge", "cleanup")
    told = {
        "environment_parameters": [f"profile={turning}"],
        "require_approval": True,
        "approval_s": 1.0,
        "dry_run": False,
    }
    assert probe.set("env_bridge", **told) == [""] * len(told)
    assert probe.change("env_bridge", "configure") and probe.change("env_bridge", "activate")
    count = len(commands)
    assert placed(probe)[1] == 1034
    assert not any(moves(m) for _, m in commands[count:])
