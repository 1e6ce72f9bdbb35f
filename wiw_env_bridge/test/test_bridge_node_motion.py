"""Every way out of a motion ends in hold: a bridge in this process around a spied environment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from std_srvs.srv import Trigger

from wiw_core.decisions import Transition
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.plans import Plan, navigation_plan
from wiw_env_bridge import node as bridge_node
from wiw_env_bridge.bridge import lease, motion
from wiw_msgs.action import ExecutePlan
from wiw_msgs.msg import RobotLease
from wiw_msgs.srv import FinishEpisode, ResetEpisode
from wiw_ros import convert
from wiw_ros.qos import LEASE
from wiw_ros.testing import Probe, own_domain

NODE = "env_bridge"


class Spied(FakeEnvironment):
    """A fake that notes when it is told to act and to hold, and may be deaf to hold.

    A hold that comes from the fake itself, while it acts, is not noted: only the bridge's count.
    """

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.calls: list[str] = []
        self.own_thread = 0
        self.acting = threading.Event()
        self.deaf = False
        self.released = threading.Event()

    def hold(self) -> None:
        if self.own_thread != threading.get_ident():
            self.calls.append("hold")
        if not self.deaf:
            super().hold()

    def act(self, plan: Plan, *, observe: bool = True) -> Iterator[Transition]:
        transitions = super().act(plan, observe=observe)
        self.calls.append("act")
        self.acting.set()
        if self.deaf:
            self.released.wait()
        return self._noting(transitions)

    def _noting(self, transitions: Iterator[Transition]) -> Iterator[Transition]:
        while True:
            self.own_thread = threading.get_ident()
            try:
                transition = next(transitions)
            except StopIteration:
                return
            finally:
                self.own_thread = 0
            yield transition


class Stage:
    """A bridge around one spied environment, with an episode open."""

    def __init__(self, probe: Probe, monkeypatch: pytest.MonkeyPatch, env: Spied) -> None:
        class OnlyThis:
            def __init__(self, kind: object) -> None:
                self.load = lambda: Spied

            def get(self, name: str) -> OnlyThis:
                return self

            def create(self, name: str, **parameters: Any) -> Spied:
                return env

        monkeypatch.setattr(bridge_node, "Registry", OnlyThis)
        self.probe, self.env = probe, env
        probe.add(bridge_node.EnvBridge(context=probe.node.context))
        probe.until_state(NODE, "active")
        self.reset(1)
        env.calls.clear()

    def reset(self, generation: int) -> Any:
        request = ResetEpisode.Request(task="ignav", episode_id="val_000", generation=generation)
        return self.probe.call(ResetEpisode, f"{NODE}/reset_episode", request)

    def send(self, names: tuple[str, ...] = ("forward", "forward")) -> Any:
        plan = navigation_plan(names)
        goal = ExecutePlan.Goal(
            episode_id="val_000",
            plan=convert.plan_to_msg(plan),
            prefix_length=len(plan),
            generation=1,
        )
        return self.probe.send(ExecutePlan, f"{NODE}/execute_plan", goal)

    def finish(self) -> Any:
        request = FinishEpisode.Request(episode_id="val_000", generation=1, fault=1)
        return self.probe.call(FinishEpisode, f"{NODE}/finish_episode", request)


@pytest.fixture
def probe() -> Iterator[Probe]:
    with own_domain() as domain, Probe(domain) as probe:
        yield probe


def leave_by_cancel(stage: Stage, handle: Any) -> None:
    stage.probe.cancel(handle)


def leave_by_deactivation(stage: Stage, handle: Any) -> None:
    assert stage.probe.change(NODE, "deactivate")


def leave_by_estop(stage: Stage, handle: Any) -> None:
    assert stage.probe.call(Trigger, f"{NODE}/estop", Trigger.Request()).success


def leave_by_another_bridge(stage: Stage, handle: Any) -> None:
    """Another computer's bridge has had the robot for longer."""
    node = stage.probe.node
    publisher = node.create_publisher(RobotLease, lease.TOPIC, LEASE)
    other = RobotLease(bridge=f"/{NODE}", host="far", instance="x", age_s=600.0, held=True)
    node.create_timer(0.1, lambda: publisher.publish(other))


def leave_by_reset(stage: Stage, handle: Any) -> None:
    assert stage.reset(2).code == 1


def leave_by_finish(stage: Stage, handle: Any) -> None:
    assert stage.finish().code == 1


@pytest.mark.parametrize(
    ("leave", "code"),
    [
        (leave_by_cancel, 2005),
        (leave_by_estop, 1033),
        (leave_by_another_bridge, 1035),
        (leave_by_deactivation, 4002),
        (leave_by_reset, 1031),
        (leave_by_finish, 1031),
    ],
)
def test_every_interruption_of_a_motion_ends_in_hold(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, leave: Any, code: int
) -> None:
    stage = Stage(probe, monkeypatch, Spied(action_seconds=20.0))
    handle = stage.send()
    assert stage.env.acting.wait(20.0)
    leave(stage, handle)
    assert probe.result(handle).result.code == code
    assert stage.env.calls.count("act") == 1 and stage.env.calls[-1] == "hold"
    assert stage.env.motion()[1:] == (0.0, 0.0)


@pytest.mark.parametrize(
    ("fault", "code"), [("none", 1), ("crash", 1070), ("nan_depth", 1012), ("silent", 1010)]
)
def test_every_end_of_a_motion_ends_in_hold(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, fault: str, code: int
) -> None:
    env = Spied()
    stage = Stage(probe, monkeypatch, env)
    env._fault = fault
    assert probe.result(stage.send()).result.code == code
    assert "act" in env.calls and env.calls[-1] == "hold"


def test_an_environment_deaf_to_hold_is_told_and_refuses_more(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(motion, "SETTLE_S", 0.3)
    env = Spied()
    stage = Stage(probe, monkeypatch, env)
    env.deaf = True
    handle = stage.send()
    assert env.acting.wait(20.0)
    probe.cancel(handle)
    answer = probe.result(handle)
    assert answer.result.code == 1071
    assert env.calls.count("hold") > 3, "it must be told again and again"
    env.deaf = False
    env.released.set()
    assert stage.reset(1).code == 1
    assert probe.result(stage.send(("turn_left",))).result.code == 1
