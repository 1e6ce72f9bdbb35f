"""A base that is driven by velocity: whatever ends a motion, the last command is zero.

The bridge itself is the publisher of ``cmd_vel`` here; where it dies, the base's own watchdog acts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from nav_msgs.msg import Odometry
from robot_graph import TTL_S, Episode, RobotGraph

from wiw_core.errors import ErrorCode
from wiw_ros.qos import ODOMETRY
from wiw_ros.testing import own_domain

pytestmark = pytest.mark.system
WATCHDOG_S = 0.5
"""Of the simulated base; and so is that of diff_drive_controller."""
ODOMETRY_S = 0.5
"""Odometry that is older is stale: ``base.odom_age_s``."""
ROLL_S = 0.3
"""From zero speed commanded to zero speed: latency, and braking from 0.25 m/s."""


@pytest.fixture
def driven(by_velocity: RobotGraph) -> RobotGraph:
    """The same, with nothing held against it from a test that has failed."""
    by_velocity.inject("")
    by_velocity.watcher.forget()
    return by_velocity


@pytest.fixture(scope="module")
def by_velocity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RobotGraph]:
    with own_domain() as domain:
        folder = tmp_path_factory.mktemp("driven")
        graph = RobotGraph(domain, folder, base={"interface": "cmd_vel"})
        try:
            graph.start_all()
            yield graph
        finally:
            graph.close()


def kill_planner(graph: RobotGraph, episode: Episode) -> None:
    graph.nodes["planner_node"].kill()


def cancel(graph: RobotGraph, episode: Episode) -> None:
    graph.probe.cancel(episode.handle)


def deactivate(graph: RobotGraph, episode: Episode) -> None:
    assert graph.probe.change("/env_bridge", "deactivate")


def lose_odometry(graph: RobotGraph, episode: Episode) -> None:
    graph.inject("odom_off")


def stand_still(graph: RobotGraph, episode: Episode) -> None:
    graph.inject("ignore_commands")


WAYS_OUT = {
    kill_planner: ErrorCode.COMMAND_LOST,
    cancel: ErrorCode.ABORTED_BY_USER,
    deactivate: ErrorCode.NOT_ACTIVE,
    lose_odometry: ErrorCode.STALE_OBSERVATION,
    stand_still: ErrorCode.OK,  # it collides again and again, and the task has failed
}


@pytest.mark.parametrize("way", WAYS_OUT, ids=lambda way: way.__name__)
def test_every_way_out_of_a_motion_ends_with_zero(driven: RobotGraph, way: object) -> None:
    """19, 17."""
    episode = driven.driving()
    within_s = ODOMETRY_S + TTL_S if way is lose_odometry else TTL_S
    fault = driven.watcher.fault(way.__name__, None if way is stand_still else within_s)
    way(driven, episode)
    ended = episode.abandoned(fault) if way is kill_planner else episode.end(fault)
    assert ended.code == WAYS_OUT[way], f"{ended.code}: {ended.message}"
    assert not driven.watcher.moving, "the last command on cmd_vel is not zero"
    if way is not stand_still:
        assert ended.hold_s <= within_s, f"still moving after {ended.hold_s:.2f} s"
    driven.inject("")
    if way is kill_planner:
        driven.replace("planner_node")
    if way is deactivate:
        assert driven.probe.change("/env_bridge", "activate")
    assert driven.works()


def test_the_base_stops_by_itself_when_the_bridge_is_killed(driven: RobotGraph) -> None:
    odom = driven.probe.record(Odometry, "odom", ODOMETRY)
    episode = driven.driving()
    driven.nodes["env_bridge"].kill()
    killed = time.monotonic()
    driven.watcher.fault("bridge killed", WATCHDOG_S)
    driven.mourn("env_bridge")
    ended = episode.end()
    assert ended.code == ErrorCode.ACTION_SERVER_LOST and "env_bridge" in ended.message
    last = max((t for t, m in odom if abs(m.twist.twist.linear.x) > 0.01), default=killed)
    assert last - killed <= WATCHDOG_S + ROLL_S, f"it rolled for {last - killed:.2f} s"
    driven.replace("env_bridge")
    assert driven.works()
