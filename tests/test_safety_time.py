"""20: a clock that jumps or stands still. The robot holds; no time-out is any longer or shorter."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from builtin_interfaces.msg import Time
from robot_graph import TTL_S, RobotGraph
from rosgraph_msgs.msg import Clock

from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode
from wiw_ros.testing import Probe, own_domain

pytestmark = pytest.mark.system

TICK_S = 0.02
START_S = 1000.0
STANDSTILL_S = 1.0
"""ROS time that has stood still for this long in motion counts as a jump."""


class SimulationClock:
    """Publishes ``/clock``, as a simulator does, and can be moved."""

    def __init__(self, probe: Probe) -> None:
        self._publisher = probe.node.create_publisher(Clock, "/clock", 10)
        self._offset_s = START_S - time.monotonic()
        self._stopped_s: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
        self._thread.start()

    def jump(self, seconds: float) -> None:
        """Go on from another time."""
        self._offset_s += seconds

    def stop(self) -> None:
        """Publish the same time from now on."""
        self._stopped_s = time.monotonic()

    def go_on(self) -> None:
        """Go on from where it stopped."""
        if self._stopped_s is not None:
            self._offset_s -= time.monotonic() - self._stopped_s
            self._stopped_s = None

    def close(self) -> None:
        """Publish no more."""
        self._ended.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        while not self._ended.wait(TICK_S):
            now = self._offset_s + (self._stopped_s or time.monotonic())
            seconds = int(now)
            stamp = Time(sec=seconds, nanosec=int((now - seconds) * 1e9))
            self._publisher.publish(Clock(clock=stamp))


Timed = tuple[RobotGraph, SimulationClock]


@pytest.fixture
def timed(clocked: Timed) -> Timed:
    """The same, with nothing held against it from a test that has failed."""
    clocked[0].watcher.forget()
    return clocked


@pytest.fixture(scope="module")
def clocked(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[RobotGraph, SimulationClock]]:
    with own_domain() as domain:
        graph = RobotGraph(domain, tmp_path_factory.mktemp("timed"), sim_time=True)
        clock = SimulationClock(graph.probe)
        try:
            graph.start_all()
            yield graph, clock
        finally:
            graph.close()
            clock.close()


@pytest.mark.parametrize("seconds", [-10.0, 100.0])
def test_robot_holds_when_time_jumps(timed: Timed, seconds: float) -> None:
    graph, clock = timed
    episode = graph.driving()
    fault = graph.watcher.fault(f"clock {seconds:+g} s", TTL_S)
    clock.jump(seconds)
    ended = episode.end(fault)
    assert ended.code == ErrorCode.TIME_JUMP, f"{ended.code}: {ended.message}"
    assert ended.status == EpisodeStatus.ABORTED_FAULT and ended.message
    assert ended.hold_s <= TTL_S, f"still moving after {ended.hold_s:.2f} s"
    assert graph.works()


def test_robot_holds_when_time_stands_still(timed: Timed) -> None:
    graph, clock = timed
    episode = graph.driving()
    fault = graph.watcher.fault("clock stops", STANDSTILL_S + TTL_S)
    clock.stop()
    try:
        ended = episode.end(fault)
    finally:
        clock.go_on()
    assert ended.code in (ErrorCode.TIME_JUMP, ErrorCode.STALE_OBSERVATION), ended.message
    assert ended.hold_s <= STANDSTILL_S + TTL_S, f"still moving after {ended.hold_s:.2f} s"
    assert graph.works()
