"""Two robots in two namespaces of one ROS domain: every name is relative."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from graph import MODULES
from nav_msgs.msg import Odometry
from robot_graph import EPISODES, ROBOT, TTL_S, profile

from wiw_core.errors import ErrorCode
from wiw_msgs.action import RunEpisode
from wiw_ros.qos import ODOMETRY
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system

NAMES = ("robot1", "robot2")


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    """Two robots, each with a bridge and a planner of its own."""
    path = profile(tmp_path_factory.mktemp("profile"))
    told: dict[str, dict[str, Any]] = {
        "simulated_robot": ROBOT,
        "env_bridge": {
            "environment": "robot",
            "environment_parameters": [f"profile={path}"],
            "command_ttl_s": TTL_S,
        },
        "planner_node": {
            "proposer": "fake",
            "reviser": "fake",
            "execute": 1,
            "reviser_parameters": ["stop_after=1"],
        },
    }
    modules = {"simulated_robot": "wiw_env_bridge.simulated_robot.node", **MODULES}
    with own_domain() as domain, ExitStack() as running:
        probe = Probe(domain)
        running.callback(probe.close)
        for name in NAMES:
            folder: Path = tmp_path_factory.mktemp(name)
            for node, parameters in told.items():
                made = NodeProcess(
                    modules[node], folder, parameters, name=node, namespace=f"/{name}"
                )
                running.enter_context(made)
        for name in NAMES:
            probe.until_state(f"/{name}/env_bridge", "active")
            probe.until_state(f"/{name}/planner_node", "active")
        yield probe


def _farthest_m(seen: list[tuple[float, Any]]) -> float:
    places = [m.pose.pose.position for _, m in seen]
    return max(((p.x - places[0].x) ** 2 + (p.y - places[0].y) ** 2) ** 0.5 for p in places)


def _send(probe: Probe, name: str, number: int) -> Any:
    goal = RunEpisode.Goal(task="ignav", episode_id=EPISODES[number])
    return probe.send(RunEpisode, f"/{name}/planner_node/run_episode", goal)


def test_a_command_to_one_robot_moves_that_one_alone(probe: Probe) -> None:
    odometry = {name: probe.record(Odometry, f"/{name}/odom", ODOMETRY) for name in NAMES}
    probe.until(lambda: all(odometry.values()), 20.0, "odometry of both")
    result = probe.result(_send(probe, NAMES[0], 0)).result
    assert result.code == ErrorCode.OK, result.message
    assert _farthest_m(odometry[NAMES[0]]) > 0.1
    assert _farthest_m(odometry[NAMES[1]]) < 0.01


def test_both_run_an_episode_at_once(probe: Probe) -> None:
    handles = [_send(probe, name, number) for number, name in enumerate(NAMES)]
    for number, handle in enumerate(handles):
        result = probe.result(handle).result
        assert result.code == ErrorCode.OK, result.message
        assert result.result.episode_id == EPISODES[number] and result.result.actions == 1
