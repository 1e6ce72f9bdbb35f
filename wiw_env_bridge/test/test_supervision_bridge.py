"""What stops a robot beside its holder's silence: a real bridge around the fake environment."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from nav_msgs.msg import Odometry
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from wiw_core.plans import navigation_plan
from wiw_env_bridge.node import EnvBridge
from wiw_msgs.action import ExecutePlan
from wiw_msgs.msg import PendingPlan
from wiw_msgs.srv import ApprovePlan, ResetEpisode
from wiw_ros import convert
from wiw_ros.qos import LATCHED, ODOMETRY
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system
BRIDGE = "env_bridge"
FAKE = {"environment": "fake", "environment_parameters": ["action_seconds=20.0"]}
MARGIN_S = 2.0
"""For a machine that is busy with other work; the robot would else drive for 40 s."""


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    with own_domain() as domain, Probe(domain) as probe:
        yield probe


@pytest.fixture
def alone() -> Iterator[Probe]:
    """A domain in which a test starts the only bridge."""
    with own_domain() as domain, Probe(domain) as probe:
        yield probe


@pytest.fixture(scope="module")
def supervised(probe: Probe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    with bridge_process(probe, tmp_path_factory.mktemp("bridge")) as process:
        yield process


def bridge_process(probe: Probe, folder: Path, **parameters: Any) -> NodeProcess:
    process = NodeProcess("wiw_env_bridge.node", folder, FAKE | parameters)
    probe.until_state(BRIDGE, "active")
    return process


DEFAULTS = {
    "dry_run": False,
    "require_approval": False,
    "approval_s": 60.0,
    "require_estop": False,
    "estop_silence_s": 0.5,
    "hold_reserve_s": 0.1,
}


@contextmanager
def configured(probe: Probe, **parameters: Any) -> Iterator[bool]:
    """Configure the bridge anew, tell whether it took that, and restore it."""
    try:
        yield configure(probe, parameters)
    finally:
        assert configure(probe, {name: DEFAULTS[name] for name in parameters})


def configure(probe: Probe, parameters: dict[str, Any]) -> bool:
    if probe.state(BRIDGE) == "active":
        assert probe.change(BRIDGE, "deactivate") and probe.change(BRIDGE, "cleanup")
    assert not any(probe.set(BRIDGE, **parameters))
    return probe.change(BRIDGE, "configure") and probe.change(BRIDGE, "activate")


def ask(probe: Probe, name: str) -> Any:
    return probe.call(Trigger, f"{BRIDGE}/{name}", Trigger.Request())


def begin(probe: Probe, generation: int = 1) -> Any:
    request = ResetEpisode.Request(task="ignav", episode_id="val_000", generation=generation)
    return probe.call(ResetEpisode, f"{BRIDGE}/reset_episode", request)


def drive(probe: Probe, names: tuple[str, ...] = ("forward",), generation: int = 1) -> Any:
    plan = navigation_plan(names)
    goal = ExecutePlan.Goal(
        episode_id="val_000",
        plan=convert.plan_to_msg(plan),
        prefix_length=len(plan),
        generation=generation,
    )
    return probe.send(ExecutePlan, f"{BRIDGE}/execute_plan", goal)


def is_moving(odom: list[Any]) -> bool:
    return bool(odom) and odom[-1][1].twist.twist.linear.x != 0.0


def driving(probe: Probe) -> tuple[Any, list[Any]]:
    """Begin an episode and drive; return the goal and what odom says."""
    odom = probe.record(Odometry, "odom", ODOMETRY)
    assert begin(probe).code == 1
    handle = drive(probe)
    probe.until(lambda: is_moving(odom), 20.0, "motion")
    return handle, odom


def code_of(probe: Probe, handle: Any) -> int:
    return int(probe.result(handle).result.code)


def released(probe: Probe) -> None:
    """End the latched stop, and see that the robot may drive again."""
    reply = ask(probe, "reset_estop")
    assert reply.success, reply.message
    handle, odom = driving(probe)
    probe.cancel(handle)
    assert code_of(probe, handle) == 2005
    probe.until(lambda: not is_moving(odom), 20.0, "rest")


@pytest.mark.parametrize(
    ("durability", "reliability"),
    [
        (DurabilityPolicy.TRANSIENT_LOCAL, ReliabilityPolicy.RELIABLE),
        (DurabilityPolicy.VOLATILE, ReliabilityPolicy.RELIABLE),
        (DurabilityPolicy.VOLATILE, ReliabilityPolicy.BEST_EFFORT),
    ],
)
def test_the_topic_estop_stops_the_robot_whatever_its_qos(
    probe: Probe, supervised: NodeProcess, durability: Any, reliability: Any
) -> None:
    qos = QoSProfile(depth=1, durability=durability, reliability=reliability)
    button = probe.node.create_publisher(Bool, "estop", qos)
    try:
        wanted = 1 if durability == DurabilityPolicy.VOLATILE else 2
        probe.until(lambda: button.get_subscription_count() >= wanted, 20.0, "the bridge")
        handle, odom = driving(probe)
        button.publish(Bool(data=True))
        probe.until(lambda: not is_moving(odom), MARGIN_S, "zero twist")
        assert code_of(probe, handle) == 1033

        # Latched: goals and episodes are refused, also after the button is released.
        assert code_of(probe, drive(probe)) == 1033
        assert begin(probe, 2).code == 1033
        reply = ask(probe, "reset_estop")
        assert not reply.success and "still says stop" in reply.message
        button.publish(Bool(data=False))
        assert_soon(probe, lambda: ask(probe, "reset_estop").success)
        released(probe)
    finally:
        probe.node.destroy_publisher(button)


def assert_soon(probe: Probe, holds: Any, timeout_s: float = 20.0) -> None:
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "still not so"
        time.sleep(0.1)


def test_the_estop_service_stops_within_50_ms_and_says_so_to_latecomers(
    probe: Probe, supervised: NodeProcess
) -> None:
    handle, odom = driving(probe)
    asked = time.monotonic()
    assert ask(probe, "estop").success
    probe.until(lambda: not is_moving(odom), MARGIN_S, "zero twist")
    stopped = next(t for t, m in odom if t > asked and m.twist.twist.linear.x == 0.0)
    print(f"e-stop service to zero on odom: {(stopped - asked) * 1e3:.0f} ms")
    assert code_of(probe, handle) == 1033
    state = probe.record(Bool, f"{BRIDGE}/estopped", LATCHED)
    probe.until(lambda: bool(state) and state[-1][1].data, 20.0, "the latched state")
    released(probe)
    probe.until(lambda: not state[-1][1].data, 20.0, "the cleared state")


def test_an_estop_outlives_deactivation(probe: Probe, supervised: NodeProcess) -> None:
    assert ask(probe, "estop").success
    assert probe.change(BRIDGE, "deactivate") and probe.change(BRIDGE, "activate")
    assert begin(probe, 3).code == 1033
    released(probe)


def test_a_stop_that_was_pressed_before_the_bridge_came_is_known_by_whatever_name(
    alone: Probe,
) -> None:
    button = alone.node.create_publisher(Bool, "/safety/stop", LATCHED)
    button.publish(Bool(data=True))
    state = alone.record(Bool, f"{BRIDGE}/estopped", LATCHED)
    renamed = ["--ros-args", "-r", "estop:=/safety/stop"]
    bridge = EnvBridge(context=alone.node.context, cli_args=renamed)
    try:
        alone.add(bridge)
        alone.until(lambda: bool(state) and state[-1][1].data, 30.0, "the latched state")
        alone.until_state(BRIDGE, "active")
    finally:
        bridge.destroy_node()


def test_where_a_button_is_required_its_silence_stops_the_robot(
    probe: Probe, supervised: NodeProcess
) -> None:
    with configured(probe, require_estop=True, estop_silence_s=1.0):
        refused = begin(probe)
        assert refused.code == 1033 and "'estop' has" in refused.message
        state = probe.node.create_publisher(Bool, "estop", 1)
        beat = probe.node.create_timer(0.1, lambda: state.publish(Bool(data=False)))
        probe.until(lambda: state.get_subscription_count() > 0, 20.0, "the bridge")
        assert_soon(probe, lambda: begin(probe).code == 1)
        handle, odom = driving(probe)
        probe.node.destroy_timer(beat)
        probe.until(lambda: not is_moving(odom), 1.0 + MARGIN_S, "zero twist")
        answer = probe.result(handle).result
        assert answer.code == 1033 and "been silent for" in answer.message


def test_a_dry_run_checks_every_plan_and_moves_nothing(
    probe: Probe, supervised: NodeProcess
) -> None:
    with configured(probe, dry_run=True):
        odom = probe.record(Odometry, "odom", ODOMETRY)
        assert begin(probe).code == 1
        answer = probe.result(drive(probe)).result
        assert (answer.code, len(answer.executed.actions)) == (1036, 0)
        assert "passed every check" in answer.message
        wrong = ExecutePlan.Goal(episode_id="val_000", prefix_length=1, generation=1)
        wrong.plan = convert.plan_to_msg(navigation_plan(["forward"]))
        wrong.plan.actions[0].name = "fly"
        handle = probe.send(ExecutePlan, f"{BRIDGE}/execute_plan", wrong)
        assert code_of(probe, handle) == 1041
        assert not any(m.twist.twist.linear.x for _, m in odom)


def test_a_ttl_without_room_for_the_hold_is_refused(probe: Probe, supervised: NodeProcess) -> None:
    with configured(probe, hold_reserve_s=0.4) as taken:
        assert not taken
        assert "shorter than two heartbeats" in supervised.output


class Asking:
    """A bridge that asks before each motion, and who may answer."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.pending = probe.record(PendingPlan, f"{BRIDGE}/pending_plan", LATCHED)
        self.odom = probe.record(Odometry, "odom", ODOMETRY)

    def waiting(self) -> tuple[Any, Any]:
        """Send a plan; return its goal, and what is asked."""
        assert begin(self.probe).code == 1
        handle = drive(self.probe)
        self.probe.until(self.waits, 20.0, "a pending plan")
        return handle, self.pending[-1][1]

    def waits(self) -> bool:
        return bool(self.pending) and self.pending[-1][1].id > 0

    def decide(self, plan_id: int, approve: bool) -> int:
        request = ApprovePlan.Request(id=plan_id, approve=approve, by="a test")
        return int(self.probe.call(ApprovePlan, f"{BRIDGE}/approve", request).code)

    def none_waits(self) -> None:
        self.probe.until(lambda: not self.waits(), 20.0, "nothing pending")

    def nothing_moved(self) -> bool:
        return not any(m.twist.twist.linear.x for _, m in self.odom)


@pytest.fixture
def asking(probe: Probe, supervised: NodeProcess) -> Iterator[Asking]:
    with configured(probe, require_approval=True):
        yield Asking(probe)


def test_an_approved_plan_is_executed(asking: Asking) -> None:
    handle, plan = asking.waiting()
    assert [a.name for a in plan.plan.actions] == ["forward"] and plan.episode_id == "val_000"
    assert asking.decide(plan.id + 1, True) == 1034, "not the plan that waits"
    assert asking.nothing_moved()
    assert asking.decide(plan.id, True) == 1
    asking.probe.until(lambda: is_moving(asking.odom), 20.0, "motion")
    assert asking.decide(plan.id, True) == 1034, "it no longer waits"
    asking.probe.cancel(handle)
    assert code_of(asking.probe, handle) == 2005


def test_a_refusal_a_cancel_or_an_estop_ends_the_wait_without_motion(asking: Asking) -> None:
    probe = asking.probe
    handle, plan = asking.waiting()
    assert asking.decide(plan.id, False) == 1
    answer = probe.result(handle).result
    assert answer.code == 1034 and "refused by a test" in answer.message
    asking.none_waits()
    handle, plan = asking.waiting()
    probe.cancel(handle)
    assert code_of(probe, handle) == 2005
    assert asking.decide(plan.id, True) == 1034
    asking.none_waits()
    handle, plan = asking.waiting()
    assert ask(probe, "estop").success
    assert code_of(probe, handle) == 1033
    assert ask(probe, "reset_estop").success
    assert asking.nothing_moved()


def test_a_plan_that_nobody_looks_at_is_refused_in_time(
    probe: Probe, supervised: NodeProcess
) -> None:
    with configured(probe, require_approval=True, approval_s=1.0):
        asking = Asking(probe)
        assert begin(probe).code == 1
        answer = probe.result(drive(probe)).result
        assert answer.code == 1034 and "Nobody approved the plan within 1 s" in answer.message
        assert asking.nothing_moved()


def test_two_signals_in_motion_still_end_in_hold_and_with_zero(
    alone: Probe, tmp_path: Path
) -> None:
    with bridge_process(alone, tmp_path) as process:
        handle, _ = driving(alone)
        result = handle.get_result_async()
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
            process.process.send_signal(number)
        assert process.process.wait(10.0) == 0, process.output
        assert alone.wait(result).result.code == 4002
        assert "Traceback" not in process.output
