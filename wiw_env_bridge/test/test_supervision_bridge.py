"""What stops a robot beside its holder's silence: a real bridge around the fake environment."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nav_msgs.msg import Odometry
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from wiw_core.plans import navigation_plan
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


def test_a_dry_run_checks_every_plan_and_moves_nothing(alone: Probe, tmp_path: Path) -> None:
    with bridge_process(alone, tmp_path, dry_run=True):
        odom = alone.record(Odometry, "odom", ODOMETRY)
        assert begin(alone).code == 1
        answer = alone.result(drive(alone)).result
        assert (answer.code, len(answer.executed.actions)) == (1036, 0)
        assert "passed every check" in answer.message
        wrong = ExecutePlan.Goal(episode_id="val_000", prefix_length=1, generation=1)
        wrong.plan = convert.plan_to_msg(navigation_plan(["forward"]))
        wrong.plan.actions[0].name = "fly"
        handle = alone.send(ExecutePlan, f"{BRIDGE}/execute_plan", wrong)
        assert code_of(alone, handle) == 1041
        assert not any(m.twist.twist.linear.x for _, m in odom)


class TestApproval:
    """One bridge that asks before each motion; the robot is still until somebody approves."""

    @pytest.fixture(scope="class")
    def asking(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Probe, Any, Any]]:
        with own_domain() as domain, Probe(domain) as probe:
            folder = tmp_path_factory.mktemp("asking")
            with bridge_process(probe, folder, require_approval=True, approval_s=2.0):
                pending = probe.record(PendingPlan, f"{BRIDGE}/pending_plan", LATCHED)
                odom = probe.record(Odometry, "odom", ODOMETRY)
                yield probe, pending, odom

    def waiting(self, probe: Probe, pending: list[Any]) -> tuple[Any, Any]:
        assert begin(probe).code == 1
        handle = drive(probe)
        probe.until(lambda: bool(pending) and pending[-1][1].id > 0, 20.0, "a pending plan")
        return handle, pending[-1][1]

    def decide(self, probe: Probe, plan_id: int, approve: bool) -> Any:
        request = ApprovePlan.Request(id=plan_id, approve=approve, by="a test")
        return probe.call(ApprovePlan, f"{BRIDGE}/approve", request)

    def test_an_approved_plan_is_executed(self, asking: Any) -> None:
        probe, pending, odom = asking
        handle, plan = self.waiting(probe, pending)
        assert [a.name for a in plan.plan.actions] == ["forward"] and plan.episode_id == "val_000"
        assert not is_moving(odom)
        assert self.decide(probe, plan.id + 1, True).code == 1034, "not the plan that waits"
        assert not is_moving(odom)
        assert self.decide(probe, plan.id, True).code == 1
        probe.until(lambda: is_moving(odom), 20.0, "motion")
        assert self.decide(probe, plan.id, True).code == 1034, "it no longer waits"
        probe.cancel(handle)
        assert code_of(probe, handle) == 2005
        probe.until(lambda: not is_moving(odom), 20.0, "rest")

    def test_a_refused_or_forgotten_plan_moves_nothing(self, asking: Any) -> None:
        probe, pending, odom = asking
        seen = len(odom)
        handle, plan = self.waiting(probe, pending)
        assert self.decide(probe, plan.id, False).code == 1
        answer = probe.result(handle).result
        assert answer.code == 1034 and "refused by a test" in answer.message
        probe.until(lambda: pending[-1][1].id == 0, 20.0, "nothing pending")
        handle, _ = self.waiting(probe, pending)
        answer = probe.result(handle).result
        assert answer.code == 1034 and "Nobody approved the plan within 2 s" in answer.message
        assert not any(m.twist.twist.linear.x for _, m in odom[seen:])

    def test_a_cancel_or_an_estop_ends_the_wait(self, asking: Any) -> None:
        probe, pending, odom = asking
        seen = len(odom)
        handle, plan = self.waiting(probe, pending)
        probe.cancel(handle)
        assert code_of(probe, handle) == 2005
        assert self.decide(probe, plan.id, True).code == 1034
        probe.until(lambda: pending[-1][1].id == 0, 20.0, "nothing pending")
        handle, plan = self.waiting(probe, pending)
        assert ask(probe, "estop").success
        assert code_of(probe, handle) == 1033
        assert ask(probe, "reset_estop").success
        assert not any(m.twist.twist.linear.x for _, m in odom[seen:])


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


def test_a_ttl_without_room_for_the_hold_is_refused(alone: Probe, tmp_path: Path) -> None:
    parameters = FAKE | {"command_ttl_s": 0.3, "hold_reserve_s": 0.2, "exit_on_failure": True}
    with NodeProcess("wiw_env_bridge.node", tmp_path, parameters) as process:
        assert process.process.wait(30.0) == 1
        assert "shorter than two heartbeats" in process.output
