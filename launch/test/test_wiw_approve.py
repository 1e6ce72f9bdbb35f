"""``wiw approve``: yes moves the robot, no does not, stop stops it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy

from wiw.approving import Approver, described
from wiw_core.arm import tool_pose
from wiw_core.geometry import Pose3
from wiw_core.plans import Plan, navigation_plan
from wiw_msgs.action import ExecutePlan
from wiw_msgs.msg import PendingPlan
from wiw_msgs.srv import ResetEpisode
from wiw_ros import convert
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system
ASKING = {"environment": "fake", "require_approval": True, "approval_s": 30.0}


class Person:
    """Answers what is asked, as told beforehand; a fake of somebody at a terminal."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.heard: list[str] = []
        self.gone = threading.Event()

    def ask(self, question: str) -> str:
        if not self._answers:
            raise EOFError
        return self._answers.pop(0)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    with (
        own_domain() as domain,
        Probe(domain) as probe,
        NodeProcess("wiw_env_bridge.node", tmp_path_factory.mktemp("bridge"), ASKING),
    ):
        probe.until_state("env_bridge", "active")
        yield probe


def outcome(probe: Probe, person: Person) -> Any:
    """Send one plan to a bridge that asks this person; return the result."""
    node = rclpy.create_node("approver", context=probe.node.context)
    approver = Approver(node, "env_bridge", "a test")
    thread = threading.Thread(
        target=approver.run, args=(person.ask, person.heard.append, person.gone.is_set)
    )
    thread.start()
    try:
        reset = ResetEpisode.Request(task="ignav", episode_id="val_000", generation=1)
        assert probe.call(ResetEpisode, "env_bridge/reset_episode", reset).code == 1
        plan = convert.plan_to_msg(navigation_plan(["forward", "turn_left"], "go on"))
        goal = ExecutePlan.Goal(episode_id="val_000", plan=plan, prefix_length=2, generation=1)
        handle = probe.send(ExecutePlan, "env_bridge/execute_plan", goal)
        return probe.result(handle).result
    finally:
        person.gone.set()
        thread.join(20.0)
        assert not thread.is_alive()
        approver.close()
        node.destroy_node()


def test_a_yes_executes_the_plan_that_was_shown(stage: Probe) -> None:
    person = Person("y")
    result = outcome(stage, person)
    assert result.code == 1 and len(result.executed.actions) == 2
    assert "1. forward" in person.heard[0] and "2. turn_left" in person.heard[0]
    assert "go on" in person.heard[0] and person.heard[1] == "approved"


@pytest.mark.parametrize("answer", ["n", "", "maybe"])
def test_anything_but_a_yes_moves_nothing(stage: Probe, answer: str) -> None:
    person = Person(answer)
    result = outcome(stage, person)
    assert result.code == 1034 and not result.executed.actions
    assert "refused by a test" in result.message and person.heard[1] == "refused"


def test_stop_latches_the_estop(stage: Probe, tmp_path: Path) -> None:
    from std_srvs.srv import Trigger

    person = Person("s")
    try:
        assert outcome(stage, person).code == 1033
        assert "Stopped" in person.heard[1]
    finally:
        stage.call(Trigger, "env_bridge/reset_estop", Trigger.Request())


def test_a_tool_pose_is_shown_with_its_numbers() -> None:
    plan = Plan((tool_pose(Pose3(0.25, 0.0, 0.9), True),))
    text = described(PendingPlan(id=7, timeout_s=60.0, plan=convert.plan_to_msg(plan)))
    assert "Plan 7 of nobody named" in text and "60 s to decide" in text
    assert "1. tool_pose 0.250, 0.000, 0.900" in text
