"""A clock that is set, or stops, ends a motion; time-outs do not care."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from nav_msgs.msg import Odometry
from rosgraph_msgs.msg import Clock

from wiw_core.errors import ErrorCode
from wiw_core.plans import navigation_plan
from wiw_env_bridge.bridge import clock
from wiw_msgs.action import ExecutePlan
from wiw_msgs.srv import ResetEpisode
from wiw_ros import convert
from wiw_ros.qos import ODOMETRY
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system
BRIDGE = "env_bridge"


class SimulatedTime:
    """Publishes /clock ten times a second, and does to it what a simulator does."""

    def __init__(self, probe: Probe) -> None:
        self._publisher = probe.node.create_publisher(Clock, "/clock", 1)
        self._now_s, self.paused = 1000.0, False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def jump(self, by_s: float) -> None:
        self._now_s += by_s

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        last = time.monotonic()
        while not self._over.wait(0.1):
            now = time.monotonic()
            if not self.paused:
                self._now_s += now - last
                message = Clock()
                message.clock.sec = int(self._now_s)
                message.clock.nanosec = int(self._now_s % 1.0 * 1e9)
                self._publisher.publish(message)
            last = now


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Probe, SimulatedTime]]:
    parameters = {
        "environment": "fake",
        "environment_parameters": ["action_seconds=20.0"],
        "use_sim_time": True,
    }
    with own_domain() as domain, Probe(domain) as probe:
        ticking = SimulatedTime(probe)
        with NodeProcess("wiw_env_bridge.node", tmp_path_factory.mktemp("b"), parameters):
            probe.until_state(BRIDGE, "active")
            yield probe, ticking
        ticking.close()


def start(probe: Probe, generation: int) -> int:
    request = ResetEpisode.Request(task="ignav", episode_id="val_000", generation=generation)
    return int(probe.call(ResetEpisode, f"{BRIDGE}/reset_episode", request).code)


def go(probe: Probe, generation: int) -> Any:
    plan = convert.plan_to_msg(navigation_plan(["forward"]))
    goal = ExecutePlan.Goal(episode_id="val_000", plan=plan, prefix_length=1, generation=generation)
    return probe.send(ExecutePlan, f"{BRIDGE}/execute_plan", goal)


def result_code(probe: Probe, handle: Any) -> int:
    return int(probe.result(handle).result.code)


@pytest.mark.parametrize(
    ("generation", "what", "words"),
    [
        (1, lambda t: t.jump(-10.0), "ROS time went -"),
        (2, lambda t: t.jump(100.0), "ROS time went +"),
        (3, lambda t: setattr(t, "paused", True), "has stood still"),
    ],
)
def test_a_clock_that_is_set_or_stops_in_motion_holds_until_the_next_episode(
    world: tuple[Probe, SimulatedTime], generation: int, what: Any, words: str
) -> None:
    probe, ticking = world
    odom = probe.record(Odometry, "odom", ODOMETRY)
    assert start(probe, generation) == 1
    handle = go(probe, generation)
    probe.until(lambda: bool(odom) and odom[-1][1].twist.twist.linear.x > 0, 20.0, "motion")
    what(ticking)
    answer = probe.result(handle).result
    assert answer.code == 1040 and words in answer.message
    probe.until(lambda: odom[-1][1].twist.twist.linear.x == 0, 20.0, "rest")
    ticking.paused = False
    ticks = probe.record(Clock, "/clock", 1)
    probe.until(lambda: len(ticks) > 2, 20.0, "time goes on")
    assert result_code(probe, go(probe, generation)) == 1040, "what it knows has old stamps"
    assert start(probe, generation) == 1
    handle = go(probe, generation)
    probe.until(lambda: odom[-1][1].twist.twist.linear.x > 0, 20.0, "motion again")
    probe.cancel(handle)
    assert result_code(probe, handle) == 2005


class SetClock:
    """A node whose system clock is set by hand."""

    def __init__(self) -> None:
        self.now_s, self.ros_time_is_active = 5000.0, False

    def get_clock(self) -> SetClock:
        return self

    def now(self) -> Any:
        class Time:
            nanoseconds = int(self.now_s * 1e9)

        return Time()


class DeafEars:
    """No timer: the test itself looks at the clock."""

    class node:
        @staticmethod
        def create_timer(*_: Any, **__: Any) -> None:
            return None


@pytest.mark.parametrize(("step_s", "noticed"), [(-10.0, True), (2.0, True), (0.0, False)])
def test_a_system_clock_that_is_set_is_noticed_and_forgotten(step_s: float, noticed: bool) -> None:
    told: list[Any] = []
    node = SetClock()
    watch = clock.ClockWatch(node, DeafEars(), told.append)  # type: ignore[arg-type]
    assert watch.reason() is None
    node.now_s += step_s
    why = watch.reason()
    assert (why is not None) == noticed == bool(told)
    if why is not None:
        assert why.code is ErrorCode.TIME_JUMP and watch.reason() is why
        watch.forget()
    assert watch.reason() is None


def test_simulated_time_that_never_began_forbids_motion_after_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = SetClock()
    node.now_s, node.ros_time_is_active = 0.0, True
    watch = clock.ClockWatch(node, DeafEars(), lambda why: None)  # type: ignore[arg-type]
    assert watch.reason() is None
    begun = time.monotonic()
    monkeypatch.setattr(clock.time, "monotonic", lambda: begun + 1.5)
    why = watch.reason()
    assert why is not None and "stood still" in str(why)
    node.now_s = 1000.0  # the simulator starts: no jump, time begins
    watch.forget()
    assert watch.reason() is None
